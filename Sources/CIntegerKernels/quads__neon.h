/// Products of bytes and weights of 8 bits with NEON's dot products, four terms at a time.
#ifndef CIK_QUADS_NEON_H
#define CIK_QUADS_NEON_H

#include "planar__neon.h"

#if defined(__aarch64__)

/// Sums of a tile, four positions each. Each sum is too large by `surplus`, the same in all lanes:
/// dot products take two signed vectors, so bytes enter as `x - 128`.
typedef struct { int32x4_t part[16], surplus; } cik_sums_of_quads;

CIK_INLINE_NEON void cik_clear_quads(cik_sums_of_quads *sums) {
    CIK_UNROLLED for (int i = 0; i < 16; i++) sums->part[i] = vdupq_n_s32(0);
    sums->surplus = vdupq_n_s32(0);
}

CIK_INLINE_NEON void cik_add_sums(cik_sums_of_quads *sums, const cik_sums_of_quads *others) {
    CIK_UNROLLED for (int i = 0; i < 16; i++)
        sums->part[i] = vaddq_s32(sums->part[i], others->part[i]);
    sums->surplus = vaddq_s32(sums->surplus, others->surplus);
}

/// The bytes of four planes side by side at each of 16 positions, less 128.
CIK_INLINE_NEON void cik_interleaved__neon(
    uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d, int8x16_t quads[4]) {
    const uint8x16_t half = vdupq_n_u8(128);
    a = veorq_u8(a, half), b = veorq_u8(b, half), c = veorq_u8(c, half), d = veorq_u8(d, half);
    uint16x8_t low_ab = vreinterpretq_u16_u8(vzip1q_u8(a, b));
    uint16x8_t high_ab = vreinterpretq_u16_u8(vzip2q_u8(a, b));
    uint16x8_t low_cd = vreinterpretq_u16_u8(vzip1q_u8(c, d));
    uint16x8_t high_cd = vreinterpretq_u16_u8(vzip2q_u8(c, d));
    quads[0] = vreinterpretq_s8_u16(vzip1q_u16(low_ab, low_cd));
    quads[1] = vreinterpretq_s8_u16(vzip2q_u16(low_ab, low_cd));
    quads[2] = vreinterpretq_s8_u16(vzip1q_u16(high_ab, high_cd));
    quads[3] = vreinterpretq_s8_u16(vzip2q_u16(high_ab, high_cd));
}

/// The four levels in every lane.
CIK_INLINE_NEON int8x16_t cik_four_levels__neon(const int8_t *levels) {
    int32_t four;
    memcpy(&four, levels, sizeof four);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

/// Adds `levels[0] * a[p] + ... + levels[3] * d[p]` for the 64 positions from each pointer on.
CIK_INLINE_NEON void cik_add_quads(
    cik_sums_of_quads *sums, const int8_t *levels, const uint8_t *a, const uint8_t *b,
    const uint8_t *c, const uint8_t *d) {
    int8x16_t weights = cik_four_levels__neon(levels);
    sums->surplus = vdotq_s32(sums->surplus, weights, vdupq_n_s8(-128));
    CIK_UNROLLED for (int p = 0; p < 4; p++) {
        int8x16_t quads[4];
        cik_interleaved__neon(
            vld1q_u8(a + 16 * p), vld1q_u8(b + 16 * p), vld1q_u8(c + 16 * p), vld1q_u8(d + 16 * p),
            quads);
        CIK_UNROLLED for (int i = 0; i < 4; i++)
            sums->part[4 * p + i] = vdotq_s32(sums->part[4 * p + i], quads[i], weights);
    }
}

/// Writes the sums of one output of a tile, as bytes or as they are; `done` bytes of it lie before.
CIK_NEON static inline void cik_finish_quads(
    const cik_planar *planar, size_t output, size_t tile, size_t done,
    const cik_sums_of_quads *found) {
    const cik_epilogue *epilogue = planar->epilogue;
    int32x4_t sums[16];
    CIK_UNROLLED for (int i = 0; i < 16; i++) sums[i] = vsubq_s32(found->part[i], found->surplus);
    uint8_t *start = planar->y + output * planar->y_stride + done, *end;
    if (epilogue && epilogue->bits <= 32) {
        uint8_t bytes[CIK_TILE];
        CIK_UNROLLED for (int p = 0; p < 4; p++)
            vst1q_u8(bytes + 16 * p, cik_bytes_of_32__neon(epilogue, output, sums + 4 * p));
        end = cik_store_kept(bytes, cik_written(planar, tile), start);
    } else {
        int32_t own[CIK_TILE];
        int32_t *acc =
            epilogue ? own : planar->acc + output * planar->acc_stride + tile * CIK_TILE;
        CIK_UNROLLED for (int i = 0; i < 16; i++) vst1q_s32(acc + 4 * i, sums[i]);
        if (!epilogue) return;
        end = cik_requantize_tile(epilogue, output, acc, cik_written(planar, tile), start);
    }
    if (planar->residual) cik_add_residual(planar->residual, start, (size_t)(end - start));
    cik_restore_border(planar, tile, start);
}
#endif

#endif
