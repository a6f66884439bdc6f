// Sparse int8 weights times planes of bytes up to 63: groups of one level are added in bytes and
// multiplied once.
#include "planar.h"
#include "targets.h"

#include <string.h>

/// Adds a step to `acc`: for each of two groups its level times the sum of `group` terms. Sums fit
/// a byte, products 16 bits.
static inline __attribute__((always_inline)) void add_step(
    const cik_grouped_weights *weights, const cik_steps *steps, size_t step, const size_t group,
    const uint8_t *x, size_t lanes, int32_t *restrict acc) {
    const uint8_t *terms[8];
    for (size_t i = 0; i < 2 * group; i++) {
        size_t offset = cik_offset(steps->offsets, weights->offset_size, 2 * group * step + i);
        terms[i] = x + (offset << weights->shift) * lanes;
    }
    int16_t u = steps->levels[2 * step], v = steps->levels[2 * step + 1];
    for (int p = 0; p < CIK_TILE; p++) {
        uint8_t a = 0, b = 0;
        CIK_UNROLLED for (size_t i = 0; i < group; i++) {
            a += terms[i][p];
            b += terms[group + i][p];
        }
        acc[p] += (int16_t)(a * u) + (int16_t)(b * v);
    }
}

static void sums(
    const cik_grouped_weights *weights, size_t output, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    for (size_t block = 0; block < weights->blocks; block++) {
        const uint8_t *planes = x + weights->block_starts[block] * lanes;
        size_t row = block * weights->outputs + output;
        CIK_UNROLLED for (size_t size = 0; size < CIK_STEP_SIZES; size++) {
            const cik_steps *steps = &weights->steps[size];
            for (size_t i = steps->first[row]; i < steps->first[row + 1]; i++)
                add_step(weights, steps, i, cik_group(size), planes, lanes, acc);
        }
    }
}

void u6_s8_spmm__scalar(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    CIK_FOR_EACH_TILE(sums, cik_requantize_tile, cik_add_residual)
}
