/// Products of bytes and weights of 8 bits with AVX2, four terms at a time.
#ifndef CIK_QUADS_AVX2_H
#define CIK_QUADS_AVX2_H

#include "planar__avx2.h"

#if defined(__x86_64__)

/// Sums of a tile. `part[4 * half + i]` holds positions 4 * i + 0...3 and 16 + 4 * i + 0...3 of
/// either half, as bytes of four terms are unpacked. Each sum is too large by `surplus`, the same
/// in all lanes.
typedef struct { __m256i part[8], surplus; } cik_sums_of_quads;

CIK_INLINE_AVX2 void cik_clear_quads(cik_sums_of_quads *sums) {
    CIK_UNROLLED for (int i = 0; i < 8; i++) sums->part[i] = _mm256_setzero_si256();
    sums->surplus = _mm256_setzero_si256();
}

CIK_INLINE_AVX2 void cik_add_sums(cik_sums_of_quads *sums, const cik_sums_of_quads *others) {
    CIK_UNROLLED for (int i = 0; i < 8; i++)
        sums->part[i] = _mm256_add_epi32(sums->part[i], others->part[i]);
    sums->surplus = _mm256_add_epi32(sums->surplus, others->surplus);
}

CIK_INLINE_AVX2 __m256i cik_product_of_quads(__m256i magnitudes, __m256i bytes) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(magnitudes, bytes), _mm256_set1_epi16(1));
}

/// Four weights for `vpmaddubsw`, which takes bytes without sign times bytes with one, and whose
/// sums of two products have 16 bits: 2 * 255 * 127 does not fit, 2 * 128 * 128 (below zero) does.
/// So the weight gives its magnitude, and the byte x becomes x - 128, or 127 - x for a weight below
/// zero: x with some bits flipped. What the flipped bits of x = 0 add is counted in `surplus`.
typedef struct { __m256i magnitudes, flips; } cik_signed_quad;

CIK_INLINE_AVX2 cik_signed_quad cik_quad_of(const int8_t *levels) {
    int32_t four;
    memcpy(&four, levels, sizeof four);
    __m256i weights = _mm256_set1_epi32(four);
    __m256i signs = _mm256_cmpgt_epi8(_mm256_setzero_si256(), weights);
    return (cik_signed_quad){
        _mm256_abs_epi8(weights), _mm256_xor_si256(signs, _mm256_set1_epi8(-128)),
    };
}

CIK_INLINE_AVX2 void cik_add_surplus(cik_sums_of_quads *sums, cik_signed_quad quad) {
    sums->surplus =
        _mm256_add_epi32(sums->surplus, cik_product_of_quads(quad.magnitudes, quad.flips));
}

/// Adds the products of eight positions' bytes, four each, to part `i`.
CIK_INLINE_AVX2 void cik_add_quad(
    cik_sums_of_quads *sums, const int i, cik_signed_quad quad, __m256i bytes) {
    __m256i flipped = _mm256_xor_si256(bytes, quad.flips);
    sums->part[i] =
        _mm256_add_epi32(sums->part[i], cik_product_of_quads(quad.magnitudes, flipped));
}

/// Takes off what all sums have too much.
CIK_INLINE_AVX2 void cik_take_surplus(cik_sums_of_quads *sums) {
    CIK_UNROLLED for (int i = 0; i < 8; i++)
        sums->part[i] = _mm256_sub_epi32(sums->part[i], sums->surplus);
}

/// Adds `levels[0] * a[p] + ... + levels[3] * d[p]` for the 64 positions from each pointer on.
CIK_INLINE_AVX2 void cik_add_quads(
    cik_sums_of_quads *sums, const int8_t *levels, const uint8_t *a, const uint8_t *b,
    const uint8_t *c, const uint8_t *d) {
    cik_signed_quad quad = cik_quad_of(levels);
    cik_add_surplus(sums, quad);
    CIK_UNROLLED for (int half = 0; half < 2; half++) {
        __m256i bytes_a = _mm256_loadu_si256((const __m256i *)a + half);
        __m256i bytes_b = _mm256_loadu_si256((const __m256i *)b + half);
        __m256i bytes_c = _mm256_loadu_si256((const __m256i *)c + half);
        __m256i bytes_d = _mm256_loadu_si256((const __m256i *)d + half);
        __m256i low_ab = _mm256_unpacklo_epi8(bytes_a, bytes_b);
        __m256i high_ab = _mm256_unpackhi_epi8(bytes_a, bytes_b);
        __m256i low_cd = _mm256_unpacklo_epi8(bytes_c, bytes_d);
        __m256i high_cd = _mm256_unpackhi_epi8(bytes_c, bytes_d);
        __m256i quads[4] = {
            _mm256_unpacklo_epi16(low_ab, low_cd), _mm256_unpackhi_epi16(low_ab, low_cd),
            _mm256_unpacklo_epi16(high_ab, high_cd), _mm256_unpackhi_epi16(high_ab, high_cd),
        };
        CIK_UNROLLED for (int i = 0; i < 4; i++) cik_add_quad(sums, 4 * half + i, quad, quads[i]);
    }
}

/// Writes the sums of one output of a tile, as bytes or as they are; `done` bytes of it lie before.
CIK_AVX2 static inline void cik_finish_quads(
    const cik_planar *planar, size_t output, size_t tile, size_t done,
    const cik_sums_of_quads *found) {
    const cik_epilogue *epilogue = planar->epilogue;
    cik_sums_of_quads sums = *found;
    cik_take_surplus(&sums);
    uint8_t *start = planar->y + output * planar->y_stride + done, *end;
    if (epilogue && epilogue->bits <= 32) {
        uint8_t bytes[CIK_TILE];
        CIK_UNROLLED for (int half = 0; half < 2; half++)
            _mm256_storeu_si256(
                (__m256i *)bytes + half,
                cik_bytes_of_32__avx2(epilogue, output, sums.part + 4 * half));
        end = cik_store_kept(bytes, cik_written(planar, tile), start);
    } else {
        int32_t own[CIK_TILE];
        int32_t *acc =
            epilogue ? own : planar->acc + output * planar->acc_stride + tile * CIK_TILE;
        CIK_UNROLLED for (int i = 0; i < 8; i++) {
            int32_t *place = acc + 32 * (i / 4) + 4 * (i % 4);
            _mm_storeu_si128((__m128i *)place, _mm256_castsi256_si128(sums.part[i]));
            _mm_storeu_si128((__m128i *)(place + 16), _mm256_extracti128_si256(sums.part[i], 1));
        }
        if (!epilogue) return;
        end = cik_requantize_tile(epilogue, output, acc, cik_written(planar, tile), start);
    }
    if (planar->residual) cik_add_residual__avx2(planar->residual, start, (size_t)(end - start));
    cik_restore_border(planar, tile, start);
}
#endif

#endif
