// Bytes of two or more inputs, each on its own grid, to their sum, in 32 bits.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline)) CIK_AVX512VNNI

// With M = upper << 16 | lower (lower signed) a sum is `S = U * 2^16 + L`, U and L those of the
// halves, and `S >> shift` is `(U + (L >> 16)) >> (shift - 16)`. Part i of a block holds positions
// 16 * l + 4 * i + 0...3 of each quarter l.
typedef struct { __m512i upper[4], lower[4]; } sums;

/// Whether both halves fit 16 bits and their sums 32 bits: fewer than 64 terms below 2^23, and the
/// constant, whose upper half is below 2^29.
static bool halves_fit(const cik_addition *addition, int64_t constant) {
    if (addition->rounding.shift < 16) return false;
    if (constant >= (int64_t)1 << 45 || constant <= -((int64_t)1 << 45)) return false;
    for (size_t term = 0; term < addition->terms; term++)
        if (addition->multipliers[term] >= 0x7fff8000) return false;
    return addition->terms < 64;
}

/// The halves of two multipliers for `vpdpwssd`.
INLINE __m512i upper_halves(int32_t a, int32_t b) {
    uint32_t first = (uint32_t)((a + 0x8000) >> 16) & 0xffff;
    uint32_t second = (uint32_t)((b + 0x8000) >> 16);
    return _mm512_set1_epi32((int32_t)(second << 16 | first));
}

INLINE __m512i lower_halves(int32_t a, int32_t b) {
    return _mm512_set1_epi32((int32_t)((uint32_t)b << 16 | ((uint32_t)a & 0xffff)));
}

INLINE void add_two(sums *s, __m512i a, __m512i b, __m512i upper, __m512i lower) {
    const __m512i zero = _mm512_setzero_si512();
    __m512i low = _mm512_unpacklo_epi8(a, b), high = _mm512_unpackhi_epi8(a, b);
    __m512i pairs[4] = {
        _mm512_unpacklo_epi8(low, zero), _mm512_unpackhi_epi8(low, zero),
        _mm512_unpacklo_epi8(high, zero), _mm512_unpackhi_epi8(high, zero),
    };
    for (int i = 0; i < 4; i++) {
        s->upper[i] = _mm512_dpwssd_epi32(s->upper[i], pairs[i], upper);
        s->lower[i] = _mm512_dpwssd_epi32(s->lower[i], pairs[i], lower);
    }
}

INLINE __m512i rounded(const sums *s, cik_rounding rounding) {
    __m128i shift = _mm_cvtsi32_si128(rounding.shift - 16);
    __m512i part[4];
    for (int i = 0; i < 4; i++)
        part[i] = _mm512_sra_epi32(
            _mm512_add_epi32(s->upper[i], _mm512_srai_epi32(s->lower[i], 16)), shift);
    __m512i bytes = _mm512_packus_epi16(
        _mm512_packs_epi32(part[0], part[1]), _mm512_packs_epi32(part[2], part[3]));
    bytes = _mm512_max_epu8(bytes, _mm512_set1_epi8((char)rounding.low));
    return _mm512_min_epu8(bytes, _mm512_set1_epi8((char)rounding.high));
}

CIK_AVX512VNNI static void add(
    const cik_addition *addition, int64_t constant, const uint8_t *const *x, size_t count,
    uint8_t *y) {
    const __m512i constant_upper = _mm512_set1_epi32((int32_t)(constant >> 16));
    const __m512i constant_lower = _mm512_set1_epi32((int32_t)(constant & 0xffff));
    const int32_t *multipliers = addition->multipliers;
    for (size_t start = 0; start < count; start += 64) {
        size_t left = count - start;
        __mmask64 mask = left < 64 ? ((uint64_t)1 << left) - 1 : ~(uint64_t)0;
        sums s;
        for (int i = 0; i < 4; i++) s.upper[i] = constant_upper, s.lower[i] = constant_lower;
        for (size_t term = 0; term < addition->terms; term += 2) {
            bool is_last = term + 1 == addition->terms;
            int32_t first = multipliers[term], second = is_last ? 0 : multipliers[term + 1];
            __m512i a = _mm512_maskz_loadu_epi8(mask, x[term] + start);
            __m512i b = is_last ? a : _mm512_maskz_loadu_epi8(mask, x[term + 1] + start);
            add_two(&s, a, b, upper_halves(first, second), lower_halves(first, second));
        }
        _mm512_mask_storeu_epi8(y + start, mask, rounded(&s, addition->rounding));
    }
}

void u8_add__avx512vnni(
    const cik_addition *addition, const uint8_t *const *x, size_t count, uint8_t *y) {
    int64_t constant = addition->constant + ((int64_t)1 << (addition->rounding.shift - 1));
    if (halves_fit(addition, constant))
        add(addition, constant, x, count, y);
    else
        u8_add__scalar(addition, x, count, y);
}
#endif
