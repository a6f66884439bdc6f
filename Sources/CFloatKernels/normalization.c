#include "normalization.h"

#define KERNELS "normalization.inc"
#include "variants.h"

void cfk_channel_moments(cfk_isa isa, const float *x, int64_t positions, int64_t channels,
                         float *sums) {
  DISPATCH(channel_moments, isa, x, positions, channels, sums)
}

void cfk_normalize(cfk_isa isa, cfk_activation f, const float *x, int64_t positions,
                   int64_t channels, const float *scale, const float *shift, float *y) {
  DISPATCH(normalize, isa, f, x, positions, channels, scale, shift, y)
}

void cfk_normalize_with_slopes(cfk_isa isa, cfk_activation f, const float *x, int64_t positions,
                               int64_t channels, const float *scale, const float *shift, float *y,
                               float *slopes) {
  DISPATCH(normalize_with_slopes, isa, f, x, positions, channels, scale, shift, y, slopes)
}

void cfk_slope_sums(cfk_isa isa, const float *x, const float *slopes, float *dy, int64_t positions,
                    int64_t channels, float *sums) {
  DISPATCH(slope_sums, isa, x, slopes, dy, positions, channels, sums)
}

void cfk_normalize_sums(cfk_isa isa, cfk_activation f, const float *x, float *dy,
                        int64_t positions, int64_t channels, const float *scale, const float *shift,
                        float *sums) {
  DISPATCH(normalize_sums, isa, f, x, dy, positions, channels, scale, shift, sums)
}

void cfk_normalize_gradient(cfk_isa isa, const float *x, const float *g, int64_t positions,
                            int64_t channels, const float *p, const float *q, const float *r,
                            float *dx) {
  DISPATCH(normalize_gradient, isa, x, g, positions, channels, p, q, r, dx)
}

void cfk_add_activate(cfk_isa isa, cfk_activation f, const float *a, const float *b, float *y,
                      int64_t count) {
  DISPATCH(add_activate, isa, f, a, b, y, count)
}

void cfk_add_activate_gradient(cfk_isa isa, cfk_activation f, const float *a, const float *b,
                               const float *dy, float *da, float *db, int64_t count) {
  DISPATCH(add_activate_gradient, isa, f, a, b, dy, da, db, count)
}
