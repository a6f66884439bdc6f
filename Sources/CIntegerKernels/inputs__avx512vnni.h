/// Picks 64 bytes by their columns: AVX-512 without permutations of bytes.
#ifndef CIK_INPUTS_AVX512VNNI_H
#define CIK_INPUTS_AVX512VNNI_H

#include "spmv.h"
#include "targets.h"

/// For each of 32 numbers of words (in its low bits) that word of a window of 64, 128 or 256 bytes.
/// In windows of 256, `high` says which numbers lie in the second half.
CIK_INLINE CIK_AVX512VNNI __m512i cik_words(
    const uint8_t *x, __m512i numbers, __mmask32 high, size_t window) {
    __m512i first = _mm512_loadu_si512(x);
    if (window == 64) return _mm512_permutexvar_epi16(numbers, first);
    __m512i words = _mm512_permutex2var_epi16(first, numbers, _mm512_loadu_si512(x + 64));
    if (window == 128) return words;
    __m512i others = _mm512_permutex2var_epi16(
        _mm512_loadu_si512(x + 128), numbers, _mm512_loadu_si512(x + 192));
    return _mm512_mask_blend_epi16(high, words, others);
}

/// `x[columns[i]]` from a window of 64, 128 or 256 bytes, a constant: the words with
/// the inputs of even places and of odd ones, shifted so that each input stands in its place.
CIK_INLINE CIK_AVX512VNNI __m512i cik_inputs(const uint8_t *x, __m512i columns, size_t window) {
    const __m512i eight = _mm512_set1_epi16(8);
    __m512i even = cik_words(
        x, _mm512_srli_epi16(columns, 1), _mm512_movepi16_mask(_mm512_slli_epi16(columns, 8)),
        window);
    __m512i odd = cik_words(
        x, _mm512_srli_epi16(columns, 9), _mm512_movepi16_mask(columns), window);
    // 8 where an even place wants the high byte of its word, where an odd place wants the low one.
    __m512i right = _mm512_and_si512(_mm512_slli_epi16(columns, 3), eight);
    __m512i left = _mm512_andnot_si512(_mm512_srli_epi16(columns, 5), eight);
    return _mm512_mask_blend_epi8(
        0xAAAAAAAAAAAAAAAA, _mm512_srlv_epi16(even, right), _mm512_sllv_epi16(odd, left));
}

#endif
