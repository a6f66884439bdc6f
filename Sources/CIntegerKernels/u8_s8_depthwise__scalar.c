// Dense int8 weights times the planes of one channel an output, four consecutive positions a run.
#define TARGET
#define REQUANTIZE_TILE cik_requantize_tile
#define ADD_RESIDUAL cik_add_residual
#include "u8_s8_depthwise.inc"

void u8_s8_depthwise__scalar(
    const cik_depthwise_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    run(weights, planar, first, count);
}
