// Sparse int8 weights times planes of bytes up to 63: as with AVX-512, up to two tiles of an output at a
// time, whose sums and the constants of a step fill the 16 registers.
#include "planar__avx2.h"

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline)) CIK_AVX2

/// 32 positions each.
typedef struct { cik_sums_16 part[4]; } tiles_16;

/// How offsets are to be read: constants of each call, but for the shift, which is 0 unless `shifts`.
typedef struct {
    size_t size;
    bool shifts;
    int shift;
} reading;

INLINE const uint8_t *term(const uint8_t *x, const void *offsets, size_t i, const reading r) {
    size_t offset = cik_offset(offsets, r.size, i);
    return x + (r.shifts ? offset << r.shift : offset);
}

INLINE __m256i two_levels(const int8_t *levels) {
    int16_t two;
    memcpy(&two, levels, sizeof two);
    return _mm256_set1_epi16(two);
}

/// The sum of part `p` of some terms, in bytes.
INLINE __m256i group_sum(const uint8_t *const *terms, const size_t group, const int p) {
    __m256i sum = _mm256_loadu_si256((const __m256i *)terms[0] + p);
    CIK_UNROLLED for (size_t i = 1; i < group; i++)
        sum = _mm256_add_epi8(sum, _mm256_loadu_si256((const __m256i *)terms[i] + p));
    return sum;
}

/// Steps `start`..<`end` of one size, whose groups have `group` terms.
INLINE void add_steps(
    tiles_16 *sums, const cik_steps *steps, size_t start, size_t end, const uint8_t *x,
    const reading r, const int parts, const size_t group) {
    const char *offsets = (const char *)steps->offsets + 2 * group * start * r.size;
    const int8_t *levels = steps->levels + 2 * start;
    for (size_t n = end - start; n > 0; n--, offsets += 2 * group * r.size, levels += 2) {
        const uint8_t *terms[8];
        CIK_UNROLLED for (size_t i = 0; i < 2 * group; i++) terms[i] = term(x, offsets, i, r);
        __m256i both = two_levels(levels);
        CIK_UNROLLED for (int p = 0; p < parts; p++) {
            __m256i a = group_sum(terms, group, p), b = group_sum(terms + group, group, p);
            sums->part[p].low = _mm256_add_epi16(
                sums->part[p].low, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), both));
            sums->part[p].high = _mm256_add_epi16(
                sums->part[p].high, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), both));
        }
    }
}

INLINE void clear(tiles_16 *sums, const int parts) {
    CIK_UNROLLED for (int p = 0; p < parts; p++)
        sums->part[p].low = sums->part[p].high = _mm256_setzero_si256();
}

/// Adds to `acc`, in the order of positions, and begins anew.
INLINE void flush(tiles_16 *sums, int32_t *acc, const int parts) {
    CIK_UNROLLED for (int p = 0; p < parts; p++) {
        cik_sums_16 s = sums->part[p];
        __m128i eight[4] = {
            _mm256_castsi256_si128(s.low), _mm256_castsi256_si128(s.high),
            _mm256_extracti128_si256(s.low, 1), _mm256_extracti128_si256(s.high, 1),
        };
        CIK_UNROLLED for (int i = 0; i < 4; i++) {
            __m256i *place = (__m256i *)(acc + 32 * p + 8 * i);
            __m256i more = _mm256_cvtepi16_epi32(eight[i]);
            _mm256_storeu_si256(place, _mm256_add_epi32(_mm256_loadu_si256(place), more));
        }
    }
    clear(sums, parts);
}

/// The steps of all blocks; after `most` of them at a time, unless it is 0, sums go to `acc`.
INLINE void add_blocks(
    tiles_16 *sums, const cik_grouped_weights *weights, size_t output, const uint8_t *x,
    size_t lanes, size_t most, int32_t *acc, const reading r, const int parts) {
    for (size_t block = 0; block < weights->blocks; block++) {
        const uint8_t *start = x + weights->block_starts[block] * lanes;
        size_t row = block * weights->outputs + output;
        CIK_UNROLLED for (size_t size = 0; size < CIK_STEP_SIZES; size++) {
            const cik_steps *steps = &weights->steps[size];
            size_t end = steps->first[row + 1];
            if (most == 0) {
                add_steps(
                    sums, steps, steps->first[row], end, start, r, parts, cik_group(size));
                continue;
            }
            for (size_t i = steps->first[row]; i < end; i += most) {
                size_t stop = end - i < most ? end : i + most;
                add_steps(sums, steps, i, stop, start, r, parts, cik_group(size));
                flush(sums, acc, parts);
            }
        }
    }
}

/// Some tiles of one output; `done` bytes of it lie before.
INLINE void run_tiles(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t output, size_t tile,
    size_t done, const reading r, const int tiles) {
    const int parts = 2 * tiles;
    const uint8_t *x = planar->x + tile * CIK_TILE;
    const cik_epilogue *epilogue = planar->epilogue;
    uint8_t *start = planar->y + output * planar->y_stride + done, *y = start;
    tiles_16 sums;
    clear(&sums, parts);
    // Sums that are added modulo 2^16 count only together with those of all blocks.
    bool is_short = weights->bound <= INT16_MAX;
    if (is_short && epilogue && epilogue->bits == 16) {
        add_blocks(&sums, weights, output, x, planar->lanes, 0, NULL, r, parts);
        for (int t = 0; t < tiles; t++) {
            uint8_t bytes[CIK_TILE];
            CIK_UNROLLED for (int half = 0; half < 2; half++)
                _mm256_storeu_si256(
                    (__m256i *)bytes + half,
                    cik_bytes_of_16__avx2(epilogue, output, sums.part[2 * t + half]));
            y = cik_store_kept__avx2(bytes, planar->kept[tile + (size_t)t], y);
        }
    } else {
        int32_t acc[2 * CIK_TILE];
        memset(acc, 0, (size_t)tiles * CIK_TILE * sizeof *acc);
        add_blocks(
            &sums, weights, output, x, planar->lanes, is_short ? 0 : weights->steps_in_16_bits,
            acc, r, parts);
        if (is_short) flush(&sums, acc, parts);
        if (!epilogue) {
            memcpy(
                planar->acc + output * planar->acc_stride + tile * CIK_TILE, acc,
                (size_t)tiles * CIK_TILE * sizeof *acc);
            return;
        }
        for (int t = 0; t < tiles; t++)
            y = cik_requantize_tile__avx2(
                epilogue, output, acc + CIK_TILE * t, planar->kept[tile + (size_t)t], y);
    }
    if (planar->residual) cik_add_residual__avx2(planar->residual, start, (size_t)(y - start));
}

/// Two tiles of all outputs and then the next, so that their bytes stay in the first cache.
INLINE void run(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count,
    const reading r) {
    size_t tiles = cik_tiles(planar), done = 0;
    for (size_t tile = 0; tile < tiles; tile += 2) {
        bool are_two = tile + 1 < tiles;
        for (size_t output = first; output < first + count; output++)
            if (are_two)
                run_tiles(weights, planar, output, tile, done, r, 2);
            else
                run_tiles(weights, planar, output, tile, done, r, 1);
        done += (size_t)__builtin_popcountll(planar->kept[tile]);
        if (are_two) done += (size_t)__builtin_popcountll(planar->kept[tile + 1]);
    }
}

CIK_AVX2 void u6_s8_spmm__avx2(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    int shift = weights->shift + (planar->lanes == 1 ? 0 : 6);
    if (weights->offset_size == 4)
        run(weights, planar, first, count, (reading){4, true, shift});
    else if (shift == 0)
        run(weights, planar, first, count, (reading){2, false, 0});
    else
        run(weights, planar, first, count, (reading){2, true, shift});
}
#endif
