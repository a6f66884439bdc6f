// Accumulators of different outputs to bytes: AVX2.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)
#include "spmv.h"

/// An arithmetic shift, which AVX2 lacks for 64 bits: with 2^63 added the value has no sign.
CIK_INLINE CIK_AVX2 __m256i shifted_right(__m256i value, __m128i shift) {
    const __m256i sign = _mm256_set1_epi64x(INT64_MIN);
    value = _mm256_srl_epi64(_mm256_xor_si256(value, sign), shift);
    return _mm256_sub_epi64(value, _mm256_srl_epi64(sign, shift));
}

CIK_INLINE CIK_AVX2 __m256i clamped(__m256i value, __m256i low, __m256i high) {
    value = _mm256_blendv_epi8(value, low, _mm256_cmpgt_epi64(low, value));
    return _mm256_blendv_epi8(value, high, _mm256_cmpgt_epi64(value, high));
}

CIK_INLINE CIK_AVX2 __m256i widened(const int32_t *four) {
    return _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)four));
}

/// The lowest bytes of four 64-bit lanes.
CIK_INLINE CIK_AVX2 int32_t lowest_bytes(__m256i lanes) {
    const __m256i even = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    const __m128i bytes = _mm_setr_epi8(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12);
    __m128i words = _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(lanes, even));
    return _mm_cvtsi128_si32(_mm_shuffle_epi8(words, bytes));
}

CIK_AVX2 void s32_requantize_each__avx2(
    const int32_t *acc, size_t count, const int32_t *multipliers, const int64_t *constants,
    cik_rounding rounding, uint8_t *y) {
    __m256i half = _mm256_set1_epi64x((int64_t)1 << (rounding.shift - 1));
    __m256i low = _mm256_set1_epi64x(rounding.low), high = _mm256_set1_epi64x(rounding.high);
    __m128i shift = _mm_cvtsi32_si128(rounding.shift);
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        __m256i sums = _mm256_mul_epi32(widened(acc + i), widened(multipliers + i));
        __m256i others = _mm256_loadu_si256((const __m256i *)(constants + i));
        sums = _mm256_add_epi64(sums, _mm256_add_epi64(others, half));
        int32_t bytes = lowest_bytes(clamped(shifted_right(sums, shift), low, high));
        __builtin_memcpy(y + i, &bytes, 4);
    }
    s32_requantize_each__scalar(
        acc + i, count - i, multipliers + i, constants + i, rounding, y + i);
}
#endif
