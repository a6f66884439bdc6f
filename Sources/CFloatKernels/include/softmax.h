// exp(x) / sum of exp(x) over rows. The same bits on every instruction set.
#pragma once

#include <stdint.h>

// y[r][c] = exp(x[r][c] - m) / sum over k of exp(x[r][k] - m), with m the largest value of the row.
// y may be x. A row that holds a NaN or whose largest value is infinite becomes NaN.
void cfk_softmax(const float *x, int64_t rows, int64_t columns, float *y);

// dx[r][c] = y[r][c] * (dy[r][c] - sum over k of y[r][k] * dy[r][k]). dx may be dy.
void cfk_softmax_gradient(const float *y, const float *dy, int64_t rows, int64_t columns, float *dx);
