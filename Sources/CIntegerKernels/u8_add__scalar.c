// Bytes of two or more inputs, each on its own grid, to their sum.
#include "kernels.h"

// Places whose sums stay in the first cache while the inputs pass.
enum { BLOCK = 64 };

static void add_block(
    const cik_addition *addition, const uint8_t *const *x, size_t start, size_t count,
    uint8_t *y) {
    int64_t sums[BLOCK];
    for (size_t i = 0; i < count; i++) sums[i] = addition->constant;
    for (size_t term = 0; term < addition->terms; term++) {
        const uint8_t *bytes = x[term] + start;
        int64_t multiplier = addition->multipliers[term];
        for (size_t i = 0; i < count; i++) sums[i] += bytes[i] * multiplier;
    }
    for (size_t i = 0; i < count; i++)
        y[i] = (uint8_t)cik_requantize_sum(sums[i], addition->rounding);
}

void u8_add__scalar(
    const cik_addition *addition, const uint8_t *const *x, size_t count, uint8_t *y) {
    for (size_t start = 0; start < count; start += BLOCK) {
        size_t length = count - start < BLOCK ? count - start : BLOCK;
        add_block(addition, x, start, length, y + start);
    }
}
