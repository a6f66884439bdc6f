#include "gating.h"

#define KERNELS "gating.inc"
#include "variants.h"

void cfk_gate(cfk_isa isa, const float *x, const float *gate, int64_t rows, int64_t columns,
              float *y) {
  DISPATCH(gate, isa, x, gate, rows, columns, y)
}

void cfk_gate_gradient(cfk_isa isa, const float *x, const float *dy, int64_t rows, int64_t columns,
                       float *sum) {
  DISPATCH(gate_gradient, isa, x, dy, rows, columns, sum)
}
