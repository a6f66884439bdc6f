#include "targets.h"

#define TARGET
#include "f32_encode.inc"

void f32_encode__scalar(
    const cik_float_encoding *encoding, const float *samples, size_t count, size_t lanes,
    uint8_t *y) {
    encode(encoding, samples, count, lanes, y);
}
