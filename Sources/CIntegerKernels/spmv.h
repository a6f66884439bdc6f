/// What the `spmv` kernels of all variants share: their way through the layout.
#ifndef CIK_SPMV_H
#define CIK_SPMV_H

#include <stdlib.h>
#include <string.h>

#include "CIntegerKernels.h"

#define CIK_INLINE static inline __attribute__((always_inline))

enum {
    /// How far ahead packed weights are prefetched. Measured on weights in memory: 40 % faster than
    /// without, in windows of 256 (Cascade Lake, into the second cache). Into the first cache: a Zen 4, whose own
    /// prefetches do as well on huge pages, took up to 1.2 times as long with those into the
    /// second.
    CIK_PREFETCH = 4096,
    /// Fewer bytes stay in the second cache, where prefetches only take the time of loads.
    CIK_LEAST_PREFETCHED = 1 << 18,
};

/// Where a kernel is in the layout.
typedef struct {
    const uint8_t *pair;
    const uint8_t *advance;
    bool prefetches;
} cik_spmv_place;

CIK_INLINE cik_spmv_place cik_spmv_start(
    const cik_spmv_weights *weights, size_t first, size_t pair_bytes) {
    size_t pairs = weights->first_pair[first];
    bool prefetches = weights->first_pair[weights->slices] * pair_bytes >= CIK_LEAST_PREFETCHED;
    return (cik_spmv_place){
        weights->pairs + pairs * pair_bytes, weights->advances + 2 * pairs, prefetches};
}

CIK_INLINE size_t cik_spmv_pairs(const cik_spmv_weights *weights, size_t slice) {
    return weights->first_pair[slice + 1] - weights->first_pair[slice];
}

/// Puts the sums of a slice where its outputs belong: one by one, or 16 together if they are in
/// order (10 % of what LeNet-300-100 takes).
CIK_INLINE void cik_spmv_finish(
    const cik_spmv_weights *weights, size_t slice, const int32_t *sums, int32_t *acc) {
    if (weights->in_order) {
        memcpy(acc + slice * CIK_ROWS, sums, CIK_ROWS * sizeof *sums);
        return;
    }
    const uint32_t *outputs = weights->outputs + slice * CIK_ROWS;
    for (int row = 0; row < CIK_ROWS; row++) acc[outputs[row]] = sums[row];
}

CIK_INLINE void cik_prefetch(const cik_spmv_place *place, size_t pair_bytes) {
    if (!place->prefetches) return;
    for (size_t line = 0; line < pair_bytes; line += 64)
        __builtin_prefetch(place->pair + CIK_PREFETCH + line);
}

/// Whether the sum of two products of an activation and a level fits in 16 bits.
CIK_INLINE bool cik_pairs_fit(int32_t highest, int32_t magnitude) {
    return 2 * highest * magnitude <= INT16_MAX;
}

/// The largest magnitude of the 16 levels.
CIK_INLINE int32_t cik_largest_level(const int8_t *levels) {
    int32_t largest = 0;
    for (int i = 0; i < 16; i++) largest = abs(levels[i]) > largest ? abs(levels[i]) : largest;
    return largest;
}

#endif
