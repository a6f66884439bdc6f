// Sparse int8 weights times planes of bytes up to 63: groups are added in bytes, widened and
// multiplied.
#include "rows.h"
#include "planar__neon.h"

#if defined(__aarch64__)

#define INLINE CIK_INLINE_NEON

/// Eight positions each.
typedef struct { int16x8_t part[16]; } tiles_16;

/// Positions 16 * p + 0...15 of the sum of some terms.
INLINE uint8x16_t group_sum(const uint8_t *const *terms, const size_t group, const int p) {
    uint8x16_t sum = vld1q_u8(terms[0] + 16 * p);
    CIK_UNROLLED for (size_t i = 1; i < group; i++)
        sum = vaddq_u8(sum, vld1q_u8(terms[i] + 16 * p));
    return sum;
}

/// Adds `level * bytes` to 16 positions.
INLINE void add_product(int16x8_t part[2], uint8x16_t bytes, int16_t level) {
    int16x8_t low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes)));
    int16x8_t high = vreinterpretq_s16_u16(vmovl_high_u8(bytes));
    part[0] = vmlaq_n_s16(part[0], low, level);
    part[1] = vmlaq_n_s16(part[1], high, level);
}

/// The next `count` steps of a row, whose groups have `group` terms.
INLINE void add_steps(
    tiles_16 *sums, cik_grouped_row *row, size_t count, const uint8_t *x, const cik_reading r,
    const int tiles, const size_t group) {
    const uint8_t *step = row->place;
    for (size_t n = count; n > 0; n--, step += 2 * group * r.size + 2) {
        if (group == 4) cik_prefetch_weights(step);
        const int8_t *levels = (const int8_t *)step + 2 * group * r.size;
        const uint8_t *terms[8];
        CIK_UNROLLED for (size_t i = 0; i < 2 * group; i++) terms[i] = x + cik_offset(step, i, r);
        CIK_UNROLLED for (int p = 0; p < 4 * tiles; p++) {
            add_product(sums->part + 2 * p, group_sum(terms, group, p), levels[0]);
            add_product(sums->part + 2 * p, group_sum(terms + group, group, p), levels[1]);
        }
    }
    row->place = step;
}

INLINE void clear(tiles_16 *sums, const int tiles) {
    CIK_UNROLLED for (int p = 0; p < 8 * tiles; p++) sums->part[p] = vdupq_n_s16(0);
}

/// Adds to `acc` and begins anew.
INLINE void flush(tiles_16 *sums, int32_t *acc, const int tiles) {
    CIK_UNROLLED for (int p = 0; p < 8 * tiles; p++) {
        int32_t *place = acc + 8 * p;
        int16x8_t more = sums->part[p];
        vst1q_s32(place, vaddw_s16(vld1q_s32(place), vget_low_s16(more)));
        vst1q_s32(place + 4, vaddw_high_s16(vld1q_s32(place + 4), more));
    }
    clear(sums, tiles);
}

/// The bytes of a tile.
INLINE void bytes_of_tile(
    const cik_epilogue *epilogue, size_t output, const tiles_16 *sums, int tile, uint8_t *bytes) {
    const int16x8_t *part = sums->part + 8 * tile;
    CIK_UNROLLED for (int p = 0; p < 4; p++)
        vst1q_u8(
            bytes + 16 * p,
            cik_bytes_of_16__neon(epilogue, output, part[2 * p], part[2 * p + 1]));
}

#define REQUANTIZE_TILE cik_requantize_tile__neon
#define ADD_RESIDUAL cik_add_residual
#include "u6_s8_spmm.inc"

CIK_NEON void u6_s8_spmm__neon(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    run(weights, planar, first, count);
}
#endif
