#include "channels.h"

#define KERNELS "channels.inc"
#include "variants.h"

void cfk_copy_rows(const float *x, int64_t x_pitch, float *y, int64_t y_pitch, int64_t rows,
                   int64_t columns) {
  for (int64_t r = 0; r < rows; r++)
    memcpy(y + r * y_pitch, x + r * x_pitch, columns * sizeof(float));
}

void cfk_shuffle(cfk_isa isa, const float *x, int64_t positions, int64_t groups, int64_t size,
                 float *y) {
  DISPATCH(shuffle, isa, x, positions, groups, size, y)
}
