// The sum of each window, border included, as a byte.
#include "window.h"

// Lanes whose sums a compiler keeps in registers while it walks a window.
enum { BLOCK = 16 };

// `lanes` (at most BLOCK) samples of one window; `stride` lanes lie side by side.
static void sums_of_lanes(
    const cik_pooling *pooling, const uint8_t *plane, cik_window window, size_t stride,
    size_t lanes, int32_t *restrict sums) {
    for (size_t y = window.top; y < window.bottom; y++)
        for (size_t x = window.left; x < window.right; x++) {
            const uint8_t *bytes = plane + (y * pooling->row_stride + x) * stride;
            for (size_t i = 0; i < lanes; i++) sums[i] += bytes[i];
        }
}

static void average(
    const cik_averaging *averaging, const uint8_t *plane, cik_window window, size_t lanes,
    uint8_t *y) {
    const cik_pooling *pooling = &averaging->windows;
    size_t inside = (window.bottom - window.top) * (window.right - window.left);
    size_t outside = pooling->kernel_height * pooling->kernel_width - inside;
    for (size_t first = 0; first < lanes; first += BLOCK) {
        size_t count = lanes - first < BLOCK ? lanes - first : BLOCK;
        int32_t sums[BLOCK];
        for (size_t i = 0; i < count; i++) sums[i] = (int32_t)outside * averaging->fill;
        sums_of_lanes(pooling, plane + first, window, lanes, count, sums);
        for (size_t i = 0; i < count; i++)
            y[first + i] = (uint8_t)cik_requantize(
                sums[i], averaging->multiplier, averaging->constant, averaging->rounding);
    }
}

void u8_average_pooling__scalar(
    const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y) {
    const cik_pooling *pooling = &averaging->windows;
    for (size_t channel = 0; channel < pooling->channels; channel++) {
        for (size_t i = 0; i < pooling->output_height; i++)
            for (size_t j = 0; j < pooling->output_width; j++)
                average(
                    averaging, x, cik_window_at(pooling, i, j), lanes,
                    y + (i * pooling->output_row_stride + j) * lanes);
        x += pooling->channel_stride * lanes;
        y += pooling->output_channel_stride * lanes;
    }
}
