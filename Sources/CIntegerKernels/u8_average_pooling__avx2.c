#include "targets.h"

#if defined(__x86_64__)
#define TARGET CIK_AVX2
#include "u8_average_pooling.inc"

void u8_average_pooling__avx2(
    const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y) {
    average(averaging, x, lanes, y);
}
#endif
