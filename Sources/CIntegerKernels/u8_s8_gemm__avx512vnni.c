#include "targets.h"

#if defined(__x86_64__)
#define TARGET CIK_AVX512VNNI
#define VBMI 0
#include "u8_s8_gemm__avx512.inc"

void u8_s8_gemm__avx512vnni(
    const cik_gemm_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    run(weights, planar, first, count);
}
#endif
