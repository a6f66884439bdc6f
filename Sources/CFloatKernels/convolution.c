#include "convolution.h"

// Inputs that a gradient tile stands for: a multiple of what the kernels keep in registers.
#define CFK_TILE_INPUTS 48

// Whether it is a product of matrices: its positions follow each other without gaps.
static inline int is_product(const cfk_window *w) {
  return w->rows == 1 && w->segments == 1 && w->taps == 1 && w->column_stride == w->run;
}

#define KERNELS "convolution.inc"
#include "variants.h"

static int64_t vector_length(cfk_isa isa) { return isa == cfk_avx512 ? 16 : isa == cfk_avx2 ? 8 : 4; }

int64_t cfk_packed_count(cfk_isa isa, const cfk_window *window) {
  int64_t lanes = vector_length(isa);
  return window->segments * window->taps * window->run * ((window->outputs + lanes - 1) / lanes * lanes);
}

void cfk_pack(cfk_isa isa, const cfk_window *window, const float *weights, float *packed) {
  int64_t lanes = vector_length(isa), length = window->segments * window->taps * window->run;
  for (int64_t o = 0; o < window->outputs; o += 2 * lanes) {
    int64_t left = window->outputs - o;
    int64_t width = left > lanes ? 2 * lanes : lanes, filled = left < width ? left : width;
    for (int64_t i = 0; i < length; i++, packed += width) {
      memcpy(packed, weights + i * window->output_pitch + o, filled * sizeof(float));
      memset(packed + filled, 0, (width - filled) * sizeof(float));
    }
  }
}

void cfk_window_forward(cfk_isa isa, const cfk_window *window, const float *x, const float *packed,
                        const float *bias, float *y) {
  DISPATCH(forward, isa, window, x, packed, bias, y)
}

int64_t cfk_gradient_tiles(const cfk_window *window) {
  return window->segments * window->taps * ((window->run + CFK_TILE_INPUTS - 1) / CFK_TILE_INPUTS);
}

void cfk_window_gradient(cfk_isa isa, const cfk_window *window, const float *x, const float *dy,
                         float *dw, int64_t first, int64_t last, int accumulates) {
  DISPATCH(gradient, isa, window, x, dy, dw, first, last, accumulates)
}

void cfk_window_scatter(cfk_isa isa, const cfk_scatter *scatter, const float *t, float *dx) {
  DISPATCH(scatter, isa, scatter, t, dx)
}

void cfk_transpose(const float *restrict x, int64_t rows, int64_t columns, float *restrict y) {
  enum { block = 16 };
  for (int64_t r0 = 0; r0 < rows; r0 += block)
    for (int64_t c0 = 0; c0 < columns; c0 += block)
      for (int64_t c = c0; c < c0 + block && c < columns; c++)
        for (int64_t r = r0; r < r0 + block && r < rows; r++)
          y[c * rows + r] = x[r * columns + c];
}
