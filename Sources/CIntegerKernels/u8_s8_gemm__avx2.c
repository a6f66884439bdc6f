// Dense int8 weights times planes of bytes: a tile of all planes is sorted once, two terms side by
// side; widened to 16 bits they are multiplied by pairs of weights, for four outputs at a time.
#include "planar__avx2.h"

#if defined(__x86_64__)

#define INLINE CIK_INLINE_AVX2

enum {
    /// Outputs at a time, and terms whose weights are widened together.
    OUTPUTS = 4,
    TERMS = 256,
};

/// `[OUTPUTS, TERMS]`
typedef struct { int16_t row[OUTPUTS][TERMS]; } levels_16;

/// Sorts a tile: `[stride / 2, 64, 2]`.
CIK_AVX2 static void sort_tile(
    const cik_gemm_weights *weights, const uint8_t *x, size_t lanes, uint8_t *sorted) {
    for (size_t term = 0; term < weights->stride; term += 2) {
        const uint8_t *a = x + weights->offsets[term] * lanes;
        const uint8_t *b = x + weights->offsets[term + 1] * lanes;
        for (int i = 0; i < CIK_TILE; i += 16, sorted += 32) {
            __m128i some_a = _mm_loadu_si128((const __m128i *)(a + i));
            __m128i some_b = _mm_loadu_si128((const __m128i *)(b + i));
            _mm_storeu_si128((__m128i *)sorted, _mm_unpacklo_epi8(some_a, some_b));
            _mm_storeu_si128((__m128i *)(sorted + 16), _mm_unpackhi_epi8(some_a, some_b));
        }
    }
}

INLINE __m256i two_bytes_wide(const uint8_t *bytes) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)bytes));
}

INLINE __m256i two_levels(const int16_t *levels) {
    int32_t two;
    memcpy(&two, levels, sizeof two);
    return _mm256_set1_epi32(two);
}

/// acc `[outputs, 64]` += `terms` terms of `outputs` rows, 16 positions at a time.
INLINE void add_terms(
    const levels_16 *levels, size_t terms, const uint8_t *sorted, int32_t (*acc)[CIK_TILE],
    const int outputs) {
    for (int start = 0; start < CIK_TILE; start += 16) {
        __m256i low[OUTPUTS], high[OUTPUTS];
        CIK_UNROLLED for (int o = 0; o < outputs; o++) {
            low[o] = _mm256_loadu_si256((const __m256i *)(acc[o] + start));
            high[o] = _mm256_loadu_si256((const __m256i *)(acc[o] + start + 8));
        }
        const uint8_t *pairs = sorted + 2 * start;
        for (size_t term = 0; term < terms; term += 2, pairs += 2 * CIK_TILE) {
            __m256i here = two_bytes_wide(pairs), behind = two_bytes_wide(pairs + 16);
            CIK_UNROLLED for (int o = 0; o < outputs; o++) {
                __m256i two = two_levels(levels->row[o] + term);
                low[o] = _mm256_add_epi32(low[o], _mm256_madd_epi16(here, two));
                high[o] = _mm256_add_epi32(high[o], _mm256_madd_epi16(behind, two));
            }
        }
        CIK_UNROLLED for (int o = 0; o < outputs; o++) {
            _mm256_storeu_si256((__m256i *)(acc[o] + start), low[o]);
            _mm256_storeu_si256((__m256i *)(acc[o] + start + 8), high[o]);
        }
    }
}

/// The sums of a sorted tile, of `outputs` outputs from `output` on.
INLINE void sums(
    const cik_gemm_weights *weights, size_t output, const uint8_t *sorted,
    int32_t (*acc)[CIK_TILE], const int outputs) {
    levels_16 levels;
    for (size_t first = 0; first < weights->stride; first += TERMS) {
        size_t left = weights->stride - first, terms = left < TERMS ? left : TERMS;
        for (int o = 0; o < outputs; o++) {
            const int8_t *row = weights->weights + (output + (size_t)o) * weights->stride + first;
            for (size_t i = 0; i < terms; i++) levels.row[o][i] = row[i];
        }
        add_terms(&levels, terms, sorted + first * CIK_TILE, acc, outputs);
    }
}

CIK_AVX2 static void finish(
    const cik_planar *planar, size_t output, size_t tile, size_t done, const int32_t *acc) {
    if (!planar->epilogue) {
        memcpy(
            planar->acc + output * planar->acc_stride + tile * CIK_TILE, acc,
            CIK_TILE * sizeof *acc);
        return;
    }
    uint8_t *y = planar->y + output * planar->y_stride + done;
    uint8_t *end = cik_requantize_tile__avx2(
        planar->epilogue, output, acc, cik_written(planar, tile), y);
    if (planar->residual) cik_add_residual__avx2(planar->residual, y, (size_t)(end - y));
    cik_restore_border(planar, tile, y);
}

CIK_AVX2 void u8_s8_gemm__avx2(
    const cik_gemm_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    size_t tiles = cik_tiles(planar), done = 0, end = first + count;
    for (size_t tile = 0; tile < tiles; tile++) {
        sort_tile(weights, planar->x + tile * CIK_TILE, planar->lanes, planar->scratch);
        for (size_t output = first; output < end;) {
            int32_t acc[OUTPUTS][CIK_TILE] = {{0}};
            size_t together = end - output < OUTPUTS ? 1 : OUTPUTS;
            if (together == 1)
                sums(weights, output, planar->scratch, acc, 1);
            else
                sums(weights, output, planar->scratch, acc, OUTPUTS);
            for (size_t o = 0; o < together; o++)
                finish(planar, output + o, tile, done, acc[o]);
            output += together;
        }
        done += cik_written_count(planar, tile);
    }
}
#endif
