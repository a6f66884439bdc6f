// Gradients of fake quantization by other rules than straight-through, and the error of a grid.
//
// The backward pass treats rounding as the arctangent soft round of slope k, whose mean slope is 1:
//
//   e = u - code     inside:  r' = gain / (1 + k^2 (1/2 - |e|)^2),   gain = k / (2 atan(k / 2))
//                    outside: r' = 0, or with a tail gain / (1 + k^2 (1/2 + |e|)^2)
//
// Slope 0 with gain 1 is straight-through, to the bit. Every operation rounds once and sums run in
// 16 lanes, as in fake_quantization.h: all results are the same bits on every instruction set.
#pragma once
#include "fake_quantization.h"

typedef struct {
  float slope, gain;  // k, and k / (2 atan(k / 2)); 0 and 1 for straight-through
  float delta;        // of gradients that move x to the threshold ahead (EWGS, arXiv 2104.00903)
  float pull;         // of x to its code, for grids without offset
  int has_tail;       // whether values outside get the tail's gradient
  int passes_outside; // whether values outside get the whole gradient
} cfk_surrogate;

typedef struct {
  double step;           // of dy * d x^/d step:   code - u r' inside, code outside
  double offset;         // of dy * d x^/d offset: 1 - r' inside, 1 outside
  double above;          // of dy where u >= highest
  double value_squares;  // of x * x
  double gradient_squares; // of dx * dx
} cfk_surrogate_sums;

//   dx = r' (dy + delta |dy| e) + pull step e inside; r' dy outside
//
// dx is NULL if it is not wanted; it may be dy.
//
// Lanes add up in float, so count should stay within about 10^4: cut longer arrays into chunks.
void cfk_surrogate_gradient(cfk_isa isa, cfk_grid grid, cfk_surrogate surrogate, const float *x,
                            const float *dy, float *dx, int64_t count, cfk_surrogate_sums *sums);

// The same for x of shape [rows, columns] in which each column has a step of its own, as in
// cfk_fake_quantize_columns. sums[columns] receives a column's each. dx may be dy, not NULL.
void cfk_surrogate_columns_gradient(cfk_isa isa, cfk_grid grid, cfk_surrogate surrogate,
                                    const float *steps, const float *x, const float *dy, float *dx,
                                    int64_t rows, int64_t columns, cfk_surrogate_sums *sums);

// The sum of (x^ - x)^2. Lanes add up in float, as above.
double cfk_quantization_error(cfk_isa isa, cfk_grid grid, const float *x, int64_t count);
