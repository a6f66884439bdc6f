// The portable kernel, which the compiler vectorizes.
#include "planar__avx2.h"

#if defined(__x86_64__)
#define TARGET CIK_AVX2
#define REQUANTIZE_TILE cik_requantize_tile__avx2
#include "u8_s8_spmm.inc"

void u8_s8_spmm__avx2(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    run(weights, planar, first, count);
}
#endif
