// Sparse int8 weights times planes of bytes, four terms a step.
#define TARGET
#define REQUANTIZE_TILE cik_requantize_tile
#define ADD_RESIDUAL cik_add_residual
#include "u8_s8_spmm.inc"

void u8_s8_spmm__scalar(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    run(weights, planar, first, count);
}
