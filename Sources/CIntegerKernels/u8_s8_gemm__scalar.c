// Dense int8 weights times planes of bytes.
#include "kernels.h"

#include <string.h>

static void tile(
    const cik_gemm_weights *weights, size_t output, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    const int8_t *row = weights->weights + output * weights->stride;
    memset(acc, 0, CIK_TILE * sizeof *acc);
    for (size_t term = 0; term < weights->stride; term++) {
        const uint8_t *run = x + weights->offsets[term] * lanes;
        int16_t weight = row[term];
        // The product fits 16 bits: 255 * -128 == -32640.
        for (int p = 0; p < CIK_TILE; p++) acc[p] += (int16_t)(run[p] * weight);
    }
}

void u8_s8_gemm__scalar(
    const cik_gemm_weights *weights, size_t first, size_t outputs, const uint8_t *x, size_t lanes,
    size_t length, int32_t *acc, size_t acc_stride) {
    for (size_t p = 0; p < length; p += CIK_TILE)
        for (size_t output = 0; output < outputs; output++)
            tile(weights, first + output, x + p, lanes, acc + output * acc_stride + p);
}
