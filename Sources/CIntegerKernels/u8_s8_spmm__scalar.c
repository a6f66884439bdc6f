// Sparse int8 weights times planes of bytes, four terms a step.
#include "planar.h"
#include "rows.h"

#include <string.h>

/// Adds a step to `acc`.
static inline __attribute__((always_inline)) void add_step(
    const uint8_t *step, const uint8_t *x, size_t lanes, const cik_reading r,
    int32_t *restrict acc) {
    const uint8_t *a = x + cik_offset(step, 0, r) * lanes, *b = x + cik_offset(step, 1, r) * lanes;
    const uint8_t *c = x + cik_offset(step, 2, r) * lanes, *d = x + cik_offset(step, 3, r) * lanes;
    const int8_t *levels = (const int8_t *)step + 4 * r.size;
    int16_t s = levels[0], t = levels[1], u = levels[2], v = levels[3];
    for (int p = 0; p < CIK_TILE; p++)
        acc[p] += (int16_t)a[p] * s + (int16_t)b[p] * t + (int16_t)c[p] * u + (int16_t)d[p] * v;
}

static void sums(
    const cik_spmm_weights *weights, size_t number, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    const cik_rows *rows = &weights->rows;
    cik_reading r = {rows->offset_size, true, rows->shift};
    for (size_t block = 0; block < rows->blocks; block++) {
        const uint8_t *planes = x + rows->block_starts[block] * lanes;
        cik_quad_row row = cik_quad_row_at(cik_row_start(rows, block, number));
        for (; row.count > 0; row.count--, row.place += cik_quad_bytes(r.size))
            add_step(row.place, planes, lanes, r, acc);
    }
}

void u8_s8_spmm__scalar(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    CIK_FOR_EACH_ROW(weights->rows.order[number], sums, cik_requantize_tile, cik_add_residual)
}
