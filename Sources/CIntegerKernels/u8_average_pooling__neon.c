#include "targets.h"

#if defined(__aarch64__)
#define TARGET CIK_NEON
#include "u8_average_pooling.inc"

void u8_average_pooling__neon(
    const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y) {
    average(averaging, x, lanes, y);
}
#endif
