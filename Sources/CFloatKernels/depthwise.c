#include "depthwise.h"

#define KERNELS "depthwise.inc"
#include "variants.h"

void cfk_depthwise_forward(cfk_isa isa, const cfk_depthwise *d, const float *x, const float *weights,
                           const float *bias, float *y) {
  DISPATCH(depthwise_forward, isa, d, x, weights, bias, y)
}

void cfk_depthwise_gradient(cfk_isa isa, const cfk_depthwise *d, const float *x, const float *dy,
                            float *dw, int accumulates) {
  DISPATCH(depthwise_gradient, isa, d, x, dy, dw, accumulates)
}

void cfk_depthwise_scatter(cfk_isa isa, const cfk_depthwise *d, int64_t left, int64_t width,
                           const float *dy, const float *weights, float *dx) {
  DISPATCH(depthwise_scatter, isa, d, left, width, dy, weights, dx)
}
