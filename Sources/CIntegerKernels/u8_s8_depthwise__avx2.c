// Dense int8 weights times the planes of one channel an output, four consecutive positions a step, with the sums
// of a tile in registers.
#include "quads__avx2.h"

#if defined(__x86_64__)

CIK_INLINE_AVX2 void run(
    const cik_depthwise_weights *weights, const cik_planar *planar, size_t first, size_t count,
    const size_t lanes) {
    size_t tiles = cik_tiles(planar), done = 0;
    for (size_t tile = 0; tile < tiles; tile++) {
        for (size_t output = first; output < first + count; output++) {
            const uint8_t *x =
                planar->x + tile * CIK_TILE + output * weights->plane_stride * lanes;
            const int8_t *levels = weights->weights + output * weights->runs * 4;
            cik_sums_of_quads sums;
            cik_clear_quads(&sums);
            for (size_t i = 0; i < weights->runs; i++) {
                const uint8_t *a = x + weights->offsets[i] * lanes;
                cik_add_quads(
                    &sums, levels + 4 * i, a, a + lanes, a + 2 * lanes, a + 3 * lanes);
            }
            cik_finish_quads(planar, output, tile, done, sums);
        }
        done += (size_t)__builtin_popcountll(planar->kept[tile]);
    }
}

CIK_AVX2 void u8_s8_depthwise__avx2(
    const cik_depthwise_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    if (planar->lanes == 1)
        run(weights, planar, first, count, 1);
    else
        run(weights, planar, first, count, CIK_TILE);
}
#endif
