#include "targets.h"

#if defined(__aarch64__)
#define TARGET CIK_NEON
#include "u8_max_pooling.inc"

void u8_max_pooling__neon(
    const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y) {
    pool(pooling, x, lanes, y);
}
#endif
