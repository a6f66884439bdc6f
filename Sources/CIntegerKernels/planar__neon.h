/// From the sums of a tile to bytes of the output, with NEON. All vectors are in the order of
/// positions.
#ifndef CIK_PLANAR_NEON_H
#define CIK_PLANAR_NEON_H

#include "planar.h"
#include "targets.h"

#if defined(__aarch64__)

#define CIK_INLINE_NEON static inline __attribute__((always_inline)) CIK_NEON

/// 16 results of 16 bits to bytes, cut to 0...255 and to the rule's range.
CIK_INLINE_NEON uint8x16_t cik_packed_16__neon(
    int16x8_t low, int16x8_t high, cik_rounding rounding) {
    uint8x16_t bytes = vcombine_u8(vqmovun_s16(low), vqmovun_s16(high));
    bytes = vmaxq_u8(bytes, vdupq_n_u8((uint8_t)rounding.low));
    return vminq_u8(bytes, vdupq_n_u8((uint8_t)rounding.high));
}

/// The same of 32 bits.
CIK_INLINE_NEON uint8x16_t cik_packed__neon(const int32x4_t part[4], cik_rounding rounding) {
    return cik_packed_16__neon(
        vcombine_s16(vqmovn_s32(part[0]), vqmovn_s32(part[1])),
        vcombine_s16(vqmovn_s32(part[2]), vqmovn_s32(part[3])), rounding);
}

/// `cik_narrow_rule` of eight sums. The rounding product doubles and keeps the upper half.
CIK_INLINE_NEON int16x8_t cik_rounded_narrow__neon(int16x8_t sums, const cik_narrow_rule *rule) {
    int16x8_t products =
        vqrdmulhq_n_s16(vaddq_s16(sums, vdupq_n_s16(rule->addend[0])), rule->multiplier[0]);
    return vshlq_s16(
        vqaddq_s16(products, vdupq_n_s16(rule->constant[0])), vdupq_n_s16((int16_t)-rule->shift));
}

/// `(acc * M + B) >> shift` of four sums of 16 bits; see `cik_epilogue`.
CIK_INLINE_NEON int32x4_t cik_rounded_16__neon(
    const cik_epilogue *epilogue, size_t output, int16x4_t sums) {
    const int32_t *halves = epilogue->halves + 4 * output;
    int32x4_t upper = vmlal_n_s16(vdupq_n_s32(halves[2]), sums, (int16_t)halves[0]);
    int32x4_t lower = vmlal_n_s16(vdupq_n_s32(halves[3]), sums, (int16_t)halves[1]);
    return vshlq_s32(
        vaddq_s32(upper, vshrq_n_s32(lower, 16)), vdupq_n_s32(16 - epilogue->rounding.shift));
}

/// 16 sums of 16 bits to bytes.
CIK_INLINE_NEON uint8x16_t cik_bytes_of_16__neon(
    const cik_epilogue *epilogue, size_t output, int16x8_t low, int16x8_t high) {
    const cik_narrow_rule *rule = epilogue->narrow ? epilogue->narrow + output : NULL;
    if (rule && rule->multiplier[0] != 0)
        return cik_packed_16__neon(
            cik_rounded_narrow__neon(low, rule), cik_rounded_narrow__neon(high, rule),
            epilogue->rounding);
    int32x4_t part[4] = {
        cik_rounded_16__neon(epilogue, output, vget_low_s16(low)),
        cik_rounded_16__neon(epilogue, output, vget_high_s16(low)),
        cik_rounded_16__neon(epilogue, output, vget_low_s16(high)),
        cik_rounded_16__neon(epilogue, output, vget_high_s16(high)),
    };
    return cik_packed__neon(part, epilogue->rounding);
}

/// `(acc * M + B) >> shift` of four sums, in 64 bits. The rounding shift adds its half.
CIK_INLINE_NEON int32x4_t cik_rounded_32__neon(
    const cik_epilogue *epilogue, size_t output, int32x4_t sums) {
    int64x2_t constant = vdupq_n_s64(epilogue->constants[output]);
    int64x2_t shift = vdupq_n_s64(-(int64_t)epilogue->rounding.shift);
    int32_t multiplier = epilogue->multipliers[output];
    int64x2_t low = vmlal_n_s32(constant, vget_low_s32(sums), multiplier);
    int64x2_t high = vmlal_n_s32(constant, vget_high_s32(sums), multiplier);
    return vcombine_s32(vmovn_s64(vrshlq_s64(low, shift)), vmovn_s64(vrshlq_s64(high, shift)));
}

/// 16 sums to bytes; for rules of 16 and of 32 bits.
CIK_INLINE_NEON uint8x16_t cik_bytes_of_32__neon(
    const cik_epilogue *epilogue, size_t output, const int32x4_t sums[4]) {
    if (epilogue->bits == 16)
        return cik_bytes_of_16__neon(
            epilogue, output, vcombine_s16(vmovn_s32(sums[0]), vmovn_s32(sums[1])),
            vcombine_s16(vmovn_s32(sums[2]), vmovn_s32(sums[3])));
    int32x4_t part[4];
    if (epilogue->float_multipliers && epilogue->float_multipliers[output] != 0) {
        float32x4_t constant = vdupq_n_f32(epilogue->float_constants[output]);
        CIK_UNROLLED for (int i = 0; i < 4; i++)
            part[i] = vcvtmq_s32_f32(vfmaq_n_f32(
                constant, vcvtq_f32_s32(sums[i]), epilogue->float_multipliers[output]));
    } else {
        CIK_UNROLLED for (int i = 0; i < 4; i++)
            part[i] = cik_rounded_32__neon(epilogue, output, sums[i]);
    }
    return cik_packed__neon(part, epilogue->rounding);
}

/// As `cik_requantize_tile`.
CIK_NEON static inline uint8_t *cik_requantize_tile__neon(
    const cik_epilogue *epilogue, size_t output, const int32_t *acc, uint64_t kept, uint8_t *y) {
    if (epilogue->bits > 32) return cik_requantize_tile(epilogue, output, acc, kept, y);
    uint8_t bytes[CIK_TILE];
    for (int i = 0; i < CIK_TILE; i += 16) {
        int32x4_t sums[4];
        for (int j = 0; j < 4; j++) sums[j] = vld1q_s32(acc + i + 4 * j);
        vst1q_u8(bytes + i, cik_bytes_of_32__neon(epilogue, output, sums));
    }
    return cik_store_kept(bytes, kept, y);
}
#endif

#endif
