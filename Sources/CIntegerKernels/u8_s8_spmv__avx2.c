// Sparse int8 weights times one vector of bytes: AVX2.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)
#include "dot__avx2.h"
#include "inputs__avx2.h"

// Half a step: eight rows.
enum { HALF = CIK_SLOTS / 2 };

/// Adds a pair of steps to the sums of 2 x 8 rows.
CIK_INLINE CIK_AVX2 void add_pair(
    cik_spmv_place *place, const uint8_t **x, size_t window, bool fits, __m256i sums[2]) {
    const uint8_t *columns = place->pair;
    for (int step = 0; step < 2; step++) {
        *x += CIK_ADVANCE * place->advance[step];
        for (int half = 0; half < 2; half++, columns += HALF) {
            __m256i inputs = cik_inputs(*x, cik_load(columns), window);
            __m256i levels = cik_load(columns + 2 * CIK_SLOTS);
            sums[half] = _mm256_add_epi32(sums[half], cik_dot(inputs, levels, fits));
        }
    }
    cik_prefetch(place, CIK_LEVEL_PAIR);
    place->pair += CIK_LEVEL_PAIR;
    place->advance += 2;
}

CIK_INLINE CIK_AVX2 void add_slices(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc,
    size_t window, bool fits) {
    cik_spmv_place place = cik_spmv_start(weights, first, CIK_LEVEL_PAIR);
    for (size_t slice = first; slice < first + slices; slice++) {
        __m256i sums[2] = {};
        const uint8_t *inputs = x;
        for (size_t pairs = cik_spmv_pairs(weights, slice); pairs > 0; pairs--)
            add_pair(&place, &inputs, window, fits, sums);
        cik_spmv_finish(weights, slice, (const int32_t *)sums, acc);
    }
}

CIK_INLINE CIK_AVX2 void add_all(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc,
    bool fits) {
    switch (weights->window) {
    case 64: add_slices(weights, first, slices, x, acc, 64, fits); break;
    case 128: add_slices(weights, first, slices, x, acc, 128, fits); break;
    default: add_slices(weights, first, slices, x, acc, 256, fits);
    }
}

CIK_AVX2 void u8_s8_spmv__avx2(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc) {
    if (cik_pairs_fit(weights->highest, -INT8_MIN))
        add_all(weights, first, slices, x, acc, true);
    else
        add_all(weights, first, slices, x, acc, false);
}
#endif
