// Sparse int8 weights times planes of bytes up to 63: fours are added in bytes and multiplied once.
#include "planar.h"

#include <string.h>

// acc[p] += level * sum of four terms at p. The product fits 16 bits: at most 32767.
static void add_four(
    const uint32_t *offsets, int16_t level, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    const uint8_t *a = x + offsets[0] * lanes, *b = x + offsets[1] * lanes;
    const uint8_t *c = x + offsets[2] * lanes, *d = x + offsets[3] * lanes;
    for (int p = 0; p < CIK_TILE; p++)
        acc[p] += (int16_t)((uint8_t)(a[p] + b[p] + c[p] + d[p]) * level);
}

static void add_two(
    const uint32_t *offsets, const int8_t *levels, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    const uint8_t *a = x + offsets[0] * lanes, *b = x + offsets[1] * lanes;
    int16_t u = levels[0], v = levels[1];
    for (int p = 0; p < CIK_TILE; p++) acc[p] += (int16_t)a[p] * u + (int16_t)b[p] * v;
}

static void sums(
    const cik_fours_weights *weights, size_t output, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    for (size_t row = output; row < weights->blocks * weights->outputs; row += weights->outputs) {
        for (size_t i = weights->first_eight[row]; i < weights->first_eight[row + 1]; i++) {
            const uint32_t *offsets = weights->eight_offsets + 8 * i;
            add_four(offsets, weights->eight_levels[2 * i], x, lanes, acc);
            add_four(offsets + 4, weights->eight_levels[2 * i + 1], x, lanes, acc);
        }
        for (size_t i = weights->first_two[row]; i < weights->first_two[row + 1]; i++)
            add_two(weights->two_offsets + 2 * i, weights->two_levels + 2 * i, x, lanes, acc);
    }
}

void u6_s8_spmm__scalar(
    const cik_fours_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    CIK_FOR_EACH_TILE(sums, cik_requantize_tile)
}
