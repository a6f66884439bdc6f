#include "targets.h"

#if defined(__aarch64__)
#define TARGET CIK_NEON
#include "u8_planes.inc"

void u8_planes__neon(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y) {
    make_planes(planes, x, lanes, y);
}
#endif
