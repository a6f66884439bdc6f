/// Picks 32 bytes by their columns: AVX2, whose shuffles see 16 bytes.
#ifndef CIK_INPUTS_AVX2_H
#define CIK_INPUTS_AVX2_H

#include "spmv.h"
#include "targets.h"

/// Columns and what is derived from them: the top bit, for which a shuffle gives 0, is set in
/// `even` where bit 4 of the column is, in `odd` where it is not.
typedef struct {
    __m256i columns, even, odd;
} cik_columns;

CIK_INLINE CIK_AVX2 __m256i cik_sixteen(const uint8_t *x) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)x));
}

CIK_INLINE CIK_AVX2 __m256i cik_inputs_32(const uint8_t *x, const cik_columns *c) {
    return _mm256_or_si256(
        _mm256_shuffle_epi8(cik_sixteen(x), c->even),
        _mm256_shuffle_epi8(cik_sixteen(x + 16), c->odd));
}

// The two halves of a wider window, chosen by bit 5, 6 or 7 of the column.

CIK_INLINE CIK_AVX2 __m256i cik_inputs_64(const uint8_t *x, const cik_columns *c) {
    return _mm256_blendv_epi8(
        cik_inputs_32(x, c), cik_inputs_32(x + 32, c), _mm256_slli_epi16(c->columns, 2));
}

CIK_INLINE CIK_AVX2 __m256i cik_inputs_128(const uint8_t *x, const cik_columns *c) {
    return _mm256_blendv_epi8(
        cik_inputs_64(x, c), cik_inputs_64(x + 64, c), _mm256_slli_epi16(c->columns, 1));
}

CIK_INLINE CIK_AVX2 __m256i cik_inputs_256(const uint8_t *x, const cik_columns *c) {
    return _mm256_blendv_epi8(cik_inputs_128(x, c), cik_inputs_128(x + 128, c), c->columns);
}

/// `x[columns[i]]` from a window of 64, 128 or 256 bytes, a constant.
CIK_INLINE CIK_AVX2 __m256i cik_inputs(const uint8_t *x, __m256i columns, size_t window) {
    const __m256i top = _mm256_set1_epi8(-128);
    __m256i low = _mm256_and_si256(columns, _mm256_set1_epi8(15));
    __m256i even = _mm256_or_si256(low, _mm256_and_si256(_mm256_slli_epi16(columns, 3), top));
    cik_columns c = {columns, even, _mm256_xor_si256(even, top)};
    if (window == 64) return cik_inputs_64(x, &c);
    return window == 128 ? cik_inputs_128(x, &c) : cik_inputs_256(x, &c);
}

#endif
