// Dense int8 weights times the planes of one channel an output, four consecutive positions a run.
#include "planar.h"

#include <string.h>

static void sums(
    const cik_depthwise_weights *weights, size_t output, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    const int8_t *row = weights->weights + output * weights->runs * 4;
    for (size_t run = 0; run < weights->runs; run++)
        for (size_t i = 0; i < 4; i++) {
            size_t position = output * weights->plane_stride + weights->offsets[run] + i;
            const uint8_t *bytes = x + position * lanes;
            int16_t level = row[4 * run + i];
            if (level == 0) continue;
            for (int p = 0; p < CIK_TILE; p++) acc[p] += (int16_t)bytes[p] * level;
        }
}

void u8_s8_depthwise__scalar(
    const cik_depthwise_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    CIK_FOR_EACH_TILE(sums, cik_requantize_tile, cik_add_residual)
}
