// Largest values and means of the windows of NHWC images.
#pragma once

#include <stdint.h>

#include "isa.h"

typedef struct {
  int64_t height, width, channels;     // of one input image
  int64_t kernel_height, kernel_width; //
  int64_t stride_height, stride_width; //
  int64_t top, left;                   // rows above the image and columns left of it, less than the kernel
  int64_t output_height, output_width; // every window has a position inside the image
} cfk_pooling;

// The largest value of each window of one image; what lies outside the image is never the largest, and
// NaN always is.
void cfk_max_pool(cfk_isa isa, const cfk_pooling *p, const float *x, float *y);

// Adds dy to the first position of its window (in row-major order) that holds the maximum; dx is set
// to zero first.
void cfk_max_pool_gradient(cfk_isa isa, const cfk_pooling *p, const float *x, const float *y,
                           const float *dy, float *dx);

// The mean of each window of one image; positions outside the image count as `outside`.
void cfk_average_pool(cfk_isa isa, const cfk_pooling *p, float outside, const float *x, float *y);

// Adds an equal share of dy to each position of its window; dx is set to zero first.
void cfk_average_pool_gradient(cfk_isa isa, const cfk_pooling *p, const float *dy, float *dx);
