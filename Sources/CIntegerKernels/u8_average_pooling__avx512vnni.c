// The mean of whole planes; the sums of smaller windows are left to the scalar kernel.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)

/// The sum of `count` bytes, as many as fit 32 bits.
CIK_AVX512VNNI static int32_t sum_of(const uint8_t *x, size_t count) {
    const __m512i zero = _mm512_setzero_si512();
    __m512i sum = zero;
    for (size_t i = 0; i < count; i += 64) {
        size_t left = count - i;
        __mmask64 mask = left < 64 ? ((uint64_t)1 << left) - 1 : ~(uint64_t)0;
        sum = _mm512_add_epi64(sum, _mm512_sad_epu8(_mm512_maskz_loadu_epi8(mask, x + i), zero));
    }
    return (int32_t)_mm512_reduce_add_epi64(sum);
}

void u8_average_pooling__avx512vnni(
    const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y) {
    const cik_pooling *pooling = &averaging->windows;
    bool is_whole = pooling->kernel_height == pooling->height
        && pooling->kernel_width == pooling->width && pooling->padding_height == 0
        && pooling->padding_width == 0;
    if (lanes != 1 || !is_whole) {
        u8_average_pooling__scalar(averaging, x, lanes, y);
        return;
    }
    size_t area = pooling->height * pooling->width;
    for (size_t channel = 0; channel < pooling->channels; channel++)
        y[channel] = (uint8_t)cik_requantize(
            sum_of(x + channel * area, area), averaging->multiplier, averaging->constant,
            averaging->rounding);
}
#endif
