/// Dot products of bytes and int8 levels: NEON with dot products, which take two signed vectors.
#ifndef CIK_DOT_NEON_H
#define CIK_DOT_NEON_H

#include "spmv.h"
#include "targets.h"

/// Sums of activations times levels. Bytes above 127 enter as `x - 128`; then the levels are summed
/// alone, too.
typedef struct {
    int32x4_t products, levels;
} cik_sums;

CIK_INLINE CIK_NEON cik_sums cik_no_sums(void) {
    return (cik_sums){vdupq_n_s32(0), vdupq_n_s32(0)};
}

/// `fits`: no x is above 127.
CIK_INLINE CIK_NEON void cik_add_dot(cik_sums *sums, uint8x16_t x, int8x16_t levels, bool fits) {
    if (!fits) {
        x = veorq_u8(x, vdupq_n_u8(128));
        sums->levels = vdotq_s32(sums->levels, levels, vdupq_n_s8(1));
    }
    sums->products = vdotq_s32(sums->products, vreinterpretq_s8_u8(x), levels);
}

CIK_INLINE CIK_NEON int32x4_t cik_total(cik_sums sums, bool fits) {
    if (fits) return sums.products;
    return vaddq_s32(sums.products, vshlq_n_s32(sums.levels, 7));
}

#endif
