#include "targets.h"

#if defined(__x86_64__)
#define TARGET CIK_AVX2
#include "f32_encode.inc"

void f32_encode__avx2(
    const cik_float_encoding *encoding, const float *samples, size_t count, size_t lanes,
    uint8_t *y) {
    encode(encoding, samples, count, lanes, y);
}
#endif
