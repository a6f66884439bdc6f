#include "surrogate_gradient.h"

#pragma STDC FP_CONTRACT OFF

#define KERNELS "surrogate_gradient.inc"
#include "variants.h"

void cfk_surrogate_gradient(cfk_isa isa, cfk_grid grid, cfk_surrogate surrogate, const float *x,
                            const float *dy, float *dx, int64_t count, cfk_surrogate_sums *sums) {
  DISPATCH(cfk_surrogate_gradient, isa, grid, surrogate, x, dy, dx, count, sums)
}

void cfk_surrogate_columns_gradient(cfk_isa isa, cfk_grid grid, cfk_surrogate surrogate,
                                    const float *steps, const float *x, const float *dy, float *dx,
                                    int64_t rows, int64_t columns, cfk_surrogate_sums *sums) {
  DISPATCH(cfk_surrogate_columns_gradient, isa, grid, surrogate, steps, x, dy, dx, rows, columns,
           sums)
}

double cfk_quantization_error(cfk_isa isa, cfk_grid grid, const float *x, int64_t count) {
  DISPATCH(cfk_quantization_error, isa, grid, x, count)
}
