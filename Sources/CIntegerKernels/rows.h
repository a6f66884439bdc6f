/// How rows of sparse weights for planes are read.
#ifndef CIK_ROWS_H
#define CIK_ROWS_H

#include <string.h>

#include "CIntegerKernels.h"
#include "targets.h"

#define CIK_ROWS_INLINE static inline __attribute__((always_inline))

/// How the offsets are to be read: constants of each call, but for the shift, which is 0 unless
/// `shifts`.
typedef struct {
    /// Of an offset: 2 or 4.
    size_t size;
    bool shifts;
    int shift;
} cik_reading;

/// Calls RUN with how the offsets of `rows` are to be read in planes of so many lanes.
#define CIK_WITH_READING(rows, lanes, RUN)                       \
    do {                                                         \
        int shift = (rows)->shift + ((lanes) == 1 ? 0 : 6);      \
        if ((rows)->offset_size == 4 && shift == 0)              \
            RUN(((cik_reading){4, false, 0}));                   \
        else if ((rows)->offset_size == 4)                       \
            RUN(((cik_reading){4, true, shift}));                \
        else if (shift == 0)                                     \
            RUN(((cik_reading){2, false, 0}));                   \
        else                                                     \
            RUN(((cik_reading){2, true, shift}));                \
    } while (0)

/// Offset `i` of a step, in positions.
CIK_ROWS_INLINE size_t cik_offset(const uint8_t *step, size_t i, const cik_reading r) {
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

/// Where the `count` terms of a step are read, with one load for four offsets of 16 bits.
CIK_ROWS_INLINE void cik_find_four_by_four(
    const uint8_t **terms, const size_t count, const uint8_t *x, const uint8_t *step,
    const cik_reading r) {
    CIK_UNROLLED for (size_t i = 0; i < count; i += 4) {
        uint64_t four;
        memcpy(&four, step + 2 * i, sizeof four);
        CIK_UNROLLED for (size_t j = 0; j < 4; j++) {
            size_t offset = four >> (16 * j) & 0xffff;
            terms[i + j] = x + (r.shifts ? offset << r.shift : offset);
        }
    }
}

CIK_ROWS_INLINE void cik_prefetch_weights(const uint8_t *place) {
    __builtin_prefetch(place + CIK_AHEAD);
}

/// Where row `number` of a block starts.
CIK_ROWS_INLINE const uint8_t *cik_row_start(const cik_rows *rows, size_t block, size_t number) {
    return rows->bytes + rows->starts[block * rows->outputs + number];
}

/// A row of grouped weights that is being read.
typedef struct {
    /// The next step.
    const uint8_t *place;
    /// Of each size.
    uint32_t counts[CIK_STEP_SIZES];
} cik_grouped_row;

CIK_ROWS_INLINE cik_grouped_row cik_grouped_row_at(const uint8_t *start) {
    cik_grouped_row row = {.place = start + sizeof row.counts};
    memcpy(row.counts, start, sizeof row.counts);
    cik_prefetch_weights(start);
    return row;
}

/// Where the row behind one that starts at `start` does.
CIK_ROWS_INLINE const uint8_t *cik_next_grouped_row(
    const uint8_t *start, const size_t offset_size) {
    uint32_t counts[CIK_STEP_SIZES];
    memcpy(counts, start, sizeof counts);
    start += sizeof counts;
    CIK_UNROLLED for (size_t size = 0; size < CIK_STEP_SIZES; size++)
        start += counts[size] * cik_step_bytes(size, offset_size);
    return start;
}

/// Quads that are being read.
typedef struct {
    /// The next step.
    const uint8_t *place;
    uint32_t count;
} cik_quad_row;

CIK_ROWS_INLINE cik_quad_row cik_quad_row_at(const uint8_t *start) {
    cik_quad_row row = {.place = start + sizeof row.count};
    memcpy(&row.count, start, sizeof row.count);
    cik_prefetch_weights(start);
    return row;
}

#endif
