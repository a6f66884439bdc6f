// Pixels of one sample to bytes by table.
#include "lookup__avx512.h"

#if defined(__x86_64__)
CIK_AVX512 void u8_encode__avx512(
    const cik_encoding *encoding, const uint8_t *pixels, size_t count, size_t lanes, uint8_t *y) {
    if (lanes != 1 || count != 1) {
        u8_encode__scalar(encoding, pixels, count, lanes, y);
        return;
    }
    size_t area = encoding->area;
    for (size_t channel = 0; channel < encoding->channels; channel++)
        cik_look_up(
            encoding->tables + 256 * channel, pixels + channel * area, area, y + channel * area);
}
#endif
