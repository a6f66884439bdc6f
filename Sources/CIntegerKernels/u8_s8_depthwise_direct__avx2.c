// Dense int8 weights times one channel an output, read from the values as they stand: `vpshufb`
// sorts the bytes of a run as those of four rows are unpacked, zeros where the border is.
//
// Channels are the inner loop: what a tile reads, and in which order, is the same for all of them.
#include "quads__avx2.h"

#if defined(__x86_64__)

/// Bytes of channels that are read and written tile by tile, before the next channels are: they
/// stay in the second cache, and in few pages.
enum { BYTES_TOGETHER = 128 << 10 };

/// What a tile is sorted by, run by run, and the bytes of the border among zeros.
typedef struct {
    const uint8_t *orders[CIK_DIRECT_RUNS];
    _Alignas(32) uint8_t borders[CIK_DIRECT_RUNS][4 * CIK_TILE];
} sorting;

/// What is known of a layer. `isNarrow`: its sums fit 16 bits. `fills`: the border is not zero.
typedef struct {
    size_t runs;
    int stride;
    bool isNarrow, fills;
} layer;

CIK_INLINE_AVX2 __m256i load(const uint8_t *bytes) {
    return _mm256_loadu_si256((const __m256i *)bytes);
}

CIK_INLINE_AVX2 void set_sorting(
    sorting *s, const cik_direct_weights *weights, const cik_reach *reaches, const layer l) {
    const __m256i zero = _mm256_setzero_si256(), fill = _mm256_set1_epi8((char)weights->fill);
    for (size_t run = 0; run < l.runs; run++) {
        const uint8_t *orders = s->orders[run] =
            weights->orders + (size_t)reaches[run].order * 4 * CIK_TILE;
        for (size_t i = 0; l.fills && i < 4 * CIK_TILE; i += 32) {
            __m256i outside = _mm256_cmpgt_epi8(zero, load(orders + i));
            _mm256_store_si256(
                (__m256i *)(s->borders[run] + i), _mm256_and_si256(outside, fill));
        }
    }
}

/// Part `k` of a run in half `half` of it, sorted.
CIK_INLINE_AVX2 __m256i sorted(
    const sorting *s, size_t run, const cik_reach *reach, const uint8_t *x, const int k,
    const int half, const layer l) {
    const uint8_t *start = l.stride == 1 ? x + reach->starts[0] + 32 * half + (k == 3 ? 4 : 0)
                                         : x + reach->starts[k / 2 * 2 + half] + 8 * (k % 2);
    int at = k * CIK_TILE + 32 * half;
    __m256i bytes = _mm256_shuffle_epi8(load(start), load(s->orders[run] + at));
    return l.fills ? _mm256_or_si256(bytes, load(s->borders[run] + at)) : bytes;
}

/// The sums of a tile of one channel, in 16 bits on the way.
CIK_INLINE_AVX2 cik_sums_of_quads narrow_sums(
    const sorting *s, const int8_t *row, const cik_reach *reaches, const uint8_t *x,
    const layer l) {
    cik_sums_of_quads sums;
    cik_clear_quads(&sums);
    for (size_t run = 0; run < l.runs; run++) {
        int32_t four;
        memcpy(&four, row + 4 * run, sizeof four);
        __m256i weights = _mm256_set1_epi32(four);
        CIK_UNROLLED for (int i = 0; i < 8; i++) {
            __m256i bytes = sorted(s, run, reaches + run, x, i % 4, i / 4, l);
            sums.part[i] =
                _mm256_add_epi16(sums.part[i], _mm256_maddubs_epi16(bytes, weights));
        }
    }
    CIK_UNROLLED for (int i = 0; i < 8; i++)
        sums.part[i] = _mm256_madd_epi16(sums.part[i], _mm256_set1_epi16(1));
    return sums;
}

/// The same in 32 bits: bytes and weights as `cik_add_quads` has them.
CIK_INLINE_AVX2 cik_sums_of_quads wide_sums(
    const sorting *s, const int8_t *row, const cik_reach *reaches, const uint8_t *x,
    const layer l) {
    cik_sums_of_quads sums;
    cik_clear_quads(&sums);
    for (size_t run = 0; run < l.runs; run++) {
        cik_signed_quad weights = cik_quad_of(row + 4 * run);
        cik_add_surplus(&sums, weights);
        CIK_UNROLLED for (int i = 0; i < 8; i++)
            cik_add_quad(
                &sums, i, weights, sorted(s, run, reaches + run, x, i % 4, i / 4, l));
    }
    cik_take_surplus(&sums);
    return sums;
}

/// Eights of places of stride 2, which come in the order 0, 4, 1, 5 and 2, 6, 3, 7.
CIK_INLINE_AVX2 void put_in_order(__m256i halves[2]) {
    __m256i low = _mm256_permute4x64_epi64(halves[0], 0xd8);
    __m256i high = _mm256_permute4x64_epi64(halves[1], 0xd8);
    halves[0] = _mm256_permute2x128_si256(low, high, 0x20);
    halves[1] = _mm256_permute2x128_si256(low, high, 0x31);
}

/// Writes sums as bytes from y on; returns the place behind them.
CIK_INLINE_AVX2 uint8_t *write_bytes(
    const cik_epilogue *epilogue, size_t output, const cik_sums_of_quads *sums, uint64_t kept,
    uint8_t *y, const int stride) {
    if (epilogue->bits > 32) {
        int32_t acc[CIK_TILE];
        CIK_UNROLLED for (int i = 0; i < 8; i++) {
            int k = i % 4, half = i / 4;
            int32_t *place = stride == 1 ? acc + 32 * half + 4 * k
                                         : acc + 16 * (k / 2 * 2 + half) + 4 * (k % 2);
            _mm_storeu_si128((__m128i *)place, _mm256_castsi256_si128(sums->part[i]));
            _mm_storeu_si128(
                (__m128i *)(place + (stride == 1 ? 16 : 8)),
                _mm256_extracti128_si256(sums->part[i], 1));
        }
        return cik_requantize_tile(epilogue, output, acc, kept, y);
    }
    __m256i halves[2];
    CIK_UNROLLED for (int half = 0; half < 2; half++)
        halves[half] = cik_bytes_of_32__avx2(epilogue, output, sums->part + 4 * half);
    if (stride == 2) put_in_order(halves);
    if (kept == ~(uint64_t)0) {
        _mm256_storeu_si256((__m256i *)y, halves[0]);
        _mm256_storeu_si256((__m256i *)y + 1, halves[1]);
        return y + CIK_TILE;
    }
    uint8_t bytes[CIK_TILE];
    memcpy(bytes, halves, sizeof bytes);
    return cik_store_kept(bytes, kept, y);
}

/// One tile of `count` channels from `first` on; `done` bytes of each lie before it.
CIK_INLINE_AVX2 void run_tile(
    const cik_direct_weights *weights, const cik_planar *planar, size_t first, size_t count,
    size_t tile, size_t done, const layer l) {
    const cik_reach *reaches = weights->reaches + tile * weights->runs;
    const uint8_t *x = planar->x + first * weights->plane_stride;
    const int8_t *row = weights->weights + first * weights->runs * 4;
    uint8_t *y = planar->y + first * planar->y_stride + done;
    sorting s;
    set_sorting(&s, weights, reaches, l);
    for (size_t output = first; output < first + count; output++) {
        cik_sums_of_quads sums = l.isNarrow ? narrow_sums(&s, row, reaches, x, l)
                                            : wide_sums(&s, row, reaches, x, l);
        uint8_t *end =
            write_bytes(planar->epilogue, output, &sums, planar->kept[tile], y, l.stride);
        if (planar->residual) cik_add_residual__avx2(planar->residual, y, (size_t)(end - y));
        x += weights->plane_stride;
        row += 4 * weights->runs;
        y += planar->y_stride;
    }
}

CIK_INLINE_AVX2 void run_layer(
    const cik_direct_weights *weights, const cik_planar *planar, size_t first, size_t count,
    const layer l) {
    size_t together = BYTES_TOGETHER / (weights->plane_stride + planar->y_stride) + 1;
    for (size_t end = first + count; first < end; first += together) {
        size_t channels = end - first < together ? end - first : together;
        for (size_t tile = 0, done = 0; tile < cik_tiles(planar); tile++) {
            run_tile(weights, planar, first, channels, tile, done, l);
            done += (size_t)__builtin_popcountll(planar->kept[tile]);
        }
    }
}

/// What is known beforehand is a constant of each call.
CIK_INLINE_AVX2 void run_stride(
    const cik_direct_weights *weights, const cik_planar *planar, size_t first, size_t count,
    const int stride, const bool isNarrow) {
    if (weights->fill == 0 && isNarrow && weights->runs == 3)
        run_layer(weights, planar, first, count, (layer){3, stride, true, false});
    else if (weights->fill == 0)
        run_layer(weights, planar, first, count, (layer){weights->runs, stride, isNarrow, false});
    else
        run_layer(weights, planar, first, count, (layer){weights->runs, stride, isNarrow, true});
}

CIK_AVX2 void u8_s8_depthwise_direct__avx2(
    const cik_direct_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    bool isNarrow = planar->epilogue->bits == 16;
    if (weights->stride == 1 && isNarrow)
        run_stride(weights, planar, first, count, 1, true);
    else if (weights->stride == 1)
        run_stride(weights, planar, first, count, 1, false);
    else if (isNarrow)
        run_stride(weights, planar, first, count, 2, true);
    else
        run_stride(weights, planar, first, count, 2, false);
}
#endif
