/// From the sums of a tile to bytes of the output, with AVX2.
#ifndef CIK_PLANAR_AVX2_H
#define CIK_PLANAR_AVX2_H

#include "planar.h"
#include "targets.h"

#include <string.h>

#if defined(__x86_64__)

/// `(acc * M + B) >> shift` of eight sums that fit 16 bits, cut to the rule's range: the upper half
/// of the multiplier makes multiples of 2^16, and of the other products only what they carry over
/// counts.
CIK_AVX2 static inline __m256i cik_rounded__avx2(
    __m256i sums, const int32_t *halves, cik_rounding rounding) {
    // The sum in the lower half of each lane, nothing in the upper.
    __m256i narrow = _mm256_and_si256(sums, _mm256_set1_epi32(0xffff));
    __m256i upper = _mm256_madd_epi16(narrow, _mm256_set1_epi32(halves[0]));
    __m256i lower = _mm256_madd_epi16(narrow, _mm256_set1_epi32(halves[1]));
    upper = _mm256_add_epi32(upper, _mm256_set1_epi32(halves[2]));
    lower = _mm256_add_epi32(lower, _mm256_set1_epi32(halves[3]));
    __m256i value = _mm256_sra_epi32(
        _mm256_add_epi32(upper, _mm256_srai_epi32(lower, 16)),
        _mm_cvtsi32_si128(rounding.shift - 16));
    value = _mm256_max_epi32(value, _mm256_set1_epi32(rounding.low));
    return _mm256_min_epi32(value, _mm256_set1_epi32(rounding.high));
}

/// The floor of `acc * m + c` in floats of eight sums, cut to the rule's range.
CIK_AVX2 static inline __m256i cik_rounded_float__avx2(
    __m256i sums, float multiplier, float constant, cik_rounding rounding) {
    __m256 value = _mm256_fmadd_ps(
        _mm256_cvtepi32_ps(sums), _mm256_set1_ps(multiplier), _mm256_set1_ps(constant));
    __m256i floor = _mm256_cvtps_epi32(_mm256_floor_ps(value));
    floor = _mm256_max_epi32(floor, _mm256_set1_epi32(rounding.low));
    return _mm256_min_epi32(floor, _mm256_set1_epi32(rounding.high));
}

/// As `cik_requantize_tile`.
CIK_AVX2 static inline uint8_t *cik_requantize_tile__avx2(
    const cik_epilogue *epilogue, size_t output, const int32_t *acc, uint64_t kept, uint8_t *y) {
    bool is_float = epilogue->bits == 32 && epilogue->float_multipliers
        && epilogue->float_multipliers[output] != 0;
    if (epilogue->bits != 16 && !is_float)
        return cik_requantize_tile(epilogue, output, acc, kept, y);
    uint8_t bytes[CIK_TILE];
    for (int i = 0; i < CIK_TILE; i += 32) {
        __m256i part[4];
        for (int j = 0; j < 4; j++) {
            __m256i sums = _mm256_loadu_si256((const __m256i *)(acc + i + 8 * j));
            part[j] = is_float
                ? cik_rounded_float__avx2(
                      sums, epilogue->float_multipliers[output],
                      epilogue->float_constants[output], epilogue->rounding)
                : cik_rounded__avx2(sums, epilogue->halves + 4 * output, epilogue->rounding);
        }
        // Packing works in halves of 128 bits: its fours of bytes come out as 0 2 4 6, 1 3 5 7.
        __m256i packed = _mm256_packus_epi16(
            _mm256_packs_epi32(part[0], part[1]), _mm256_packs_epi32(part[2], part[3]));
        packed = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        _mm256_storeu_si256((__m256i *)(bytes + i), packed);
    }
    for (int start = 0; kept != 0;) {
        int skipped = __builtin_ctzll(kept);
        start += skipped;
        kept >>= skipped;
        int count = kept == ~(uint64_t)0 ? CIK_TILE : __builtin_ctzll(~kept);
        memcpy(y, bytes + start, (size_t)count);
        y += count;
        start += count;
        kept = count == CIK_TILE ? 0 : kept >> count;
    }
    return y;
}
#endif

#endif
