#include "targets.h"

#if defined(__x86_64__)
#define TARGET CIK_AVX512
#define VBMI 1
#include "u8_s8_gemm__avx512.inc"

void u8_s8_gemm__avx512(
    const cik_gemm_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    run(weights, planar, first, count);
}
#endif
