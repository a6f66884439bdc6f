// Products of a window of inputs with a matrix of weights: convolution, fully connected layers, and
// their gradients.
//
// Activations are NHWC. A window's inputs are `segments` kernel rows of `taps` runs of `run` contiguous
// floats: one run of kernel width x channels a row, or one of a group's channels a tap where the taps
// do not touch (dilation, groups). A fully connected layer is the case of one segment that holds all
// inputs, with the samples of the batch as output columns.
//
//            column stride (stride x channels)
//            |---->
//   input    [ run ]- - - - - - - -   ^
//   rows     [ run ]- - - - - - - -   | row_step x pitch: floats from one kernel row to the next
//            [ run ]- - - - - - - -   v
//
// There is no horizontal padding: the caller copies rows into wider ones. Vertical padding is virtual:
// a run that would lie above or below the input's rows adds nothing.
#pragma once

#include <stdint.h>

#include "isa.h"

typedef struct {
  int64_t rows, columns;  // of output positions
  int64_t outputs;        // channels of a position that are computed: those of one group
  int64_t output_pitch;   // floats from one position, and from one input's weights, to the next
  int64_t segments, taps, run;
  int64_t tap_step;       // floats from one run of a kernel row to the next
  int64_t column_stride;  // floats between the windows of neighbouring columns
  int64_t row_stride;     // input rows between the windows of neighbouring rows
  int64_t row_step;       // input rows between kernel rows
  int64_t pitch;          // floats between input rows
  int64_t input_rows;     // rows that exist
  int64_t top;            // rows of padding above them
} cfk_window;

// Floats that packed weights of a window take.
int64_t cfk_packed_count(cfk_isa isa, const cfk_window *window);

// Packs weights [segments * taps * run][output_pitch] into panels of two vectors of outputs,
// [panel][segments * taps * run][2 VL], the last panel filled with zeros.
void cfk_pack(cfk_isa isa, const cfk_window *window, const float *weights, float *packed);

// y[r][c][o] = bias[o] + sum over s, t, j of weights[s][t][j][o] *
//              x[(r * row_stride - top + s * row_step) * pitch + c * column_stride + t * tap_step + j]
// bias may be null. x points at the first input row.
void cfk_window_forward(cfk_isa isa, const cfk_window *window, const float *x, const float *packed,
                        const float *bias, float *y);

// Gradient tiles: tile t stands for 48 consecutive inputs of one run, all outputs.
int64_t cfk_gradient_tiles(const cfk_window *window);

// dw[s][t][j][o] (+)= sum over r, c of x[...] * dy[r][c][o] for the tiles first..<last; adds to what is
// there if accumulates is not zero.
void cfk_window_gradient(cfk_isa isa, const cfk_window *window, const float *x, const float *dy,
                         float *dw, int64_t first, int64_t last, int accumulates);

// Where the products of one row of output gradients with all weights belong in the input's gradient.
typedef struct {
  int64_t columns;               // positions of the row
  int64_t channels;              // of a group
  int64_t channel_pitch;         // floats from one position of the input to the next
  int64_t height, width;         // of the input
  int64_t kernel_height, kernel_width;
  int64_t row_step, column_step; // positions between taps
  int64_t column_stride;
  int64_t top, left;             // input position of the first window, negative in padding
} cfk_scatter;

// dx[top + i * row_step][left + q * column_stride + j * column_step][c] += t[q][i][j][c], where that is
// inside the input.
void cfk_window_scatter(cfk_isa isa, const cfk_scatter *scatter, const float *t, float *dx);

// y[columns][rows] = x[rows][columns] transposed.
void cfk_transpose(const float *x, int64_t rows, int64_t columns, float *y);
