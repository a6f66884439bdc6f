#include "targets.h"

#if defined(__aarch64__)
#define TARGET CIK_NEON
#define LOOKUP u8_lookup__neon
#include "u8_multiply.inc"

void u8_multiply__neon(
    const cik_multiplication *multiplication, const uint8_t *a, const uint8_t *b, size_t lanes,
    uint8_t *y) {
    multiply(multiplication, a, b, lanes, y);
}
#endif
