// Depthwise convolution: each channel is convolved with a kernel of its own. NHWC, vectors of channels.
//
// Padding is virtual: taps outside the input are skipped, or meet a value that need not be in memory.
#pragma once

#include <stdint.h>

#include "isa.h"

typedef struct {
  int64_t rows, columns; // of output positions
  int64_t channels;
  int64_t kernel_height, kernel_width;
  int64_t row_stride, column_stride; // positions
  int64_t row_step, column_step;     // positions between taps
  int64_t pitch;                     // floats between input rows
  int64_t input_rows, top;           // rows that exist, rows of padding above them
  int64_t input_columns, left;       // columns that exist, columns of padding before them
  float padding;                     // what the padding carries; 0 unless cfk_depthwise_pads
} cfk_depthwise;

// Whether kernels of this size, with these strides and steps between taps, can carry padding of any value.
int cfk_depthwise_pads(int64_t kernel_height, int64_t kernel_width, int64_t row_stride,
                       int64_t column_stride, int64_t row_step, int64_t column_step);

// y[r][c][k] = bias[k] + sum over i, j of weights[i][j][k] *
//              x[r * row_stride - top + i * row_step][c * column_stride - left + j * column_step][k]
// bias may be null.
void cfk_depthwise_forward(cfk_isa isa, const cfk_depthwise *d, const float *x, const float *weights,
                           const float *bias, float *y);

// dw[i][j][k] (+)= sum over r, c of dy[r][c][k] * x[...][k]
void cfk_depthwise_gradient(cfk_isa isa, const cfk_depthwise *d, const float *x, const float *dy,
                            float *dw, int accumulates);

// dx[...][k] += dy[r][c][k] * weights[i][j][k]
void cfk_depthwise_scatter(cfk_isa isa, const cfk_depthwise *d, const float *dy,
                           const float *weights, float *dx);
