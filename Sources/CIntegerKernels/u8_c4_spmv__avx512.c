// Sparse weights as 4-bit codes times one vector of bytes: AVX-512 with permutations of bytes.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)
#include "inputs__avx512.h"

/// How codes become levels: by a table, or, if they are numbers themselves, by matrices of bits,
/// which leave the port to the inputs on which Intel's processors permute.
typedef struct {
    __m512i levels, low_code, high_code;
} decoding;

/// The matrix that makes a number of the four bits of a byte from `first` on: bits 0...3 are
/// copied, the upper ones are bit 3. Row `i`, from the top byte down, says which bits of the code
/// bit `i` is made of.
CIK_INLINE CIK_AVX512 __m512i number_at(int first) {
    uint64_t rows = 0;
    for (int bit = 0; bit < 8; bit++)
        rows |= (uint64_t)(1 << (first + (bit < 3 ? bit : 3))) << 8 * (7 - bit);
    return _mm512_set1_epi64((int64_t)rows);
}

CIK_INLINE CIK_AVX512 __m512i decoded(
    __m512i codes, const decoding *d, int step, const bool are_levels) {
    if (are_levels)
        return _mm512_gf2p8affine_epi64_epi8(codes, step == 0 ? d->low_code : d->high_code, 0);
    // The levels are repeated four times, so that `vpermb`, which looks at six bits of a code,
    // ignores those of its neighbour.
    return _mm512_permutexvar_epi8(step == 0 ? codes : _mm512_srli_epi16(codes, 4), d->levels);
}

/// Adds a pair of steps.
CIK_INLINE CIK_AVX512 void add_pair(
    cik_spmv_place *place, const uint8_t **x, const decoding *d, size_t window,
    const bool are_levels, __m512i sums[2]) {
    __m512i codes = _mm512_loadu_si512(place->pair + 2 * CIK_SLOTS);
    for (int step = 0; step < 2; step++) {
        *x += CIK_ADVANCE * place->advance[step];
        __m512i columns = _mm512_loadu_si512(place->pair + step * CIK_SLOTS);
        __m512i inputs = cik_inputs(*x, columns, window);
        sums[step] =
            _mm512_dpbusd_epi32(sums[step], inputs, decoded(codes, d, step, are_levels));
    }
    cik_prefetch(place, CIK_CODE_PAIR);
    place->pair += CIK_CODE_PAIR;
    place->advance += 2;
}

/// Four sums, since a dot product takes longer than what feeds it.
CIK_INLINE CIK_AVX512 __m512i slice_sums(
    cik_spmv_place *place, size_t pairs, const uint8_t *x, const decoding *d, size_t window,
    const bool are_levels) {
    __m512i sums[4] = {};
    for (; pairs >= 2; pairs -= 2) {
        add_pair(place, &x, d, window, are_levels, sums);
        add_pair(place, &x, d, window, are_levels, sums + 2);
    }
    if (pairs) add_pair(place, &x, d, window, are_levels, sums);
    return _mm512_add_epi32(
        _mm512_add_epi32(sums[0], sums[1]), _mm512_add_epi32(sums[2], sums[3]));
}

CIK_INLINE CIK_AVX512 void add_slices(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc,
    size_t window, const bool are_levels) {
    decoding d;
    if (are_levels) {
        d.low_code = number_at(0);
        d.high_code = number_at(4);
    } else {
        d.levels = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)weights->levels));
    }
    cik_spmv_place place = cik_spmv_start(weights, first, CIK_CODE_PAIR);
    for (size_t slice = first; slice < first + slices; slice++) {
        int32_t sums[CIK_ROWS];
        size_t pairs = cik_spmv_pairs(weights, slice);
        _mm512_storeu_si512(sums, slice_sums(&place, pairs, x, &d, window, are_levels));
        cik_spmv_finish(weights, slice, sums, acc);
    }
}

CIK_AVX512 void u8_c4_spmv__avx512(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc) {
    bool are_levels = weights->codes_are_levels;
    switch (weights->window + are_levels) {
    case 64: add_slices(weights, first, slices, x, acc, 64, false); break;
    case 65: add_slices(weights, first, slices, x, acc, 64, true); break;
    case 128: add_slices(weights, first, slices, x, acc, 128, false); break;
    case 129: add_slices(weights, first, slices, x, acc, 128, true); break;
    case 256: add_slices(weights, first, slices, x, acc, 256, false); break;
    default: add_slices(weights, first, slices, x, acc, 256, true);
    }
}
#endif
