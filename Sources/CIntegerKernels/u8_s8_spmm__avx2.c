// Sparse int8 weights times planes of bytes, four terms a step, with the sums of a tile in registers.
#include "quads__avx2.h"

#if defined(__x86_64__)

CIK_INLINE_AVX2 void run(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count,
    const size_t lanes) {
    size_t tiles = cik_tiles(planar), done = 0;
    for (size_t tile = 0; tile < tiles; tile++) {
        const uint8_t *x = planar->x + tile * CIK_TILE;
        for (size_t output = first; output < first + count; output++) {
            cik_sums_of_quads sums;
            cik_clear_quads(&sums);
            for (size_t i = weights->first_step[output]; i < weights->first_step[output + 1]; i++) {
                const uint32_t *offsets = weights->offsets + 4 * i;
                cik_add_quads(
                    &sums, weights->levels + 4 * i, x + offsets[0] * lanes,
                    x + offsets[1] * lanes, x + offsets[2] * lanes, x + offsets[3] * lanes);
            }
            cik_finish_quads(planar, output, tile, done, sums);
        }
        done += (size_t)__builtin_popcountll(planar->kept[tile]);
    }
}

CIK_AVX2 void u8_s8_spmm__avx2(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    if (planar->lanes == 1)
        run(weights, planar, first, count, 1);
    else
        run(weights, planar, first, count, CIK_TILE);
}
#endif
