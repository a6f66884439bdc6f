#include "targets.h"

#if defined(__x86_64__)
#define TARGET CIK_AVX512VNNI
#define VBMI 0
#include "u6_s8_spmm__avx512.inc"

void u6_s8_spmm__avx512vnni(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    run(weights, planar, first, count);
}
#endif
