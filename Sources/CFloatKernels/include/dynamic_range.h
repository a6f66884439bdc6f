// Between real numbers and integers whose grid is chosen at run time (dynamic range): the range of a
// sample, its codes, and the products of codes as real numbers again.
//
// Every operation rounds once, so results are the same bits everywhere.
#pragma once

#include <stdint.h>

#include "isa.h"

// The smallest and the largest of x and 0; what is not a number does not count.
void cfk_range(cfk_isa isa, const float *x, int64_t count, float *lowest, float *highest);

// codes[c * positions + p] = clamp(round(x[p][c] / scale) + zero, 0, 255) of x [positions][channels];
// ties to even, 0 for what is not a number. bytes [positions][channels] is scratch memory.
void cfk_dynamic_codes(cfk_isa isa, const float *x, int64_t positions, int64_t channels, float scale,
                       float zero, uint8_t *bytes, uint8_t *codes);

// y[row][column][o] = factor[o] * (sums[o][row * row_step + column] - corrections[o]) + bias[o] for the
// outputs first..<last; y is [rows][columns][pitch], sums[first] the first of pitches of sum_pitch.
typedef struct {
  int64_t rows, columns, row_step, sum_pitch, pitch;
} cfk_sums;

void cfk_real_sums(cfk_isa isa, const cfk_sums *shape, const int32_t *sums, int64_t first,
                   int64_t last, const float *factors, const int32_t *corrections,
                   const float *bias, float *y);
