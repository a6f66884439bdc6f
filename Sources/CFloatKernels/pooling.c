#include "pooling.h"

// The positions first..<last of a window that lie inside the image, along one dimension.
typedef struct {
  int64_t first, last;
} span;

static inline span inside(int64_t index, int64_t stride, int64_t padding, int64_t kernel,
                          int64_t size) {
  int64_t first = index * stride - padding, last = first + kernel;
  return (span){first < 0 ? 0 : first, last > size ? size : last};
}

#define KERNELS "pooling.inc"
#include "variants.h"

void cfk_max_pool(cfk_isa isa, const cfk_pooling *p, const float *x, float *y) {
  DISPATCH(max_pool, isa, p, x, y)
}

void cfk_max_pool_gradient(cfk_isa isa, const cfk_pooling *p, const float *x, const float *y,
                           const float *dy, float *dx) {
  DISPATCH(max_pool_gradient, isa, p, x, y, dy, dx)
}

void cfk_average_pool(cfk_isa isa, const cfk_pooling *p, float outside, const float *x, float *y) {
  DISPATCH(average_pool, isa, p, outside, x, y)
}

void cfk_average_pool_gradient(cfk_isa isa, const cfk_pooling *p, const float *dy, float *dx) {
  DISPATCH(average_pool_gradient, isa, p, dy, dx)
}
