/// From the sums of a tile to bytes of the output, with AVX2.
#ifndef CIK_PLANAR_AVX2_H
#define CIK_PLANAR_AVX2_H

#include "planar.h"
#include "targets.h"

#include <string.h>

#if defined(__x86_64__)

#define CIK_INLINE_AVX2 static inline __attribute__((always_inline)) CIK_AVX2

/// `(acc * M + B) >> shift` of eight sums of 16 bits, each in the lower half of a lane whose upper
/// half is zero: the upper half of the multiplier makes multiples of 2^16, and of the other
/// products only what they carry over counts.
CIK_INLINE_AVX2 __m256i cik_rounded__avx2(
    __m256i sums, const int32_t *halves, __m128i shift) {
    __m256i upper = _mm256_madd_epi16(sums, _mm256_set1_epi32(halves[0]));
    __m256i lower = _mm256_madd_epi16(sums, _mm256_set1_epi32(halves[1]));
    upper = _mm256_add_epi32(upper, _mm256_set1_epi32(halves[2]));
    lower = _mm256_add_epi32(lower, _mm256_set1_epi32(halves[3]));
    return _mm256_sra_epi32(_mm256_add_epi32(upper, _mm256_srai_epi32(lower, 16)), shift);
}

/// `cik_narrow_rule` of sums of 16 bits.
CIK_INLINE_AVX2 __m256i cik_rounded_narrow__avx2(__m256i sums, const cik_narrow_rule *rule) {
    sums = _mm256_add_epi16(sums, _mm256_set1_epi32(cik_both(rule->addend)));
    __m256i products = _mm256_mulhrs_epi16(sums, _mm256_set1_epi32(cik_both(rule->multiplier)));
    products = _mm256_adds_epi16(products, _mm256_set1_epi32(cik_both(rule->constant)));
    return _mm256_sra_epi16(products, _mm_cvtsi32_si128(rule->shift));
}

/// 32 results of 16 bits to bytes in the order in which they were unpacked, cut to 0...255 and to
/// the rule's range.
CIK_INLINE_AVX2 __m256i cik_packed_16__avx2(__m256i low, __m256i high, cik_rounding rounding) {
    __m256i bytes = _mm256_packus_epi16(low, high);
    bytes = _mm256_max_epu8(bytes, _mm256_set1_epi8((char)rounding.low));
    return _mm256_min_epu8(bytes, _mm256_set1_epi8((char)rounding.high));
}

/// The same of 32 bits.
CIK_INLINE_AVX2 __m256i cik_packed__avx2(const __m256i part[4], cik_rounding rounding) {
    return cik_packed_16__avx2(
        _mm256_packs_epi32(part[0], part[1]), _mm256_packs_epi32(part[2], part[3]), rounding);
}

/// Sums of 16 bits, or the bytes that become of them, of 32 positions: `low` has positions 0...7
/// and 16...23, `high` the others, as pairs of bytes are unpacked.
typedef struct { __m256i low, high; } cik_sums_16;

/// Sums to bytes in the order of positions; for rules of 16 bits.
CIK_INLINE_AVX2 __m256i cik_bytes_of_16__avx2(
    const cik_epilogue *epilogue, size_t output, cik_sums_16 sums) {
    const cik_narrow_rule *rule = epilogue->narrow ? epilogue->narrow + output : NULL;
    if (rule && rule->multiplier[0] != 0)
        return cik_packed_16__avx2(
            cik_rounded_narrow__avx2(sums.low, rule), cik_rounded_narrow__avx2(sums.high, rule),
            epilogue->rounding);
    const __m256i zero = _mm256_setzero_si256();
    __m256i part[4] = {
        _mm256_unpacklo_epi16(sums.low, zero), _mm256_unpackhi_epi16(sums.low, zero),
        _mm256_unpacklo_epi16(sums.high, zero), _mm256_unpackhi_epi16(sums.high, zero),
    };
    __m128i shift = _mm_cvtsi32_si128(epilogue->rounding.shift - 16);
    CIK_UNROLLED for (int i = 0; i < 4; i++)
        part[i] = cik_rounded__avx2(part[i], epilogue->halves + 4 * output, shift);
    return cik_packed__avx2(part, epilogue->rounding);
}

/// The floor of `acc * m + c` in floats of eight sums.
CIK_INLINE_AVX2 __m256i cik_rounded_float__avx2(
    __m256i sums, float multiplier, float constant) {
    __m256 value = _mm256_fmadd_ps(
        _mm256_cvtepi32_ps(sums), _mm256_set1_ps(multiplier), _mm256_set1_ps(constant));
    return _mm256_cvtps_epi32(_mm256_floor_ps(value));
}

/// `(acc * M + B) >> shift` of eight sums in 64 bits; `constant` is `B` and what rounds. Results
/// fit 32 bits.
CIK_INLINE_AVX2 __m256i cik_rounded_32__avx2(
    __m256i sums, int32_t multiplier, int64_t constant, int32_t shift) {
    __m256i factor = _mm256_set1_epi32(multiplier), more = _mm256_set1_epi64x(constant);
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32(sums, factor), more);
    __m256i odd =
        _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(sums, 32), factor), more);
    // There is no arithmetic shift of 64 bits: either the upper halves are shifted on, or what a
    // logical one brings to the lower halves is the same.
    if (shift >= 32) {
        __m256i upper = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
        return _mm256_sra_epi32(upper, _mm_cvtsi32_si128(shift - 32));
    }
    even = _mm256_srl_epi64(even, _mm_cvtsi32_si128(shift));
    odd = _mm256_sll_epi64(odd, _mm_cvtsi32_si128(32 - shift));
    return _mm256_blend_epi32(even, odd, 0xaa);
}

/// 32 sums, in the order in which bytes are unpacked twice, to bytes in the order of positions; for
/// rules of 16 and of 32 bits.
CIK_INLINE_AVX2 __m256i cik_bytes_of_32__avx2(
    const cik_epilogue *epilogue, size_t output, const __m256i sums[4]) {
    if (epilogue->bits == 16) {
        cik_sums_16 packed = {
            _mm256_packs_epi32(sums[0], sums[1]), _mm256_packs_epi32(sums[2], sums[3]),
        };
        return cik_bytes_of_16__avx2(epilogue, output, packed);
    }
    __m256i part[4];
    if (epilogue->float_multipliers && epilogue->float_multipliers[output] != 0) {
        float multiplier = epilogue->float_multipliers[output];
        float constant = epilogue->float_constants[output];
        CIK_UNROLLED for (int i = 0; i < 4; i++)
            part[i] = cik_rounded_float__avx2(sums[i], multiplier, constant);
    } else {
        int32_t shift = epilogue->rounding.shift;
        int64_t constant = epilogue->constants[output] + ((int64_t)1 << (shift - 1));
        CIK_UNROLLED for (int i = 0; i < 4; i++)
            part[i] = cik_rounded_32__avx2(
                sums[i], epilogue->multipliers[output], constant, shift);
    }
    return cik_packed__avx2(part, epilogue->rounding);
}

/// As `cik_requantize_tile`.
CIK_AVX2 static inline uint8_t *cik_requantize_tile__avx2(
    const cik_epilogue *epilogue, size_t output, const int32_t *acc, uint64_t kept, uint8_t *y) {
    if (epilogue->bits > 32) return cik_requantize_tile(epilogue, output, acc, kept, y);
    uint8_t bytes[CIK_TILE];
    for (int i = 0; i < CIK_TILE; i += 32) {
        __m256i eight[4];
        for (int j = 0; j < 4; j++)
            eight[j] = _mm256_loadu_si256((const __m256i *)(acc + i + 8 * j));
        __m256i sums[4] = {
            _mm256_permute2x128_si256(eight[0], eight[2], 0x20),
            _mm256_permute2x128_si256(eight[0], eight[2], 0x31),
            _mm256_permute2x128_si256(eight[1], eight[3], 0x20),
            _mm256_permute2x128_si256(eight[1], eight[3], 0x31),
        };
        _mm256_storeu_si256(
            (__m256i *)(bytes + i), cik_bytes_of_32__avx2(epilogue, output, sums));
    }
    return cik_store_kept(bytes, kept, y);
}

/// As `cik_add_residual`.
CIK_AVX2 static inline void cik_add_residual__avx2(
    const cik_residual *residual, uint8_t *y, size_t count) {
    const __m256i zero = _mm256_setzero_si256();
    uint32_t own_multiplier = (uint16_t)residual->multipliers[0];
    uint32_t other_multiplier = (uint16_t)residual->multipliers[1];
    __m256i multipliers = _mm256_set1_epi32((int32_t)(other_multiplier << 16 | own_multiplier));
    __m256i constant = _mm256_set1_epi32(residual->constant);
    __m128i shift = _mm_cvtsi32_si128(residual->shift);
    cik_rounding range = {.low = residual->low, .high = residual->high};
    const uint8_t *others = y + residual->distance;
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m256i own = _mm256_loadu_si256((const __m256i *)(y + i));
        __m256i other = _mm256_loadu_si256((const __m256i *)(others + i));
        __m256i low = _mm256_unpacklo_epi8(own, other), high = _mm256_unpackhi_epi8(own, other);
        __m256i part[4] = {
            _mm256_unpacklo_epi8(low, zero), _mm256_unpackhi_epi8(low, zero),
            _mm256_unpacklo_epi8(high, zero), _mm256_unpackhi_epi8(high, zero),
        };
        for (int p = 0; p < 4; p++)
            part[p] = _mm256_sra_epi32(
                _mm256_add_epi32(_mm256_madd_epi16(part[p], multipliers), constant), shift);
        _mm256_storeu_si256((__m256i *)(y + i), cik_packed__avx2(part, range));
    }
    cik_add_residual(residual, y + i, count - i);
}
#endif

#endif
