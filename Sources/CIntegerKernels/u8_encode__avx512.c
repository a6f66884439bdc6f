// Pixels to bytes by table: AVX-512 with permutations of bytes, for one sample.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)
void u8_encode__avx512(
    const cik_encoding *encoding, const uint8_t *pixels, size_t count, size_t lanes, uint8_t *y) {
    if (lanes != 1) {
        u8_encode__scalar(encoding, pixels, count, lanes, y);
        return;
    }
    for (size_t channel = 0; channel < encoding->channels; channel++) {
        size_t start = channel * encoding->area;
        u8_lookup__avx512(
            encoding->tables + channel * 256, pixels + start, encoding->area, y + start);
    }
}
#endif
