// Sparse int8 weights times planes of bytes up to 63: groups of one level are added in bytes and
// multiplied once.
#include "rows.h"
#include "planar.h"
#include "targets.h"

#include <string.h>

/// Adds a step to `acc`: for each of two groups its level times the sum of `group` terms. Sums fit
/// a byte, products 16 bits.
static inline __attribute__((always_inline)) void add_step(
    const uint8_t *step, const size_t group, const uint8_t *x, size_t lanes, const cik_reading r,
    int32_t *restrict acc) {
    const uint8_t *terms[8];
    for (size_t i = 0; i < 2 * group; i++) terms[i] = x + cik_offset(step, i, r) * lanes;
    const int8_t *levels = (const int8_t *)step + 2 * group * r.size;
    int16_t u = levels[0], v = levels[1];
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
    const cik_grouped_weights *weights, size_t number, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    cik_reading r = {weights->rows.offset_size, true, weights->rows.shift};
    for (size_t block = 0; block < weights->rows.blocks; block++) {
        const uint8_t *planes = x + weights->rows.block_starts[block] * lanes;
        cik_grouped_row row = cik_grouped_row_at(cik_row_start(&weights->rows, block, number));
        CIK_UNROLLED for (size_t size = 0; size < CIK_STEP_SIZES; size++)
            for (uint32_t i = 0; i < row.counts[size]; i++) {
                add_step(row.place, cik_group(size), planes, lanes, r, acc);
                row.place += cik_step_bytes(size, r.size);
            }
    }
}

void u6_s8_spmm__scalar(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    CIK_FOR_EACH_ROW(weights->rows.order[number], sums, cik_requantize_tile, cik_add_residual)
}
