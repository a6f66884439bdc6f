// Dense int8 weights times one vector of bytes: NEON with dot products.
#include "kernels.h"
#include "targets.h"

#if defined(__aarch64__)
#include "dot__neon.h"

// Rows that share the loads of x.
enum { ROWS = 4 };

/// Sums of `rows` rows from `row` on.
CIK_INLINE CIK_NEON void add_rows(
    const int8_t *row, size_t stride, const uint8_t *x, int rows, bool fits, int32_t *acc) {
    cik_sums sums[ROWS];
    for (int i = 0; i < rows; i++) sums[i] = cik_no_sums();
    for (size_t input = 0; input < stride; input += 16) {
        uint8x16_t inputs = vld1q_u8(x + input);
        for (int i = 0; i < rows; i++)
            cik_add_dot(&sums[i], inputs, vld1q_s8(row + i * stride + input), fits);
    }
    for (int i = 0; i < rows; i++) acc[i] = vaddvq_s32(cik_total(sums[i], fits));
}

CIK_INLINE CIK_NEON void add_all(
    const cik_gemv_weights *weights, size_t first, size_t outputs, const uint8_t *x, int32_t *acc,
    bool fits) {
    size_t stride = weights->stride, output = first, end = first + outputs;
    for (; output + ROWS <= end; output += ROWS)
        add_rows(weights->weights + output * stride, stride, x, ROWS, fits, acc + output);
    for (; output < end; output++)
        add_rows(weights->weights + output * stride, stride, x, 1, fits, acc + output);
}

CIK_NEON void u8_s8_gemv__neon(
    const cik_gemv_weights *weights, size_t first, size_t outputs, const uint8_t *x, int32_t *acc) {
    if (weights->highest <= INT8_MAX)
        add_all(weights, first, outputs, x, acc, true);
    else
        add_all(weights, first, outputs, x, acc, false);
}
#endif
