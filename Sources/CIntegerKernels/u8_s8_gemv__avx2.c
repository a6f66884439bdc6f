// Dense int8 weights times one vector of bytes: AVX2.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)
#include "dot__avx2.h"

// Rows that share the loads of x.
enum { ROWS = 4 };

CIK_INLINE CIK_AVX2 int32_t total(__m256i sums) {
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    __m128i two = _mm_add_epi32(four, _mm_srli_si128(four, 8));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_srli_si128(two, 4)));
}

/// Sums of `rows` rows from `row` on.
CIK_INLINE CIK_AVX2 void add_rows(
    const int8_t *row, size_t stride, const uint8_t *x, int rows, bool fits, int32_t *acc) {
    __m256i sums[ROWS] = {};
    for (size_t input = 0; input < stride; input += 32) {
        __m256i inputs = cik_load(x + input);
        for (int i = 0; i < rows; i++) {
            __m256i levels = cik_load(row + i * stride + input);
            sums[i] = _mm256_add_epi32(sums[i], cik_dot(inputs, levels, fits));
        }
    }
    for (int i = 0; i < rows; i++) acc[i] = total(sums[i]);
}

CIK_INLINE CIK_AVX2 void add_all(
    const cik_gemv_weights *weights, size_t first, size_t outputs, const uint8_t *x, int32_t *acc,
    bool fits) {
    size_t stride = weights->stride, output = first, end = first + outputs;
    for (; output + ROWS <= end; output += ROWS)
        add_rows(weights->weights + output * stride, stride, x, ROWS, fits, acc + output);
    for (; output < end; output++)
        add_rows(weights->weights + output * stride, stride, x, 1, fits, acc + output);
}

CIK_AVX2 void u8_s8_gemv__avx2(
    const cik_gemv_weights *weights, size_t first, size_t outputs, const uint8_t *x, int32_t *acc) {
    if (cik_pairs_fit(weights->highest, -INT8_MIN))
        add_all(weights, first, outputs, x, acc, true);
    else
        add_all(weights, first, outputs, x, acc, false);
}
#endif
