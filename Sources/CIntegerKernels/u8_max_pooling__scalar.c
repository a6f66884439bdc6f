// The largest byte of each window.
#include "kernels.h"

#include <string.h>

// One window of one sample.
static uint8_t largest(const cik_pooling *pooling, const uint8_t *corner) {
    uint8_t largest = *corner;
    for (size_t a = 0; a < pooling->kernel_height; a++, corner += pooling->width)
        for (size_t b = 0; b < pooling->kernel_width; b++)
            largest = corner[b] > largest ? corner[b] : largest;
    return largest;
}

// One window of samples side by side.
static void largest_of_lanes(
    const cik_pooling *pooling, const uint8_t *corner, size_t lanes, uint8_t *restrict y) {
    memcpy(y, corner, lanes);
    for (size_t a = 0; a < pooling->kernel_height; a++, corner += pooling->width * lanes)
        for (size_t b = 0; b < pooling->kernel_width; b++)
            for (size_t i = 0; i < lanes; i++) {
                uint8_t x = corner[b * lanes + i];
                y[i] = x > y[i] ? x : y[i];
            }
}

void u8_max_pooling__scalar(
    const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y) {
    size_t row = pooling->width * lanes;
    for (size_t channel = 0; channel < pooling->channels; channel++, x += pooling->height * row)
        for (size_t i = 0; i < pooling->output_height; i++)
            for (size_t j = 0; j < pooling->output_width; j++, y += lanes) {
                const uint8_t *corner =
                    x + i * pooling->stride_height * row + j * pooling->stride_width * lanes;
                if (lanes == 1)
                    *y = largest(pooling, corner);
                else
                    largest_of_lanes(pooling, corner, lanes, y);
            }
}
