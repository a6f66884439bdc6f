/// How the rows of grouped weights are read.
#ifndef CIK_GROUPED_ROWS_H
#define CIK_GROUPED_ROWS_H

#include <string.h>

#include "CIntegerKernels.h"
#include "targets.h"

/// How the offsets of grouped weights are to be read: constants of each call, but for the shift,
/// which is 0 unless `shifts`.
typedef struct {
    /// Of an offset: 2 or 4.
    size_t size;
    bool shifts;
    int shift;
} cik_reading;

/// Offset `i` of a step, in positions.
static inline __attribute__((always_inline)) size_t cik_offset(
    const uint8_t *step, size_t i, const cik_reading r) {
    uint16_t narrow;
    uint32_t wide;
    if (r.size == 2) {
        memcpy(&narrow, step + 2 * i, sizeof narrow);
        wide = narrow;
    } else {
        memcpy(&wide, step + 4 * i, sizeof wide);
    }
    size_t offset = wide;
    return r.shifts ? offset << r.shift : offset;
}

/// So many bytes ahead of a row, and of each of its steps with large groups, the weights are asked for.
/// Layers whose weights come from the third cache took 1.04 to 1.1 times as long without (Zen 4).
#define CIK_AHEAD 768

static inline __attribute__((always_inline)) void cik_prefetch_weights(const uint8_t *place) {
    __builtin_prefetch((const void *)((uintptr_t)place + CIK_AHEAD));
}

/// A row of grouped weights that is being read.
typedef struct {
    /// The next step.
    const uint8_t *place;
    /// Of each size.
    uint32_t counts[CIK_STEP_SIZES];
} cik_row;

/// Where row `number` of a block starts.
static inline __attribute__((always_inline)) const uint8_t *cik_row_start(
    const cik_grouped_weights *weights, size_t block, size_t number) {
    return weights->rows + weights->row_starts[block * weights->outputs + number];
}

static inline __attribute__((always_inline)) cik_row cik_row_at(const uint8_t *start) {
    cik_row row = {.place = start + sizeof row.counts};
    memcpy(row.counts, start, sizeof row.counts);
    cik_prefetch_weights(start);
    return row;
}

/// Where the row behind one that starts at `start` does.
static inline __attribute__((always_inline)) const uint8_t *cik_next_row(
    const uint8_t *start, const size_t offset_size) {
    uint32_t counts[CIK_STEP_SIZES];
    memcpy(counts, start, sizeof counts);
    start += sizeof counts;
    CIK_UNROLLED for (size_t size = 0; size < CIK_STEP_SIZES; size++)
        start += counts[size] * cik_step_bytes(size, offset_size);
    return start;
}

#endif
