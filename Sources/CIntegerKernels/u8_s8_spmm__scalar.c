// Sparse int8 weights times planes of bytes, four terms a step.
#include "planar.h"

#include <string.h>

static void sums(
    const cik_spmm_weights *weights, size_t output, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    for (size_t i = weights->first_step[output]; i < weights->first_step[output + 1]; i++) {
        const uint32_t *offsets = weights->offsets + 4 * i;
        const int8_t *levels = weights->levels + 4 * i;
        const uint8_t *a = x + offsets[0] * lanes, *b = x + offsets[1] * lanes;
        const uint8_t *c = x + offsets[2] * lanes, *d = x + offsets[3] * lanes;
        int16_t s = levels[0], t = levels[1], u = levels[2], v = levels[3];
        for (int p = 0; p < CIK_TILE; p++)
            acc[p] += (int16_t)a[p] * s + (int16_t)b[p] * t + (int16_t)c[p] * u + (int16_t)d[p] * v;
    }
}

void u8_s8_spmm__scalar(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    CIK_FOR_EACH_TILE(sums, cik_requantize_tile, cik_add_residual)
}
