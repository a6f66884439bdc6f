// Dense int8 weights times one vector of bytes.
#include "kernels.h"

void u8_s8_gemv__scalar(
    const cik_gemv_weights *weights, size_t first, size_t outputs, const uint8_t *x, int32_t *acc) {
    for (size_t output = first; output < first + outputs; output++) {
        const int8_t *row = weights->weights + output * weights->stride;
        int32_t sum = 0;
        for (size_t input = 0; input < weights->stride; input++)
            sum += (int16_t)row[input] * (int16_t)x[input];
        acc[output] = sum;
    }
}
