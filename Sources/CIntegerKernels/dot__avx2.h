/// Dot products of bytes and int8 levels: AVX2.
#ifndef CIK_DOT_AVX2_H
#define CIK_DOT_AVX2_H

#include "spmv.h"
#include "targets.h"

/// Sums of four products each. The instruction that multiplies bytes adds two products in 16 bits and
/// saturates. If `fits` says that no two products need more, that does no harm; else the top bits of
/// x are multiplied apart.
CIK_INLINE CIK_AVX2 __m256i cik_dot(__m256i x, __m256i levels, bool fits) {
    const __m256i ones = _mm256_set1_epi16(1), tops = _mm256_set1_epi16(128);
    if (fits) return _mm256_madd_epi16(_mm256_maddubs_epi16(x, levels), ones);
    __m256i low = _mm256_and_si256(x, _mm256_set1_epi8(127));
    __m256i top = _mm256_and_si256(_mm256_srli_epi16(x, 7), _mm256_set1_epi8(1));
    return _mm256_add_epi32(
        _mm256_madd_epi16(_mm256_maddubs_epi16(low, levels), ones),
        _mm256_madd_epi16(_mm256_maddubs_epi16(top, levels), tops));
}

CIK_INLINE CIK_AVX2 __m256i cik_load(const void *bytes) {
    return _mm256_loadu_si256((const __m256i *)bytes);
}

#endif
