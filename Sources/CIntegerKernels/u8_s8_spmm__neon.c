#include "quads__neon.h"

#if defined(__aarch64__)
#define INLINE CIK_INLINE_NEON
#include "u8_s8_spmm.inc"

CIK_NEON void u8_s8_spmm__neon(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count) {
    run(weights, planar, first, count);
}
#endif
