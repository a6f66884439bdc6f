// Sparse int8 weights times planes of bytes up to 63: as with AVX-512, up to two tiles of an output
// at a time, whose sums and the constants of a step fill the 16 registers.
#include "rows.h"
#include "planar__avx2.h"

#if defined(__x86_64__)

#define INLINE CIK_INLINE_AVX2

/// 32 positions each.
typedef struct { cik_sums_16 part[4]; } tiles_16;

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

/// The next `count` steps of a row, whose groups have `group` terms.
INLINE void add_steps(
    tiles_16 *sums, cik_grouped_row *row, size_t count, const uint8_t *x, const cik_reading r,
    const int tiles, const size_t group) {
    const uint8_t *step = row->place;
    for (size_t n = count; n > 0; n--, step += 2 * group * r.size + 2) {
        if (group == 4) cik_prefetch_weights(step);
        const int8_t *levels = (const int8_t *)step + 2 * group * r.size;
        const uint8_t *terms[8];
        CIK_UNROLLED for (size_t i = 0; i < 2 * group; i++) terms[i] = x + cik_offset(step, i, r);
        __m256i both = two_levels(levels);
        CIK_UNROLLED for (int p = 0; p < 2 * tiles; p++) {
            __m256i a = group_sum(terms, group, p), b = group_sum(terms + group, group, p);
            sums->part[p].low = _mm256_add_epi16(
                sums->part[p].low, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), both));
            sums->part[p].high = _mm256_add_epi16(
                sums->part[p].high, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), both));
        }
    }
    row->place = step;
}

INLINE void clear(tiles_16 *sums, const int tiles) {
    CIK_UNROLLED for (int p = 0; p < 2 * tiles; p++)
        sums->part[p].low = sums->part[p].high = _mm256_setzero_si256();
}

/// Adds to `acc`, in the order of positions, and begins anew.
INLINE void flush(tiles_16 *sums, int32_t *acc, const int tiles) {
    CIK_UNROLLED for (int p = 0; p < 2 * tiles; p++) {
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
    clear(sums, tiles);
}

/// The bytes of a tile.
INLINE void bytes_of_tile(
    const cik_epilogue *epilogue, size_t output, const tiles_16 *sums, int tile, uint8_t *bytes) {
    CIK_UNROLLED for (int half = 0; half < 2; half++)
        _mm256_storeu_si256(
            (__m256i *)bytes + half,
            cik_bytes_of_16__avx2(epilogue, output, sums->part[2 * tile + half]));
}

#define REQUANTIZE_TILE cik_requantize_tile__avx2
#define ADD_RESIDUAL cik_add_residual__avx2
#include "u6_s8_spmm.inc"

CIK_AVX2 void u6_s8_spmm__avx2(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    run(weights, planar, first, count);
}
#endif
