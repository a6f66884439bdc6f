// Sparse int8 weights times one vector of bytes.
#include "kernels.h"
#include "spmv.h"

void u8_s8_spmv__scalar(
    const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x, int32_t *acc) {
    cik_spmv_place place = cik_spmv_start(weights, first, CIK_LEVEL_PAIR);
    for (size_t slice = first; slice < first + slices; slice++) {
        int32_t sums[CIK_ROWS] = {0};
        const uint8_t *inputs = x;
        for (size_t pairs = cik_spmv_pairs(weights, slice); pairs > 0; pairs--) {
            const uint8_t *columns = place.pair;
            const int8_t *levels = (const int8_t *)place.pair + 2 * CIK_SLOTS;
            for (int step = 0; step < 2; step++) {
                inputs += CIK_ADVANCE * *place.advance++;
                for (int row = 0; row < CIK_ROWS; row++) {
                    int32_t sum = 0;
                    for (int slot = 0; slot < 4; slot++) sum += *levels++ * inputs[*columns++];
                    sums[row] += sum;
                }
            }
            place.pair += CIK_LEVEL_PAIR;
        }
        cik_spmv_finish(weights, slice, sums, acc);
    }
}
