#include "dynamic_range.h"

// Codes and results have to be the same bits everywhere.
#pragma STDC FP_CONTRACT OFF

#define KERNELS "dynamic_range.inc"
#include "variants.h"

void cfk_range(cfk_isa isa, const float *x, int64_t count, float *lowest, float *highest) {
  DISPATCH(range, isa, x, count, lowest, highest)
}

void cfk_dynamic_codes(cfk_isa isa, const float *x, int64_t positions, int64_t channels, float scale,
                       float zero, uint8_t *bytes, uint8_t *codes) {
  DISPATCH(dynamic_codes, isa, x, positions, channels, scale, zero, bytes, codes)
}

void cfk_real_sums(cfk_isa isa, const cfk_sums *shape, const int32_t *sums, int64_t first,
                   int64_t last, const float *factors, const int32_t *corrections,
                   const float *bias, float *y) {
  DISPATCH(real_sums, isa, shape, sums, first, last, factors, corrections, bias, y)
}
