// The largest byte of each window.
#include "kernels.h"

#include <string.h>

static void larger(const uint8_t *restrict x, size_t count, uint8_t *restrict y) {
    for (size_t i = 0; i < count; i++) y[i] = x[i] > y[i] ? x[i] : y[i];
}

void u8_max_pooling__scalar(
    const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y) {
    size_t row = pooling->width * lanes;
    for (size_t channel = 0; channel < pooling->channels; channel++, x += pooling->height * row)
        for (size_t i = 0; i < pooling->output_height; i++)
            for (size_t j = 0; j < pooling->output_width; j++, y += lanes) {
                const uint8_t *corner =
                    x + i * pooling->stride_height * row + j * pooling->stride_width * lanes;
                memcpy(y, corner, lanes);
                for (size_t a = 0; a < pooling->kernel_height; a++)
                    for (size_t b = 0; b < pooling->kernel_width; b++)
                        larger(corner + a * row + b * lanes, lanes, y);
            }
}
