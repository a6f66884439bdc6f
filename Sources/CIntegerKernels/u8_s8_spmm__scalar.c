// Sparse int8 weights times planes of bytes: the terms of a group are added, then multiplied once.
#include "kernels.h"

#include <string.h>

// Sums of bytes are kept in bytes if at least this many terms fit; else in 16 bits.
enum { NARROW_TERMS = 4, WIDE_TERMS = 257 };  // 257 * 255 == 65535

// acc[p] += level * sum of `count` terms at p; count * highest fits a byte.
static void add_narrow(
    const uint32_t *offsets, size_t count, const uint8_t *x, size_t lanes, int32_t level,
    int32_t *restrict acc) {
    uint8_t sum[CIK_TILE];
    memcpy(sum, x + offsets[0] * lanes, sizeof sum);
    for (size_t term = 1; term < count; term++) {
        const uint8_t *run = x + offsets[term] * lanes;
        for (int p = 0; p < CIK_TILE; p++) sum[p] += run[p];
    }
    // The product fits 16 bits: at most 255 times a level of 8 bits.
    for (int p = 0; p < CIK_TILE; p++) acc[p] += (int16_t)(sum[p] * level);
}

// acc[p] += level * sum of `count` terms at p; count is at most WIDE_TERMS.
static void add_wide(
    const uint32_t *offsets, size_t count, const uint8_t *x, size_t lanes, int32_t level,
    int32_t *restrict acc) {
    uint16_t sum[CIK_TILE] = {0};
    for (size_t term = 0; term < count; term++) {
        const uint8_t *run = x + offsets[term] * lanes;
        for (int p = 0; p < CIK_TILE; p++) sum[p] += run[p];
    }
    for (int p = 0; p < CIK_TILE; p++) acc[p] += level * (int32_t)sum[p];
}

static void tile(
    const cik_spmm_weights *weights, size_t output, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    size_t fitting = 255 / (size_t)weights->highest;
    bool narrow = fitting >= NARROW_TERMS;
    size_t most = narrow ? fitting : WIDE_TERMS;
    memset(acc, 0, CIK_TILE * sizeof *acc);
    for (size_t g = weights->first_group[output]; g < weights->first_group[output + 1]; g++) {
        size_t end = weights->first_term[g + 1];
        for (size_t term = weights->first_term[g]; term < end; term += most) {
            size_t count = end - term < most ? end - term : most;
            (narrow ? add_narrow : add_wide)(
                weights->offsets + term, count, x, lanes, weights->levels[g], acc);
        }
    }
}

void u8_s8_spmm__scalar(
    const cik_spmm_weights *weights, size_t first, size_t outputs, const uint8_t *x, size_t lanes,
    size_t length, int32_t *acc, size_t acc_stride) {
    for (size_t p = 0; p < length; p += CIK_TILE)
        for (size_t output = 0; output < outputs; output++)
            tile(weights, first + output, x + p, lanes, acc + output * acc_stride + p);
}
