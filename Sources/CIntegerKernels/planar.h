/// What the kernels over planes share in their scalar form: where the sums of a tile go.
#ifndef CIK_PLANAR_H
#define CIK_PLANAR_H

#include "kernels.h"

#include <string.h>

/// Copies `count` bytes and no byte behind them: another thread may write those. In pieces whose
/// size the compiler knows, and without a loop, which it would take for a call of `memcpy`.
static inline void cik_copy(uint8_t *restrict y, const uint8_t *restrict x, size_t count) {
    if (count > 64)
        memcpy(y, x, count);
    else if (count >= 32) {
        memcpy(y, x, 32);
        memcpy(y + count - 32, x + count - 32, 32);
    } else if (count >= 16) {
        memcpy(y, x, 16);
        memcpy(y + count - 16, x + count - 16, 16);
    } else if (count >= 8) {
        memcpy(y, x, 8);
        memcpy(y + count - 8, x + count - 8, 8);
    } else if (count >= 4) {
        memcpy(y, x, 4);
        memcpy(y + count - 4, x + count - 4, 4);
    } else if (count > 0) {
        y[0] = x[0];
        y[count / 2] = x[count / 2];
        y[count - 1] = x[count - 1];
    }
}

/// Writes the kept ones of 64 bytes behind each other; returns the place behind them.
static inline uint8_t *cik_store_kept(const uint8_t *bytes, uint64_t kept, uint8_t *y) {
    while (kept != 0) {
        int start = __builtin_ctzll(kept);
        uint64_t behind = ~(kept >> start);
        size_t count = behind == 0 ? CIK_TILE : (size_t)__builtin_ctzll(behind);
        cik_copy(y, bytes + start, count);
        y += count;
        // Without this run.
        kept &= kept + (kept & -kept);
    }
    return y;
}

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

/// Which bytes of a tile are written: those that are kept or, with a border, all of them.
static inline uint64_t cik_written(const cik_planar *planar, size_t tile) {
    return planar->has_border ? ~(uint64_t)0 : planar->kept[tile];
}

static inline size_t cik_written_count(const cik_planar *planar, size_t tile) {
    return (size_t)__builtin_popcountll(cik_written(planar, tile));
}

/// Makes the bytes of a tile, from y on, border again that are no places of the output.
static inline void cik_restore_border(const cik_planar *planar, size_t tile, uint8_t *y) {
    if (!planar->has_border) return;
    for (uint64_t border = ~planar->kept[tile]; border != 0; border &= border - 1)
        y[__builtin_ctzll(border)] = planar->fill;
}

static inline size_t cik_tiles(const cik_planar *planar) {
    return (planar->length + CIK_TILE - 1) / CIK_TILE;
}

/// Runs `sums(weights, output, x, lanes, acc)` for each tile and output, and `requantize` and
/// `add_residual` on what it finds: the frame of the kernels that keep sums in memory. Those of one
/// tile follow each other, so that its bytes stay in the first cache.
#define CIK_FOR_EACH_TILE(sums, requantize, add_residual)                                   \
    CIK_FOR_EACH_ROW(number, sums, requantize, add_residual)

/// The same for weights whose row `number` is that of output `output_of_row`, for `sums` of rows.
#define CIK_FOR_EACH_ROW(output_of_row, sums, requantize, add_residual)                     \
    for (size_t tile = 0, done = 0; tile < cik_tiles(planar); tile++) {                     \
        const uint8_t *x = planar->x + tile * CIK_TILE;                                     \
        for (size_t number = first; number < first + count; number++) {                     \
            size_t output = output_of_row;                                                  \
            int32_t acc[CIK_TILE] = {0};                                                    \
            sums(weights, number, x, planar->lanes, acc);                                   \
            if (planar->epilogue) {                                                         \
                uint8_t *y = planar->y + output * planar->y_stride + done;                  \
                uint8_t *end = requantize(                                                  \
                    planar->epilogue, output, acc, cik_written(planar, tile), y);           \
                if (planar->residual)                                                       \
                    add_residual(planar->residual, y, (size_t)(end - y));                   \
                cik_restore_border(planar, tile, y);                                        \
            } else                                                                          \
                memcpy(                                                                     \
                    planar->acc + output * planar->acc_stride + tile * CIK_TILE, acc,       \
                    sizeof acc);                                                            \
        }                                                                                   \
        done += cik_written_count(planar, tile);                                            \
    }

#endif
