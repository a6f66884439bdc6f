// Values that move between channels and positions of NHWC images: concatenation, slices, padding,
// channel shuffle.
#pragma once

#include <stdint.h>

#include "isa.h"

// y[r * y_pitch + c] = x[r * x_pitch + c] for c in 0..<columns. Nothing else of y is written.
void cfk_copy_rows(const float *x, int64_t x_pitch, float *y, int64_t y_pitch, int64_t rows,
                   int64_t columns);

// y[p][i][g] = x[p][g][i]: the channels of each position as a [groups][size] matrix, transposed.
// With groups and size exchanged it is its own inverse.
void cfk_shuffle(cfk_isa isa, const float *x, int64_t positions, int64_t groups, int64_t size,
                 float *y);
