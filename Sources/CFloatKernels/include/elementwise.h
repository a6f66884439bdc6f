// Arithmetic, column sums and optimizer steps: one pass over memory each.
#pragma once

#include <stdint.h>

#include "isa.h"

// y += x
void cfk_add(cfk_isa isa, const float *x, float *y, int64_t count);

// y = a * b
void cfk_multiply(cfk_isa isa, const float *a, const float *b, float *y, int64_t count);

// y = x where mask is not 0, else 0
void cfk_mask(cfk_isa isa, const float *x, const uint8_t *mask, float *y, int64_t count);

// sum[c] = sum over rows of x[row][c]
void cfk_column_sums(cfk_isa isa, const float *x, int64_t rows, int64_t columns, float *sum);

// SGD with momentum (and Nesterov's look-ahead if nesterov is not zero):
//   m = momentum * m + g + decay * w;   w -= rate * (nesterov ? g + decay * w + momentum * m : m)
void cfk_sgd(cfk_isa isa, float *w, const float *g, float *m, int64_t count, float rate,
             float momentum, float decay, int nesterov);

// AdamW (Loshchilov & Hutter 2019); correction1 = 1 - beta1^t, correction2 = 1 - beta2^t:
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   w -= rate * (m / correction1 / (sqrt(v / correction2) + epsilon) + decay * w)
void cfk_adam(cfk_isa isa, float *w, const float *g, float *m, float *v, int64_t count, float rate,
              float beta1, float beta2, float correction1, float correction2, float epsilon,
              float decay);
