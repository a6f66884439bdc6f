// Bytes of two inputs, each on its own grid, to their product.
#include "kernels.h"

// `count` places, each with its own factor.
static void multiply_run(
    const cik_multiplication *m, const uint8_t *a, const uint8_t *b, size_t count, uint8_t *y) {
    for (size_t i = 0; i < count; i++) {
        int64_t multiplier = b[i] * m->both + m->first;
        int64_t constant = b[i] * m->second + m->constant;
        y[i] = (uint8_t)cik_requantize_sum(a[i] * multiplier + constant, m->rounding);
    }
}

// `count` places with one factor.
static void scale_run(
    const cik_multiplication *m, const uint8_t *a, int64_t b, size_t count, uint8_t *y) {
    int64_t multiplier = b * m->both + m->first, constant = b * m->second + m->constant;
    for (size_t i = 0; i < count; i++)
        y[i] = (uint8_t)cik_requantize_sum(a[i] * multiplier + constant, m->rounding);
}

void u8_multiply__scalar(
    const cik_multiplication *m, const uint8_t *a, const uint8_t *b, size_t lanes, uint8_t *y) {
    size_t size = m->area * lanes;
    if (!m->one_per_channel) {
        multiply_run(m, a, b, m->channels * size, y);
        return;
    }
    for (size_t channel = 0; channel < m->channels; channel++, b += lanes) {
        if (lanes == 1) {
            scale_run(m, a + channel * size, *b, size, y + channel * size);
            continue;
        }
        for (size_t place = channel * size; place < (channel + 1) * size; place += lanes)
            multiply_run(m, a + place, b, lanes, y + place);
    }
}
