// Each byte by table: NEON.
#include "kernels.h"
#include "targets.h"

#if defined(__aarch64__)
#include "inputs__neon.h"

CIK_NEON void u8_lookup__neon(const uint8_t *table, const uint8_t *x, size_t count, uint8_t *y) {
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        vst1q_u8(y + i, cik_inputs(table, vld1q_u8(x + i), 256));
    u8_lookup__scalar(table, x + i, count - i, y + i);
}
#endif
