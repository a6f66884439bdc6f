#include "winograd.h"

// Tiles that are transformed before they are multiplied. Their matrices should stay in the first caches;
// but all weights, or all sums of a gradient, are read once for each of these: where they exceed the
// second cache, more tiles pay.
static int is_large(const cfk_winograd *w) { return w->channels * w->outputs > 128 * 128; }
static int64_t forward_tiles(const cfk_winograd *w) { return is_large(w) ? 64 : 16; }
static int64_t gradient_tiles(const cfk_winograd *w) { return is_large(w) ? 64 : 32; }

#define KERNELS "winograd.inc"
#include "variants.h"

static int64_t rounded(cfk_isa isa, int64_t count) {
  int64_t lanes = isa == cfk_avx512 ? 16 : isa == cfk_avx2 ? 8 : 4;
  return (count + lanes - 1) / lanes * lanes;
}

// Floats of 16 matrices of `tiles` rows: see `place_pitch`.
static int64_t matrices(cfk_isa isa, int64_t tiles, int64_t columns) {
  return 16 * (tiles * rounded(isa, columns) + 16);
}

int64_t cfk_winograd_packed_count(cfk_isa isa, const cfk_winograd *w) {
  return 16 * w->channels * rounded(isa, w->outputs);
}

int64_t cfk_winograd_scratch_count(cfk_isa isa, const cfk_winograd *w) {
  int64_t tiles = forward_tiles(w);
  return matrices(isa, tiles, w->channels) + matrices(isa, tiles, w->outputs);
}

int64_t cfk_winograd_gradient_scratch_count(cfk_isa isa, const cfk_winograd *w) {
  int64_t tiles = gradient_tiles(w);
  return matrices(isa, tiles, w->channels) + matrices(isa, tiles, w->outputs)
         + matrices(isa, w->channels, w->outputs);
}

void cfk_winograd_pack(cfk_isa isa, const cfk_winograd *w, const float *weights, float *packed) {
  DISPATCH(pack, isa, w, weights, packed)
}

void cfk_winograd_forward(cfk_isa isa, const cfk_winograd *w, int64_t images, const float *x,
                          const float *packed, const float *bias, float *scratch, float *y) {
  DISPATCH(forward, isa, w, images, x, packed, bias, scratch, y)
}

void cfk_winograd_gradient(cfk_isa isa, const cfk_winograd *w, int64_t images, const float *x,
                           const float *dy, float *scratch, float *dw) {
  DISPATCH(gradient, isa, w, images, x, dy, scratch, dw)
}
