#include "kernels.h"
#include "targets.h"

#if defined(__aarch64__)
#define TARGET CIK_NEON

/// The sum of `count` bytes, as many as fit 32 bits; compilers vectorize it.
TARGET static int32_t sum_of(const uint8_t *x, size_t count) {
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += x[i];
    return (int32_t)sum;
}

#include "u8_average_pooling.inc"

void u8_average_pooling__neon(
    const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y) {
    average(averaging, x, lanes, y);
}
#endif
