// Bytes times one byte a channel: a table for each channel of one sample.
#include "lookup__avx512.h"

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline)) CIK_AVX512

/// `(a * multiplier + constant) >> shift`, cut to 0...255, for eight bytes in lanes of 64 bits. The
/// upper half of the multiplier is signed, the lower is not.
INLINE __m128i products_of_8(
    __m512i a, int64_t multiplier, int64_t constant, cik_rounding rounding) {
    __m512i lower = _mm512_mul_epu32(a, _mm512_set1_epi64(multiplier & 0xffffffff));
    __m512i upper = _mm512_mul_epi32(a, _mm512_set1_epi64(multiplier >> 32));
    __m512i sum = _mm512_add_epi64(
        _mm512_add_epi64(lower, _mm512_slli_epi64(upper, 32)), _mm512_set1_epi64(constant));
    sum = _mm512_sra_epi64(sum, _mm_cvtsi32_si128(rounding.shift));
    sum = _mm512_max_epi64(sum, _mm512_set1_epi64(rounding.low));
    sum = _mm512_min_epi64(sum, _mm512_set1_epi64(rounding.high));
    return _mm512_cvtepi64_epi8(sum);
}

/// The results of all bytes 0...highest.
CIK_AVX512 static void fill_table(
    int64_t multiplier, int64_t constant, cik_rounding rounding, int highest, uint8_t *table) {
    int64_t half = (int64_t)1 << (rounding.shift - 1);
    __m512i a = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    for (int i = 0; i <= highest; i += 8) {
        _mm_storel_epi64(
            (__m128i *)(table + i), products_of_8(a, multiplier, constant + half, rounding));
        a = _mm512_add_epi64(a, _mm512_set1_epi64(8));
    }
}

CIK_AVX512 void u8_multiply__avx512(
    const cik_multiplication *m, const uint8_t *a, const uint8_t *b, size_t lanes, uint8_t *y) {
    if (!m->one_per_channel || lanes != 1) {
        u8_multiply__scalar(m, a, b, lanes, y);
        return;
    }
    uint8_t table[256] = {0};
    for (size_t channel = 0; channel < m->channels; channel++) {
        int64_t factor = b[channel];
        fill_table(
            factor * m->both + m->first, factor * m->second + m->constant, m->rounding, m->highest,
            table);
        cik_look_up(table, a + channel * m->area, m->area, y + channel * m->area);
    }
}
#endif
