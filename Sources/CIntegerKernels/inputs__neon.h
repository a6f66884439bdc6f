/// Picks 16 bytes by their columns: NEON, whose table lookups see 64 bytes.
#ifndef CIK_INPUTS_NEON_H
#define CIK_INPUTS_NEON_H

#include "spmv.h"
#include "targets.h"

/// `x[columns[i]]` from a window of 64, 128 or 256 bytes, a constant. A lookup leaves the lanes alone
/// whose column is not inside its 64.
CIK_INLINE CIK_NEON uint8x16_t cik_inputs(const uint8_t *x, uint8x16_t columns, size_t window) {
    uint8x16_t inputs = vqtbl4q_u8(vld1q_u8_x4(x), columns);
    for (size_t start = 64; start < window; start += 64) {
        columns = vsubq_u8(columns, vdupq_n_u8(64));
        inputs = vqtbx4q_u8(inputs, vld1q_u8_x4(x + start), columns);
    }
    return inputs;
}

#endif
