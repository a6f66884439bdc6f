// Accumulators of different outputs to bytes by a rule in floats: AVX-512. Half the instructions of
// products in 64 bits.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)

/// Sixteen bytes.
CIK_AVX512VNNI static inline __attribute__((always_inline)) __m128i sixteen_bytes(
    __m512i acc, __m512 multipliers, __m512 constants, __m512i low, __m128i high) {
    __m512 values = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc), multipliers, constants);
    __m512i floors =
        _mm512_cvt_roundps_epi32(values, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    return _mm_min_epu8(_mm512_cvtusepi32_epi8(_mm512_max_epi32(floors, low)), high);
}

CIK_AVX512VNNI void s32_requantize_floats__avx512vnni(
    const int32_t *acc, size_t count, const float *multipliers, const float *constants,
    cik_rounding rounding, uint8_t *y) {
    __m512i low = _mm512_set1_epi32(rounding.low);
    __m128i high = _mm_set1_epi8((char)rounding.high);
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        _mm_storeu_si128(
            (__m128i *)(y + i),
            sixteen_bytes(
                _mm512_loadu_si512(acc + i), _mm512_loadu_ps(multipliers + i),
                _mm512_loadu_ps(constants + i), low, high));
    if (i == count) return;
    __mmask16 some = (__mmask16)((1u << (count - i)) - 1);
    _mm_mask_storeu_epi8(
        y + i, some,
        sixteen_bytes(
            _mm512_maskz_loadu_epi32(some, acc + i), _mm512_maskz_loadu_ps(some, multipliers + i),
            _mm512_maskz_loadu_ps(some, constants + i), low, high));
}
#endif
