// Accumulators of different outputs to bytes: AVX-512.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)
#include "spmv.h"

typedef struct {
    __m512i half, low;
    __m128i high, shift;
} constants_of_rounding;

/// Eight bytes. Comparing 64 bits is slow: narrowing saturates at 255, and `high` is compared as a
/// byte.
CIK_INLINE CIK_AVX512VNNI __m128i eight_bytes(
    __m256i acc, __m256i multipliers, __m512i constants, const constants_of_rounding *rounding) {
    __m512i sums = _mm512_mul_epi32(
        _mm512_cvtepi32_epi64(acc), _mm512_cvtepi32_epi64(multipliers));
    sums = _mm512_add_epi64(sums, _mm512_add_epi64(constants, rounding->half));
    sums = _mm512_max_epi64(_mm512_sra_epi64(sums, rounding->shift), rounding->low);
    return _mm_min_epu8(_mm512_cvtusepi64_epi8(sums), rounding->high);
}

CIK_AVX512VNNI void s32_requantize_each__avx512vnni(
    const int32_t *acc, size_t count, const int32_t *multipliers, const int64_t *constants,
    cik_rounding rounding, uint8_t *y) {
    constants_of_rounding rule = {
        .half = _mm512_set1_epi64((int64_t)1 << (rounding.shift - 1)),
        .low = _mm512_set1_epi64(rounding.low),
        .high = _mm_set1_epi8((char)rounding.high),
        .shift = _mm_cvtsi32_si128(rounding.shift),
    };
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm_storel_epi64(
            (__m128i *)(y + i),
            eight_bytes(
                _mm256_loadu_si256((const __m256i *)(acc + i)),
                _mm256_loadu_si256((const __m256i *)(multipliers + i)),
                _mm512_loadu_si512(constants + i), &rule));
    if (i == count) return;
    __mmask8 some = (__mmask8)((1u << (count - i)) - 1);
    _mm_mask_storeu_epi8(
        y + i, some,
        eight_bytes(
            _mm256_maskz_loadu_epi32(some, acc + i),
            _mm256_maskz_loadu_epi32(some, multipliers + i),
            _mm512_maskz_loadu_epi64(some, constants + i), &rule));
}
#endif
