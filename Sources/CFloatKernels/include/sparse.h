// Sparse matrices times planes: a row is a list of weights, each with the place where its plane begins.
#pragma once

#include <stdint.h>

#include "isa.h"

typedef struct {
  const uint32_t *starts;  // [rows + 1]: where the weights of each row begin
  const uint32_t *offsets; // of each weight, in steps
  const float *weights;
} cfk_sparse;

// y[r * pitch + p] = bias[r] + sum over i of weights[i] * x[offsets[i] * step + p] for p in 0..<length and
// the rows first..<last. Every sum is made in four parts, of every fourth weight each, whatever the length.
void cfk_sparse_forward(cfk_isa isa, const cfk_sparse *w, const float *bias, const float *x,
                        int64_t step, int64_t first, int64_t last, int64_t length, float *y,
                        int64_t pitch);
