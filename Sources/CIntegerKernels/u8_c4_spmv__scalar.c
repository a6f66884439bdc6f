// Sparse weights as 4-bit codes times one vector of bytes.
#include "kernels.h"
#include "spmv.h"

void u8_c4_spmv__scalar(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc) {
    cik_spmv_place place = cik_spmv_start(weights, first, CIK_CODE_PAIR);
    for (size_t slice = first; slice < first + slices; slice++) {
        int32_t sums[CIK_ROWS] = {0};
        const uint8_t *inputs = x;
        for (size_t pairs = cik_spmv_pairs(weights, slice); pairs > 0; pairs--) {
            const uint8_t *columns = place.pair, *codes = place.pair + 2 * CIK_SLOTS;
            for (int step = 0; step < 2; step++, columns += CIK_SLOTS) {
                inputs += CIK_ADVANCE * *place.advance++;
                for (int row = 0; row < CIK_ROWS; row++) {
                    int32_t sum = 0;
                    for (int slot = 4 * row; slot < 4 * row + 4; slot++)
                        sum += weights->levels[codes[slot] >> 4 * step & 15]
                            * inputs[columns[slot]];
                    sums[row] += sum;
                }
            }
            place.pair += CIK_CODE_PAIR;
        }
        cik_spmv_finish(weights, slice, sums, acc);
    }
}
