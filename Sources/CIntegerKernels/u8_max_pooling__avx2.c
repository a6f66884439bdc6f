#include "targets.h"

#if defined(__x86_64__)
#define TARGET CIK_AVX2
#include "u8_max_pooling.inc"

void u8_max_pooling__avx2(
    const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y) {
    pool(pooling, x, lanes, y);
}
#endif
