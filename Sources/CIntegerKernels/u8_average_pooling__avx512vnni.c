#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)
#define TARGET CIK_AVX512VNNI

/// The sum of `count` bytes, as many as fit 32 bits.
TARGET static int32_t sum_of(const uint8_t *x, size_t count) {
    const __m512i zero = _mm512_setzero_si512();
    __m512i sum = zero;
    for (size_t i = 0; i < count; i += 64) {
        size_t left = count - i;
        __mmask64 mask = left < 64 ? ((uint64_t)1 << left) - 1 : ~(uint64_t)0;
        sum = _mm512_add_epi64(sum, _mm512_sad_epu8(_mm512_maskz_loadu_epi8(mask, x + i), zero));
    }
    return (int32_t)_mm512_reduce_add_epi64(sum);
}

#include "u8_average_pooling.inc"

void u8_average_pooling__avx512vnni(
    const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y) {
    average(averaging, x, lanes, y);
}
#endif
