#include "fake_quantization.h"

// Codes have to be those of the engine, which knows nothing of fused multiply-add.
#pragma STDC FP_CONTRACT OFF

#define KERNELS "fake_quantization.inc"
#include "variants.h"

void cfk_fake_quantize(cfk_isa isa, cfk_grid grid, const float *x, float *y, int64_t count) {
  DISPATCH(cfk_fake_quantize, isa, grid, x, y, count)
}

void cfk_quantization_codes(cfk_isa isa, cfk_grid grid, const float *x, int32_t *codes,
                            int64_t count) {
  DISPATCH(cfk_quantization_codes, isa, grid, x, codes, count)
}

void cfk_fake_quantize_gradient(cfk_isa isa, cfk_grid grid, const float *x, const float *dy,
                                float *dx, int64_t count, double sums[2]) {
  DISPATCH(cfk_fake_quantize_gradient, isa, grid, x, dy, dx, count, sums)
}

void cfk_fake_quantize_columns(cfk_isa isa, cfk_grid grid, const float *steps, const float *x,
                               float *y, int64_t rows, int64_t columns) {
  DISPATCH(cfk_fake_quantize_columns, isa, grid, steps, x, y, rows, columns)
}

void cfk_fake_quantize_columns_gradient(cfk_isa isa, cfk_grid grid, const float *steps,
                                        const float *x, const float *dy, float *dx, int64_t rows,
                                        int64_t columns, double *sums) {
  DISPATCH(cfk_fake_quantize_columns_gradient, isa, grid, steps, x, dy, dx, rows, columns, sums)
}
