// Accumulators of different outputs to bytes: AVX-512.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)
CIK_AVX512VNNI void s32_requantize_each__avx512vnni(
    const int32_t *acc, size_t count, const int32_t *multipliers, const int64_t *constants,
    cik_rounding rounding, uint8_t *y) {
    __m512i half = _mm512_set1_epi64((int64_t)1 << (rounding.shift - 1));
    __m512i low = _mm512_set1_epi64(rounding.low), high = _mm512_set1_epi64(rounding.high);
    __m128i shift = _mm_cvtsi32_si128(rounding.shift);
    for (size_t i = 0; i < count; i += 8) {
        __mmask8 some = count - i < 8 ? (__mmask8)((1u << (count - i)) - 1) : 0xFF;
        __m512i sums = _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(some, acc + i));
        __m512i factors = _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(some, multipliers + i));
        __m512i others = _mm512_add_epi64(_mm512_maskz_loadu_epi64(some, constants + i), half);
        sums = _mm512_add_epi64(_mm512_mul_epi32(sums, factors), others);
        sums = _mm512_sra_epi64(sums, shift);
        sums = _mm512_min_epi64(_mm512_max_epi64(sums, low), high);
        _mm512_mask_cvtepi64_storeu_epi8(y + i, some, sums);
    }
}
#endif
