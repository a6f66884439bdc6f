// Pixels to bytes by table, samples side by side.
#include "kernels.h"

#include <string.h>

// Features handled together, so that what a pass writes stays in the first cache.
enum { BLOCK = 32 };

void u8_encode__scalar(
    const cik_encoding *encoding, const uint8_t *pixels, size_t count, size_t lanes, uint8_t *y) {
    size_t area = encoding->area, features = encoding->channels * area;
    if (count < lanes) memset(y, 0, features * lanes);
    for (size_t channel = 0; channel < encoding->channels; channel++) {
        const uint8_t *table = encoding->tables + channel * 256;
        for (size_t start = 0; start < area; start += BLOCK) {
            size_t end = start + BLOCK < area ? start + BLOCK : area;
            for (size_t lane = 0; lane < count; lane++) {
                const uint8_t *sample = pixels + lane * features + channel * area;
                uint8_t *column = y + channel * area * lanes + lane;
                for (size_t i = start; i < end; i++) column[i * lanes] = table[sample[i]];
            }
        }
    }
}
