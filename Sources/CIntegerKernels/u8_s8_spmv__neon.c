// Sparse int8 weights times one vector of bytes: NEON with dot products.
#include "kernels.h"
#include "targets.h"

#if defined(__aarch64__)
#include "dot__neon.h"
#include "inputs__neon.h"

// A quarter of a step: four rows.
enum { QUARTERS = 4, QUARTER = CIK_SLOTS / QUARTERS };

/// Adds a pair of steps to the sums of 4 x 4 rows.
CIK_INLINE CIK_NEON void add_pair(
    cik_spmv_place *place, const uint8_t **x, size_t window, bool fits, cik_sums sums[QUARTERS]) {
    const uint8_t *columns = place->pair;
    for (int step = 0; step < 2; step++) {
        *x += CIK_ADVANCE * place->advance[step];
        for (int quarter = 0; quarter < QUARTERS; quarter++, columns += QUARTER) {
            uint8x16_t inputs = cik_inputs(*x, vld1q_u8(columns), window);
            int8x16_t levels = vld1q_s8((const int8_t *)columns + 2 * CIK_SLOTS);
            cik_add_dot(&sums[quarter], inputs, levels, fits);
        }
    }
    cik_prefetch(place, CIK_LEVEL_PAIR);
    place->pair += CIK_LEVEL_PAIR;
    place->advance += 2;
}

CIK_INLINE CIK_NEON void add_slices(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc,
    size_t window, bool fits) {
    cik_spmv_place place = cik_spmv_start(weights, first, CIK_LEVEL_PAIR);
    for (size_t slice = first; slice < first + slices; slice++) {
        cik_sums sums[QUARTERS];
        for (int i = 0; i < QUARTERS; i++) sums[i] = cik_no_sums();
        const uint8_t *inputs = x;
        for (size_t pairs = cik_spmv_pairs(weights, slice); pairs > 0; pairs--)
            add_pair(&place, &inputs, window, fits, sums);
        int32_t totals[CIK_ROWS];
        for (int i = 0; i < QUARTERS; i++) vst1q_s32(totals + 4 * i, cik_total(sums[i], fits));
        cik_spmv_finish(weights, slice, totals, acc);
    }
}

CIK_INLINE CIK_NEON void add_all(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc,
    bool fits) {
    switch (weights->window) {
    case 64: add_slices(weights, first, slices, x, acc, 64, fits); break;
    case 128: add_slices(weights, first, slices, x, acc, 128, fits); break;
    default: add_slices(weights, first, slices, x, acc, 256, fits);
    }
}

CIK_NEON void u8_s8_spmv__neon(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc) {
    if (weights->highest <= INT8_MAX)
        add_all(weights, first, slices, x, acc, true);
    else
        add_all(weights, first, slices, x, acc, false);
}
#endif
