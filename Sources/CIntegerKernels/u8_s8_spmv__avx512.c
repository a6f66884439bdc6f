// Sparse int8 weights times one vector of bytes: AVX-512 with permutations of bytes.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)
#include "inputs__avx512.h"

/// Adds a pair of steps.
CIK_INLINE CIK_AVX512 void add_pair(
    cik_spmv_place *place, const uint8_t **x, size_t window, __m512i sums[2]) {
    for (int step = 0; step < 2; step++) {
        *x += CIK_ADVANCE * place->advance[step];
        const uint8_t *columns = place->pair + step * CIK_SLOTS;
        __m512i inputs = cik_inputs(*x, _mm512_loadu_si512(columns), window);
        __m512i levels = _mm512_loadu_si512(columns + 2 * CIK_SLOTS);
        sums[step] = _mm512_dpbusd_epi32(sums[step], inputs, levels);
    }
    cik_prefetch(place, CIK_LEVEL_PAIR);
    place->pair += CIK_LEVEL_PAIR;
    place->advance += 2;
}

/// Four sums, since a dot product takes longer than the permutation that feeds it.
CIK_INLINE CIK_AVX512 __m512i slice_sums(
    cik_spmv_place *place, size_t pairs, const uint8_t *x, size_t window) {
    __m512i sums[4] = {};
    for (; pairs >= 2; pairs -= 2) {
        add_pair(place, &x, window, sums);
        add_pair(place, &x, window, sums + 2);
    }
    if (pairs) add_pair(place, &x, window, sums);
    return _mm512_add_epi32(
        _mm512_add_epi32(sums[0], sums[1]), _mm512_add_epi32(sums[2], sums[3]));
}

CIK_INLINE CIK_AVX512 void add_slices(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc,
    size_t window) {
    cik_spmv_place place = cik_spmv_start(weights, first, CIK_LEVEL_PAIR);
    for (size_t slice = first; slice < first + slices; slice++) {
        int32_t sums[CIK_ROWS];
        _mm512_storeu_si512(
            sums, slice_sums(&place, cik_spmv_pairs(weights, slice), x, window));
        cik_spmv_finish(weights, slice, sums, acc);
    }
}

CIK_AVX512 void u8_s8_spmv__avx512(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc) {
    switch (weights->window) {
    case 64: add_slices(weights, first, slices, x, acc, 64); break;
    case 128: add_slices(weights, first, slices, x, acc, 128); break;
    default: add_slices(weights, first, slices, x, acc, 256);
    }
}
#endif
