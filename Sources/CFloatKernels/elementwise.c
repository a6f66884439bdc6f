#include "elementwise.h"

#define KERNELS "elementwise.inc"
#include "variants.h"

void cfk_add(cfk_isa isa, const float *x, float *y, int64_t count) {
  DISPATCH(add, isa, x, y, count)
}

void cfk_multiply(cfk_isa isa, const float *a, const float *b, float *y, int64_t count) {
  DISPATCH(multiply, isa, a, b, y, count)
}

void cfk_mask(cfk_isa isa, const float *x, const uint8_t *mask, float *y, int64_t count) {
  DISPATCH(mask, isa, x, mask, y, count)
}

void cfk_column_sums(cfk_isa isa, const float *x, int64_t rows, int64_t columns, float *sum) {
  DISPATCH(column_sums, isa, x, rows, columns, sum)
}

void cfk_sgd(cfk_isa isa, float *w, const float *g, float *m, int64_t count, float rate,
             float momentum, float decay, int nesterov) {
  DISPATCH(sgd, isa, w, g, m, count, rate, momentum, decay, nesterov)
}

void cfk_adam(cfk_isa isa, float *w, const float *g, float *m, float *v, int64_t count, float rate,
              float beta1, float beta2, float correction1, float correction2, float epsilon,
              float decay) {
  DISPATCH(adam, isa, w, g, m, v, count, rate, beta1, beta2, correction1, correction2, epsilon,
           decay)
}
