#include "targets.h"

#if defined(__x86_64__)
#define TARGET CIK_AVX2
#include "u8_planes.inc"

void u8_planes__avx2(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y) {
    make_planes(planes, x, lanes, y);
}
#endif
