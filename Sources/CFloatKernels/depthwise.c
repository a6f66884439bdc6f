#include "depthwise.h"

// Indices first..<last.
typedef struct {
  int64_t first, last;
} span;

static inline int64_t clamped(int64_t index, int64_t low, int64_t high) {
  return index < low ? low : index > high ? high : index;
}

// The whole number not below a / b, for b > 0.
static inline int64_t quotient_up(int64_t a, int64_t b) { return a > 0 ? (a + b - 1) / b : -(-a / b); }

// The taps, `step` apart from `start` on, that lie inside 0..<size.
static inline span taps_inside(int64_t start, int64_t step, int64_t taps, int64_t size) {
  int64_t first = clamped(quotient_up(-start, step), 0, taps);
  return (span){first, clamped(quotient_up(size - start, step), first, taps)};
}

static inline span kernel_rows(const cfk_depthwise *d, int64_t r) {
  return taps_inside(r * d->row_stride - d->top, d->row_step, d->kernel_height, d->input_rows);
}

static inline span kernel_columns(const cfk_depthwise *d, int64_t c) {
  return taps_inside(c * d->column_stride - d->left, d->column_step, d->kernel_width,
                     d->input_columns);
}

// The output columns whose taps are all inside.
static inline span inner_columns(const cfk_depthwise *d) {
  int64_t extent = (d->kernel_width - 1) * d->column_step;
  int64_t first = clamped(quotient_up(d->left, d->column_stride), 0, d->columns);
  int64_t end = quotient_up(d->input_columns - extent + d->left, d->column_stride);
  return (span){first, clamped(end, first, d->columns)};
}

// Whether it is a kernel of taps x taps without strides and steps.
static inline int is_sliding(const cfk_depthwise *d, int64_t taps) {
  return d->kernel_height == taps && d->kernel_width == taps && d->row_stride == 1 &&
         d->column_stride == 1 && d->row_step == 1 && d->column_step == 1;
}

int cfk_depthwise_pads(int64_t kernel_height, int64_t kernel_width, int64_t row_stride,
                       int64_t column_stride, int64_t row_step, int64_t column_step) {
  cfk_depthwise d = {.kernel_height = kernel_height,
                     .kernel_width = kernel_width,
                     .row_stride = row_stride,
                     .column_stride = column_stride,
                     .row_step = row_step,
                     .column_step = column_step};
  return is_sliding(&d, 3) || is_sliding(&d, 5);
}

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

void cfk_depthwise_scatter(cfk_isa isa, const cfk_depthwise *d, const float *dy,
                           const float *weights, float *dx) {
  DISPATCH(depthwise_scatter, isa, d, dy, weights, dx)
}
