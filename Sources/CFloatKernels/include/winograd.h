// 3x3 convolutions of stride 1 by minimal filtering, F(2x2, 3x3): 16 products for 4 outputs instead of 36
// (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, section 4.1).
//
// Outputs are cut into tiles of 2x2; each reads a patch of 4x4 inputs. Patches and kernels are transformed
// into 16 places, at each of which channels and outputs are multiplied as matrices; sums and
// differences of the products are the outputs. Transforms only add, and halve weights: with whole
// numbers all is exact as long as 144 times the largest |x| times the largest sum of an output's |weights|
// is below 2^24.
#pragma once

#include <stdint.h>

#include "isa.h"

typedef struct {
  int64_t height, width; // of an image
  int64_t channels;      // that are read
  int64_t channel_pitch; // floats from one position to the next
  int64_t outputs;
  int64_t output_height, output_width;
  int64_t top, left; // rows and columns of padding in front
  float padding;     // what it carries
} cfk_winograd;

// Floats that packed weights take, and those that a call needs as scratch memory.
int64_t cfk_winograd_packed_count(cfk_isa isa, const cfk_winograd *w);
int64_t cfk_winograd_scratch_count(cfk_isa isa, const cfk_winograd *w);
int64_t cfk_winograd_gradient_scratch_count(cfk_isa isa, const cfk_winograd *w);

// Transforms weights [3][3][channels][outputs].
void cfk_winograd_pack(cfk_isa isa, const cfk_winograd *w, const float *weights, float *packed);

// y[image][r][c][o] = bias[o] + the window's products, of `images` images with channels side by side;
// bias may be null.
void cfk_winograd_forward(cfk_isa isa, const cfk_winograd *w, int64_t images, const float *x,
                          const float *packed, const float *bias, float *scratch, float *y);

// dw[tap][channel][o] = sum over all positions of `images` images of x * dy, with channel_pitch * outputs
// floats from one of the 9 taps to the next: so calls for some of the channels each fill their part.
void cfk_winograd_gradient(cfk_isa isa, const cfk_winograd *w, int64_t images, const float *x,
                           const float *dy, float *scratch, float *dw);
