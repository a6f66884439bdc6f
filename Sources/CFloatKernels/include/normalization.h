// Batch normalization over positions (rows of `channels` floats), fused with an activation function.
#pragma once

#include <stdint.h>

#include "activation.h"
#include "isa.h"

// sums[c] = sum over positions of x[p][c], sums[channels + c] = that of x[p][c]^2.
// Lanes add up in float: cut long inputs into chunks of some thousand positions.
void cfk_channel_moments(cfk_isa isa, const float *x, int64_t positions, int64_t channels,
                         float *sums);

// y = f(scale[c] * x + shift[c])
void cfk_normalize(cfk_isa isa, cfk_activation f, const float *x, int64_t positions,
                   int64_t channels, const float *scale, const float *shift, float *y);

// The same, and its slopes f'(scale[c] x + shift[c]).
void cfk_normalize_with_slopes(cfk_isa isa, cfk_activation f, const float *x, int64_t positions,
                               int64_t channels, const float *scale, const float *shift, float *y,
                               float *slopes);

// Puts g = dy * slopes in the place of dy; sums as those of cfk_normalize_sums.
void cfk_slope_sums(cfk_isa isa, const float *x, const float *slopes, float *dy, int64_t positions,
                    int64_t channels, float *sums);

// Puts g = dy f'(scale[c] x + shift[c]) in the place of dy;
// sums[c] = sum over positions of g, sums[channels + c] = that of g * x.
void cfk_normalize_sums(cfk_isa isa, cfk_activation f, const float *x, float *dy,
                        int64_t positions, int64_t channels, const float *scale, const float *shift,
                        float *sums);

// dx = g * p[c] + x * q[c] + r[c], which may be g.
void cfk_normalize_gradient(cfk_isa isa, const float *x, const float *g, int64_t positions,
                            int64_t channels, const float *p, const float *q, const float *r,
                            float *dx);

// y = f(a + b), over count floats.
void cfk_add_activate(cfk_isa isa, cfk_activation f, const float *a, const float *b, float *y,
                      int64_t count);

// da = db = dy f'(a + b); either may be null, or dy itself.
void cfk_add_activate_gradient(cfk_isa isa, cfk_activation f, const float *a, const float *b,
                               const float *dy, float *da, float *db, int64_t count);
