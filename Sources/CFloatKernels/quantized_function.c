#include "quantized_function.h"

// Codes have to be those of the engine, which knows nothing of fused multiply-add.
#pragma STDC FP_CONTRACT OFF

#define KERNELS "quantized_function.inc"
#include "variants.h"

void cfk_quantize_lookup(cfk_isa isa, cfk_grid grid, const float *table, const float *x, float *y,
                         int64_t count) {
  DISPATCH(cfk_quantize_lookup, isa, grid, table, x, y, count)
}

void cfk_quantize_lookup_gradient(cfk_isa isa, cfk_grid grid, const cfk_slopes *slopes,
                                  const float *x, const float *dy, float *dx, int64_t count,
                                  double sums[4]) {
  DISPATCH(cfk_quantize_lookup_gradient, isa, grid, slopes, x, dy, dx, count, sums)
}
