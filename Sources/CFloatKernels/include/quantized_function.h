// A function between two grids, in one pass. Behind a grid of up to 8 bits there are at most 256 values,
// so what a function makes of them, and the grid behind it, is a table with a place for each code.
#pragma once
#include "fake_quantization.h"

#define CFK_TABLE_SIZE 256

// y = table[code of x - lowest], which has CFK_TABLE_SIZE places and one more for what is not a number. The
// grid does not keep nonzeros. y may be x.
void cfk_quantize_lookup(cfk_isa isa, cfk_grid grid, const float *table, const float *x, float *y,
                         int64_t count);

// What a unit of dy gives for one code.
typedef struct {
  float value; // with respect to x^, the function's argument; -0 where the second grid passes nothing on
  float step;  // with respect to the second grid's step
} cfk_slopes;

// The straight-through gradients for a loss with gradient dy with respect to y.
//
//   slopes         places as in a table
//   dx             NULL if not wanted; may be dy
//   sums[0], [1]   step and offset of the grid, as cfk_fake_quantize_gradient has them
//   sums[2], [3]   those of the second grid, whose offset takes dy where it passes nothing on
//
// Lanes add up in float, as there.
void cfk_quantize_lookup_gradient(cfk_isa isa, cfk_grid grid, const cfk_slopes *slopes,
                                  const float *x, const float *dy, float *dx, int64_t count,
                                  double sums[4]);
