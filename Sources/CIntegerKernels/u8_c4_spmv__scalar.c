// Sparse weights as 4-bit codes times one vector of bytes.
#include "kernels.h"

void u8_c4_spmv__scalar(const cik_spmv_weights *weights, const uint8_t *x, int32_t *acc) {
    const uint8_t *steps = weights->steps, *columns = weights->columns, *codes = weights->weights;
    const int8_t *levels = weights->levels;
    for (size_t slice = 0; slice < weights->slices; slice++, acc += CIK_ROWS) {
        for (int row = 0; row < CIK_ROWS; row++) acc[row] = 0;
        for (size_t window = 0; window < weights->windows; window++) {
            const uint8_t *inputs = x + window * CIK_WINDOW;
            for (int step = *steps++; step > 0; step--) {
                for (int row = 0; row < CIK_ROWS; row++, columns += 4, codes += 2) {
                    acc[row] += levels[codes[0] & 15] * inputs[columns[0]]
                        + levels[codes[0] >> 4] * inputs[columns[1]]
                        + levels[codes[1] & 15] * inputs[columns[2]]
                        + levels[codes[1] >> 4] * inputs[columns[3]];
                }
            }
        }
    }
}
