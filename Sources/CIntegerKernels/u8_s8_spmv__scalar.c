// Sparse int8 weights times one vector of bytes.
#include "kernels.h"

void u8_s8_spmv__scalar(const cik_spmv_weights *weights, const uint8_t *x, int32_t *acc) {
    const uint8_t *steps = weights->steps, *columns = weights->columns;
    const int8_t *levels = (const int8_t *)weights->weights;
    for (size_t slice = 0; slice < weights->slices; slice++, acc += CIK_ROWS) {
        for (int row = 0; row < CIK_ROWS; row++) acc[row] = 0;
        for (size_t window = 0; window < weights->windows; window++) {
            const uint8_t *inputs = x + window * CIK_WINDOW;
            for (int step = *steps++; step > 0; step--) {
                for (int row = 0; row < CIK_ROWS; row++, columns += 4, levels += 4) {
                    acc[row] += levels[0] * inputs[columns[0]] + levels[1] * inputs[columns[1]]
                        + levels[2] * inputs[columns[2]] + levels[3] * inputs[columns[3]];
                }
            }
        }
    }
}
