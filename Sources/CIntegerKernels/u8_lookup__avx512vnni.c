// Each byte by table: AVX-512 without permutations of bytes. Permutations of 16 bits find two
// neighbours of the table, for the even bytes and for the odd ones.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline)) CIK_AVX512VNNI

/// 128 pairs of a table.
typedef struct { __m512i part[4]; } pairs;

/// The bytes at places 0...255, one in each 16 bits.
INLINE __m512i found(pairs table, __m512i places) {
    __m512i pair = _mm512_srli_epi16(places, 1);
    __m512i low = _mm512_permutex2var_epi16(table.part[0], pair, table.part[1]);
    __m512i high = _mm512_permutex2var_epi16(table.part[2], pair, table.part[3]);
    __mmask32 is_high = _mm512_test_epi16_mask(places, _mm512_set1_epi16(128));
    __mmask32 is_second = _mm512_test_epi16_mask(places, _mm512_set1_epi16(1));
    __m512i both = _mm512_mask_blend_epi16(is_high, low, high);
    both = _mm512_mask_srli_epi16(both, is_second, both, 8);
    return _mm512_and_si512(both, _mm512_set1_epi16(255));
}

INLINE __m512i looked_up(pairs table, __m512i x) {
    __m512i even = found(table, _mm512_and_si512(x, _mm512_set1_epi16(255)));
    __m512i odd = found(table, _mm512_srli_epi16(x, 8));
    return _mm512_or_si512(even, _mm512_slli_epi16(odd, 8));
}

CIK_AVX512VNNI void u8_lookup__avx512vnni(
    const uint8_t *table, const uint8_t *x, size_t count, uint8_t *y) {
    pairs all;
    for (int i = 0; i < 4; i++) all.part[i] = _mm512_loadu_si512(table + 64 * i);
    size_t i = 0;
    for (; i + 64 <= count; i += 64)
        _mm512_storeu_si512(y + i, looked_up(all, _mm512_loadu_si512(x + i)));
    if (i == count) return;
    __mmask64 some = ((__mmask64)1 << (count - i)) - 1;
    _mm512_mask_storeu_epi8(
        y + i, some, looked_up(all, _mm512_maskz_loadu_epi8(some, x + i)));
}
#endif
