// Sparse int8 weights times planes of bytes up to 63: as with AVX-512, a tile of one output at a
// time.
#include "planar__avx2.h"

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline)) CIK_AVX2

/// Sums of two runs of 32 positions: `low` has positions 0...7 and 16...23, `high` the others.
typedef struct { __m256i low[2], high[2]; } sums_16;

/// 32 positions of term `i`.
INLINE __m256i load(
    const cik_grouped_weights *weights, const cik_steps *steps, size_t i, const uint8_t *x,
    size_t lanes, int half) {
    size_t offset = cik_offset(steps->offsets, weights->offset_size, i) << weights->shift;
    return _mm256_loadu_si256((const __m256i *)(x + offset * lanes) + half);
}

INLINE __m256i two_levels(const int8_t *levels) {
    int16_t two;
    memcpy(&two, levels, sizeof two);
    return _mm256_set1_epi16(two);
}

INLINE void add_pairs(sums_16 *s, int half, __m256i a, __m256i b, __m256i levels) {
    s->low[half] = _mm256_add_epi16(
        s->low[half], _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), levels));
    s->high[half] = _mm256_add_epi16(
        s->high[half], _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), levels));
}

/// The sum of `count` terms from `first` on.
INLINE __m256i group(
    const cik_grouped_weights *weights, const cik_steps *steps, size_t first, const size_t count,
    const uint8_t *x, size_t lanes, int half) {
    __m256i sum = load(weights, steps, first, x, lanes, half);
    CIK_UNROLLED for (size_t i = 1; i < count; i++)
        sum = _mm256_add_epi8(sum, load(weights, steps, first + i, x, lanes, half));
    return sum;
}

/// Adds to `acc`, in the order of positions, and begins anew.
INLINE void flush(sums_16 *s, int32_t *acc) {
    for (int half = 0; half < 2; half++) {
        __m128i eight[4] = {
            _mm256_castsi256_si128(s->low[half]), _mm256_castsi256_si128(s->high[half]),
            _mm256_extracti128_si256(s->low[half], 1), _mm256_extracti128_si256(s->high[half], 1),
        };
        for (int i = 0; i < 4; i++) {
            __m256i *place = (__m256i *)(acc + 32 * half + 8 * i);
            __m256i more = _mm256_cvtepi16_epi32(eight[i]);
            _mm256_storeu_si256(place, _mm256_add_epi32(_mm256_loadu_si256(place), more));
        }
        s->low[half] = s->high[half] = _mm256_setzero_si256();
    }
}

INLINE void add_steps(
    sums_16 *s, const cik_grouped_weights *weights, const cik_steps *steps, size_t start,
    size_t end, const uint8_t *x, size_t lanes, const size_t terms) {
    for (size_t i = start; i < end; i++) {
        __m256i levels = two_levels(steps->levels + 2 * i);
        CIK_UNROLLED for (int half = 0; half < 2; half++)
            add_pairs(
                s, half, group(weights, steps, 2 * i * terms, terms, x, lanes, half),
                group(weights, steps, (2 * i + 1) * terms, terms, x, lanes, half), levels);
    }
}

INLINE void add_row(
    const cik_grouped_weights *weights, size_t row, const uint8_t *x, size_t lanes, int32_t *acc) {
    size_t most = weights->bound <= INT16_MAX ? SIZE_MAX : weights->steps_in_16_bits;
    sums_16 s;
    for (int half = 0; half < 2; half++) s.low[half] = s.high[half] = _mm256_setzero_si256();
    CIK_UNROLLED for (size_t size = 0; size < CIK_STEP_SIZES; size++) {
        const cik_steps *steps = &weights->steps[size];
        size_t end = steps->first[row + 1];
        for (size_t i = steps->first[row]; i < end;) {
            size_t stop = end - i < most ? end : i + most;
            add_steps(&s, weights, steps, i, stop, x, lanes, cik_group(size));
            if (most != SIZE_MAX) flush(&s, acc);
            i = stop;
        }
    }
    flush(&s, acc);
}

/// Sums of a row that are added modulo 2^16 count only together with those of all blocks: so they
/// are cut to 16 bits at the end.
CIK_AVX2 static void sums(
    const cik_grouped_weights *weights, size_t output, const uint8_t *x, size_t lanes,
    int32_t *acc) {
    for (size_t block = 0; block < weights->blocks; block++)
        add_row(
            weights, block * weights->outputs + output,
            x + weights->block_starts[block] * lanes, lanes, acc);
    if (weights->bound <= INT16_MAX)
        for (int p = 0; p < CIK_TILE; p++) acc[p] = (int16_t)acc[p];
}

CIK_AVX2 void u6_s8_spmm__avx2(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    CIK_FOR_EACH_TILE(sums, cik_requantize_tile__avx2)
}
#endif
