#include "softmax.h"

#include <math.h>

// Never more than a network's classes for each sample: plain loops are enough.
#pragma STDC FP_CONTRACT OFF

void cfk_softmax(const float *x, int64_t rows, int64_t columns, float *y) {
  for (int64_t r = 0; r < rows; r++, x += columns, y += columns) {
    float largest = x[0], sum = 0;
    for (int64_t c = 1; c < columns; c++)
      largest = x[c] > largest ? x[c] : largest;
    for (int64_t c = 0; c < columns; c++) {
      y[c] = expf(x[c] - largest);
      sum += y[c];
    }
    for (int64_t c = 0; c < columns; c++)
      y[c] /= sum;
  }
}

void cfk_softmax_gradient(const float *y, const float *dy, int64_t rows, int64_t columns, float *dx) {
  for (int64_t r = 0; r < rows; r++, y += columns, dy += columns, dx += columns) {
    float mean = 0;
    for (int64_t c = 0; c < columns; c++)
      mean += y[c] * dy[c];
    for (int64_t c = 0; c < columns; c++)
      dx[c] = y[c] * (dy[c] - mean);
  }
}
