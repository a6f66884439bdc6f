#include "activation.h"

#define KERNELS "activation_loops.inc"
#include "variants.h"

void cfk_activate(cfk_isa isa, cfk_activation f, const float *x, float *y, int64_t count) {
  DISPATCH(activate_all, isa, f, x, y, count)
}

void cfk_activate_gradient(cfk_isa isa, cfk_activation f, const float *x, const float *dy, float *dx,
                           int64_t count) {
  DISPATCH(activate_gradient_all, isa, f, x, dy, dx, count)
}
