/// What the kernels over planes share in their scalar form: where the sums of a tile go.
#ifndef CIK_PLANAR_H
#define CIK_PLANAR_H

#include "kernels.h"

/// The kept sums of a tile as bytes of `output`, from y on; returns the place behind them.
static inline uint8_t *cik_requantize_tile(
    const cik_epilogue *epilogue, size_t output, const int32_t *acc, uint64_t kept, uint8_t *y) {
    int32_t multiplier = epilogue->multipliers[output];
    int64_t constant = epilogue->constants[output];
    for (; kept != 0; kept &= kept - 1) {
        int32_t sum = acc[__builtin_ctzll(kept)];
        *y++ = (uint8_t)cik_requantize(sum, multiplier, constant, epilogue->rounding);
    }
    return y;
}

/// Adds what belongs to `count` bytes from y on.
static inline void cik_add_residual(const cik_residual *residual, uint8_t *y, size_t count) {
    const uint8_t *other = y + residual->distance;
    for (size_t i = 0; i < count; i++) {
        int32_t sum = y[i] * residual->multipliers[0] + other[i] * residual->multipliers[1];
        int32_t value = (sum + residual->constant) >> residual->shift;
        value = value < residual->low ? residual->low : value;
        y[i] = (uint8_t)(value > residual->high ? residual->high : value);
    }
}

/// Bytes of an output that lie before tile `tile`.
static inline size_t cik_bytes_before(const cik_planar *planar, size_t tile) {
    size_t bytes = 0;
    for (size_t i = 0; i < tile; i++) bytes += (size_t)__builtin_popcountll(planar->kept[i]);
    return bytes;
}

/// Offset `i` of a list of offsets of `size` bytes, 2 or 4.
static inline size_t cik_offset(const void *offsets, size_t size, size_t i) {
    return size == 2 ? ((const uint16_t *)offsets)[i] : ((const uint32_t *)offsets)[i];
}

static inline size_t cik_tiles(const cik_planar *planar) {
    return (planar->length + CIK_TILE - 1) / CIK_TILE;
}

/// Runs `sums(weights, output, x, lanes, acc)` for each tile and output, and `requantize` and
/// `add_residual` on what it finds: the frame of the kernels that keep sums in memory. Those of one tile follow each other,
/// so that its bytes stay in the first cache.
#define CIK_FOR_EACH_TILE(sums, requantize, add_residual)                                   \
    for (size_t tile = 0, done = 0; tile < cik_tiles(planar); tile++) {                     \
        const uint8_t *x = planar->x + tile * CIK_TILE;                                     \
        for (size_t output = first; output < first + count; output++) {                     \
            int32_t acc[CIK_TILE] = {0};                                                    \
            sums(weights, output, x, planar->lanes, acc);                                   \
            if (planar->epilogue) {                                                         \
                uint8_t *y = planar->y + output * planar->y_stride + done;                  \
                uint8_t *end = requantize(                                                  \
                    planar->epilogue, output, acc, planar->kept[tile], y);                  \
                if (planar->residual)                                                       \
                    add_residual(planar->residual, y, (size_t)(end - y));                   \
            } else                                                                          \
                memcpy(                                                                     \
                    planar->acc + output * planar->acc_stride + tile * CIK_TILE, acc,       \
                    sizeof acc);                                                            \
        }                                                                                   \
        done += (size_t)__builtin_popcountll(planar->kept[tile]);                           \
    }

#endif
