// Fake quantization with a learned step and offset: LSQ (Esser et al. 2020, arXiv 1902.08153) and
// LSQ+ (Bhalgat et al. 2020, arXiv 2004.09576).
//
//   u = (x - offset) / step      code = round(clip(u, lowest, highest))      x^ = step * code + offset
//
// Rounding is half to even. Every operation rounds once (no fused multiply-add, no reciprocal), and
// sums run in 16 lanes on every instruction set: all results are the same bits everywhere.
#pragma once
#include "isa.h"

#include <stdint.h>

typedef struct {
  float step; // positive
  float offset;
  float lowest, highest; // whole numbers, within +-2^16
} cfk_grid;

// y = x^. y may be x.
void cfk_fake_quantize(cfk_isa isa, cfk_grid grid, const float *x, float *y, int64_t count);

void cfk_quantization_codes(cfk_isa isa, cfk_grid grid, const float *x, int32_t *codes,
                            int64_t count);

// The straight-through gradients for a loss with gradient dy with respect to x^. "Inside" is
// lowest < u < highest, strictly.
//
//   dx      = dy inside, 0 outside       NULL if not wanted; may be dy
//   sums[0] = sum of dy * d x^/d step,   code - u inside, code outside
//   sums[1] = sum of dy * d x^/d offset, 0 inside, 1 outside
//
// Lanes add up in float, so count should stay within about 10^4: cut longer arrays into chunks.
void cfk_fake_quantize_gradient(cfk_isa isa, cfk_grid grid, const float *x, const float *dy,
                                float *dx, int64_t count, double sums[2]);

// The same for x of shape [rows, columns] in which each column has a step of its own (positive,
// steps[columns]) and no offset; the grid's step and offset are not used.
void cfk_fake_quantize_columns(cfk_isa isa, cfk_grid grid, const float *steps, const float *x,
                               float *y, int64_t rows, int64_t columns);

// sums[columns] receives the sums for the steps. dx may be dy, not NULL.
void cfk_fake_quantize_columns_gradient(cfk_isa isa, cfk_grid grid, const float *steps,
                                        const float *x, const float *dy, float *dx, int64_t rows,
                                        int64_t columns, double *sums);
