// Accumulators to bytes.
#include "kernels.h"

void s32_requantize_each__scalar(
    const int32_t *acc, size_t count, const int32_t *multipliers, const int64_t *constants,
    cik_rounding rounding, uint8_t *y) {
    for (size_t i = 0; i < count; i++)
        y[i] = (uint8_t)cik_requantize(acc[i], multipliers[i], constants[i], rounding);
}
