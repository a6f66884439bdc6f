#include "targets.h"

#if defined(__x86_64__)
#define TARGET CIK_AVX2
#define LOOKUP u8_lookup__avx2
#include "u8_multiply.inc"

void u8_multiply__avx2(
    const cik_multiplication *multiplication, const uint8_t *a, const uint8_t *b, size_t lanes,
    uint8_t *y) {
    multiply(multiplication, a, b, lanes, y);
}
#endif
