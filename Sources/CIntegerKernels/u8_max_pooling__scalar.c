// The largest byte of each window.
#include "window.h"

#include <string.h>

// One window of one sample.
static uint8_t largest(const cik_pooling *pooling, const uint8_t *plane, cik_window window) {
    uint8_t largest = 0;
    for (size_t y = window.top; y < window.bottom; y++)
        for (size_t x = window.left; x < window.right; x++) {
            uint8_t byte = plane[y * pooling->row_stride + x];
            largest = byte > largest ? byte : largest;
        }
    return largest;
}

// One window of samples side by side.
static void largest_of_lanes(
    const cik_pooling *pooling, const uint8_t *plane, cik_window window, size_t lanes,
    uint8_t *restrict y) {
    memset(y, 0, lanes);
    for (size_t row = window.top; row < window.bottom; row++)
        for (size_t column = window.left; column < window.right; column++) {
            const uint8_t *x = plane + (row * pooling->row_stride + column) * lanes;
            for (size_t i = 0; i < lanes; i++) y[i] = x[i] > y[i] ? x[i] : y[i];
        }
}

void u8_max_pooling__scalar(
    const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y) {
    for (size_t channel = 0; channel < pooling->channels; channel++) {
        for (size_t i = 0; i < pooling->output_height; i++)
            for (size_t j = 0; j < pooling->output_width; j++) {
                cik_window window = cik_window_at(pooling, i, j);
                uint8_t *place = y + (i * pooling->output_row_stride + j) * lanes;
                if (lanes == 1)
                    *place = largest(pooling, x, window);
                else
                    largest_of_lanes(pooling, x, window, lanes, place);
            }
        x += pooling->channel_stride * lanes;
        y += pooling->output_channel_stride * lanes;
    }
}
