// Dense int8 weights times one channel an output, read from the values as they stand.
#include "planar.h"

#include <string.h>

enum { PARTS = 4 };

/// Where the 16 bytes are that quarter `q` of part `k` is sorted from.
static const uint8_t *quarter(
    const cik_direct_weights *weights, const cik_reach *reach, size_t k, size_t q,
    const uint8_t *x) {
    if (weights->stride == 1) return x + reach->starts[0] + 16 * q + (k == 3 ? 4 : 0);
    return x + reach->starts[k / 2 * 2 + q / 2] + 16 * (q % 2) + 8 * (k % 2);
}

/// The place of the tile that byte `byte` of part `k` belongs to.
static size_t place(const cik_direct_weights *weights, size_t k, size_t byte) {
    size_t q = byte / 16, i = byte % 16 / 4;
    if (weights->stride == 1) return 16 * q + 4 * k + i;
    return 16 * (k / 2 * 2 + q / 2) + 8 * (q % 2) + 4 * (k % 2) + i;
}

static void sums(
    const cik_direct_weights *weights, size_t output, const uint8_t *x, size_t tile, int32_t *acc) {
    const int8_t *row = weights->weights + output * weights->runs * 4;
    const cik_reach *reaches = weights->reaches + tile * weights->runs;
    for (size_t run = 0; run < weights->runs; run++)
        for (size_t k = 0; k < PARTS; k++) {
            const uint8_t *order = weights->orders + (PARTS * reaches[run].order + k) * CIK_TILE;
            for (size_t byte = 0; byte < CIK_TILE; byte++) {
                uint8_t value = order[byte] < 128
                    ? quarter(weights, reaches + run, k, byte / 16, x)[order[byte]]
                    : weights->fill;
                acc[place(weights, k, byte)] += value * row[4 * run + byte % 4];
            }
        }
}

void u8_s8_depthwise_direct__scalar(
    const cik_direct_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    for (size_t tile = 0, done = 0; tile < cik_tiles(planar); tile++) {
        for (size_t output = first; output < first + count; output++) {
            int32_t acc[CIK_TILE] = {0};
            sums(weights, output, planar->x + output * weights->plane_stride, tile, acc);
            uint8_t *y = planar->y + output * planar->y_stride + done;
            uint8_t *end =
                cik_requantize_tile(planar->epilogue, output, acc, planar->kept[tile], y);
            if (planar->residual) cik_add_residual(planar->residual, y, (size_t)(end - y));
        }
        done += (size_t)__builtin_popcountll(planar->kept[tile]);
    }
}
