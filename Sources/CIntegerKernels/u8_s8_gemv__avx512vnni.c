// Dense int8 weights times one vector of bytes: AVX-512 with dot products.
#include "kernels.h"
#include "spmv.h"
#include "targets.h"

#if defined(__x86_64__)
// Rows that share the loads of x.
enum { ROWS = 4 };

/// Sums of `rows` rows from `row` on.
CIK_INLINE CIK_AVX512VNNI void add_rows(
    const int8_t *row, size_t stride, const uint8_t *x, int rows, int32_t *acc) {
    __m512i sums[ROWS] = {};
    for (size_t input = 0; input < stride; input += 64) {
        __m512i inputs = _mm512_loadu_si512(x + input);
        for (int i = 0; i < rows; i++)
            sums[i] = _mm512_dpbusd_epi32(
                sums[i], inputs, _mm512_loadu_si512(row + i * stride + input));
    }
    for (int i = 0; i < rows; i++) acc[i] = _mm512_reduce_add_epi32(sums[i]);
}

CIK_AVX512VNNI void u8_s8_gemv__avx512vnni(
    const cik_gemv_weights *weights, size_t first, size_t outputs, const uint8_t *x, int32_t *acc) {
    size_t stride = weights->stride, output = first, end = first + outputs;
    for (; output + ROWS <= end; output += ROWS)
        add_rows(weights->weights + output * stride, stride, x, ROWS, acc + output);
    for (; output < end; output++)
        add_rows(weights->weights + output * stride, stride, x, 1, acc + output);
}
#endif
