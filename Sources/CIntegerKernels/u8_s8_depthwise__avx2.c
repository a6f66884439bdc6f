#include "quads__avx2.h"

#if defined(__x86_64__)
#define INLINE CIK_INLINE_AVX2
#include "u8_s8_depthwise.inc"

CIK_AVX2 void u8_s8_depthwise__avx2(
    const cik_depthwise_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    run(weights, planar, first, count);
}
#endif
