// Sparse int8 weights times planes of bytes up to 63: fours are added in bytes and multiplied once.
#include "planar.h"

#include <string.h>

/// Where term `i` of the eights or of the twos begins, for planes of a block from x on.
static const uint8_t *term(
    const cik_fours_weights *weights, const void *offsets, size_t i, const uint8_t *x,
    size_t lanes) {
    return x + (cik_offset(offsets, weights->offset_size, i) << weights->shift) * lanes;
}

// acc[p] += level * sum of four terms at p. The product fits 16 bits: at most 32767.
static void add_four(
    const cik_fours_weights *weights, size_t four, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    const uint8_t *terms[4];
    for (size_t i = 0; i < 4; i++)
        terms[i] = term(weights, weights->eight_offsets, 4 * four + i, x, lanes);
    const uint8_t *a = terms[0], *b = terms[1], *c = terms[2], *d = terms[3];
    int16_t level = weights->eight_levels[four];
    for (int p = 0; p < CIK_TILE; p++)
        acc[p] += (int16_t)((uint8_t)(a[p] + b[p] + c[p] + d[p]) * level);
}

static void add_two(
    const cik_fours_weights *weights, size_t two, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    const uint8_t *a = term(weights, weights->two_offsets, 2 * two, x, lanes);
    const uint8_t *b = term(weights, weights->two_offsets, 2 * two + 1, x, lanes);
    int16_t u = weights->two_levels[2 * two], v = weights->two_levels[2 * two + 1];
    for (int p = 0; p < CIK_TILE; p++) acc[p] += (int16_t)a[p] * u + (int16_t)b[p] * v;
}

static void sums(
    const cik_fours_weights *weights, size_t output, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    for (size_t block = 0; block < weights->blocks; block++) {
        const uint8_t *planes = x + weights->block_starts[block] * lanes;
        size_t row = block * weights->outputs + output;
        for (size_t i = 2 * weights->first_eight[row]; i < 2 * weights->first_eight[row + 1]; i++)
            add_four(weights, i, planes, lanes, acc);
        for (size_t i = weights->first_two[row]; i < weights->first_two[row + 1]; i++)
            add_two(weights, i, planes, lanes, acc);
    }
}

void u6_s8_spmm__scalar(
    const cik_fours_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    CIK_FOR_EACH_TILE(sums, cik_requantize_tile)
}
