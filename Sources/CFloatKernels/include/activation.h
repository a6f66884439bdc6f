// Activation functions and their gradients. What is not a number stays so; infinite x give the limits.
#pragma once

#include <stdint.h>

#include "isa.h"

typedef enum {
  cfk_identity,
  cfk_relu_function, // max(x, 0)
  cfk_clip,          // min(max(x, a), b)
  cfk_leaky_relu,    // x where positive, else a x
  cfk_sigmoid,       // 1 / (1 + exp(-x)), by a polynomial: relative error about 2^-22
  cfk_hard_sigmoid,  // clip(x / 6 + 1/2, 0, 1)
  cfk_silu,          // x sigmoid(x)
  cfk_hard_swish,    // x hard_sigmoid(x)
} cfk_activation_kind;

typedef struct {
  cfk_activation_kind kind;
  float a, b; // of clip and leaky_relu
} cfk_activation;

// y = f(x). y may be x.
void cfk_activate(cfk_isa isa, cfk_activation f, const float *x, float *y, int64_t count);

// dx = dy f'(x); at a kink the side where f is flat, 0 where relu or clip have no number. dx may be dy.
void cfk_activate_gradient(cfk_isa isa, cfk_activation f, const float *x, const float *dy, float *dx,
                           int64_t count);
