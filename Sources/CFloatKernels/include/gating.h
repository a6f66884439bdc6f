// Images times a gate for each channel (squeeze-and-excitation).
#pragma once

#include <stdint.h>

#include "isa.h"

// y[r][c] = x[r][c] * gate[c]
void cfk_gate(cfk_isa isa, const float *x, const float *gate, int64_t rows, int64_t columns,
              float *y);

// sum[c] = sum over rows of x[r][c] * dy[r][c], in the order of the rows.
void cfk_gate_gradient(cfk_isa isa, const float *x, const float *dy, int64_t rows, int64_t columns,
                       float *sum);
