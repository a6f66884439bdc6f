// Dense int8 weights times planes of bytes.
#include "planar.h"

#include <string.h>

// Positions whose sums a compiler keeps in registers while it walks all terms, two at a time.
enum { BLOCK = 16 };

static void sums(
    const cik_gemm_weights *weights, size_t output, const uint8_t *x, size_t lanes,
    int32_t *restrict acc) {
    const int8_t *row = weights->weights + output * weights->stride;
    const uint32_t *offsets = weights->offsets;
    for (int start = 0; start < CIK_TILE; start += BLOCK) {
        int32_t sum[BLOCK] = {0};
        for (size_t term = 0; term < weights->stride; term += 2) {
            const uint8_t *a = x + offsets[term] * lanes + start;
            const uint8_t *b = x + offsets[term + 1] * lanes + start;
            int16_t u = row[term], v = row[term + 1];
            for (int p = 0; p < BLOCK; p++) sum[p] += (int16_t)a[p] * u + (int16_t)b[p] * v;
        }
        memcpy(acc + start, sum, sizeof sum);
    }
}

void u8_s8_gemm__scalar(
    const cik_gemm_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    CIK_FOR_EACH_TILE(sums, cik_requantize_tile, cik_add_residual)
}
