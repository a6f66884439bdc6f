// Dense int8 weights times planes of bytes: a tile of all planes is sorted once, four terms side by
// side, and multiplied by the weights of two outputs at a time.
#include "quads__neon.h"

#if defined(__aarch64__)

/// Sorts a tile: `[stride / 4, 64, 4]`, less 128.
CIK_NEON static void sort_tile(
    const cik_gemm_weights *weights, const uint8_t *x, size_t lanes, int8_t *sorted) {
    for (size_t term = 0; term < weights->stride; term += 4) {
        const uint32_t *offsets = weights->offsets + term;
        for (int p = 0; p < CIK_TILE; p += 16) {
            int8x16_t quads[4];
            cik_interleaved__neon(
                vld1q_u8(x + offsets[0] * lanes + p), vld1q_u8(x + offsets[1] * lanes + p),
                vld1q_u8(x + offsets[2] * lanes + p), vld1q_u8(x + offsets[3] * lanes + p), quads);
            for (int i = 0; i < 4; i++, sorted += 16) vst1q_s8(sorted, quads[i]);
        }
    }
}

/// The sums of one or two outputs, 32 positions at a time.
CIK_INLINE_NEON void add_rows(
    const cik_gemm_weights *weights, size_t output, const int8_t *sorted, cik_sums_of_quads *sums,
    const int outputs) {
    const int8_t *rows = weights->weights + output * weights->stride;
    CIK_UNROLLED for (int o = 0; o < outputs; o++) {
        cik_clear_quads(sums + o);
        for (size_t term = 0; term < weights->stride; term += 4)
            sums[o].surplus = vdotq_s32(
                sums[o].surplus,
                cik_four_levels__neon(rows + (size_t)o * weights->stride + term),
                vdupq_n_s8(-128));
    }
    for (int half = 0; half < 2; half++) {
        int32x4_t part[2][8];
        CIK_UNROLLED for (int o = 0; o < outputs; o++)
            CIK_UNROLLED for (int i = 0; i < 8; i++) part[o][i] = sums[o].part[8 * half + i];
        const int8_t *quads = sorted + 128 * half;
        for (size_t term = 0; term < weights->stride; term += 4, quads += 4 * CIK_TILE)
            CIK_UNROLLED for (int i = 0; i < 8; i++) {
                int8x16_t four = vld1q_s8(quads + 16 * i);
                CIK_UNROLLED for (int o = 0; o < outputs; o++)
                    part[o][i] = vdotq_s32(
                        part[o][i], four,
                        cik_four_levels__neon(rows + (size_t)o * weights->stride + term));
            }
        CIK_UNROLLED for (int o = 0; o < outputs; o++)
            CIK_UNROLLED for (int i = 0; i < 8; i++) sums[o].part[8 * half + i] = part[o][i];
    }
}

CIK_NEON void u8_s8_gemm__neon(
    const cik_gemm_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    size_t tiles = cik_tiles(planar), done = 0, end = first + count;
    int8_t *sorted = (int8_t *)planar->scratch;
    for (size_t tile = 0; tile < tiles; tile++) {
        sort_tile(weights, planar->x + tile * CIK_TILE, planar->lanes, sorted);
        for (size_t output = first; output < end;) {
            cik_sums_of_quads sums[2];
            size_t together = end - output < 2 ? 1 : 2;
            if (together == 2)
                add_rows(weights, output, sorted, sums, 2);
            else
                add_rows(weights, output, sorted, sums, 1);
            for (size_t o = 0; o < together; o++)
                cik_finish_quads(planar, output + o, tile, done, &sums[o]);
            output += together;
        }
        done += cik_written_count(planar, tile);
    }
}
#endif
