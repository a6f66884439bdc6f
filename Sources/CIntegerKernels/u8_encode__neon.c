#include "targets.h"

#if defined(__aarch64__)
#define LOOKUP u8_lookup__neon
#include "u8_encode.inc"

void u8_encode__neon(
    const cik_encoding *encoding, const uint8_t *pixels, size_t count, size_t lanes, uint8_t *y) {
    encode(encoding, pixels, count, lanes, y);
}
#endif
