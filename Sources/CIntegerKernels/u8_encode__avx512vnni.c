#include "targets.h"

#if defined(__x86_64__)
#define LOOKUP u8_lookup__avx512vnni
#include "u8_encode.inc"

void u8_encode__avx512vnni(
    const cik_encoding *encoding, const uint8_t *pixels, size_t count, size_t lanes, uint8_t *y) {
    encode(encoding, pixels, count, lanes, y);
}
#endif
