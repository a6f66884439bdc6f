#include "sparse.h"

#define KERNELS "sparse.inc"
#include "variants.h"

void cfk_sparse_forward(cfk_isa isa, const cfk_sparse *w, const float *bias, const float *x,
                        int64_t step, int64_t first, int64_t last, int64_t length, float *y,
                        int64_t pitch) {
  DISPATCH(sparse_forward, isa, w, bias, x, step, first, last, length, y, pitch)
}
