// Accumulators of different outputs to bytes: NEON.
#include "kernels.h"
#include "targets.h"

#if defined(__aarch64__)
#include "spmv.h"

/// Two sums, rounded, shifted and narrowed. The rounding shift adds its half without overflow.
CIK_INLINE CIK_NEON int32x2_t rounded(
    int32x2_t acc, int32x2_t multipliers, const int64_t *constants, int64x2_t left) {
    int64x2_t sums = vmlal_s32(vld1q_s64(constants), acc, multipliers);
    return vqmovn_s64(vrshlq_s64(sums, left));
}

CIK_NEON void s32_requantize_each__neon(
    const int32_t *acc, size_t count, const int32_t *multipliers, const int64_t *constants,
    cik_rounding rounding, uint8_t *y) {
    int64x2_t left = vdupq_n_s64(-(int64_t)rounding.shift);
    int32x4_t low = vdupq_n_s32(rounding.low), high = vdupq_n_s32(rounding.high);
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        int32x4_t sums = vld1q_s32(acc + i), factors = vld1q_s32(multipliers + i);
        int32x4_t codes = vcombine_s32(
            rounded(vget_low_s32(sums), vget_low_s32(factors), constants + i, left),
            rounded(vget_high_s32(sums), vget_high_s32(factors), constants + i + 2, left));
        codes = vminq_s32(vmaxq_s32(codes, low), high);
        uint8x16_t bytes = vreinterpretq_u8_s32(codes);
        const uint8x16_t lowest = {0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12};
        uint32_t four = vgetq_lane_u32(vreinterpretq_u32_u8(vqtbl1q_u8(bytes, lowest)), 0);
        __builtin_memcpy(y + i, &four, 4);
    }
    s32_requantize_each__scalar(
        acc + i, count - i, multipliers + i, constants + i, rounding, y + i);
}
#endif
