// Each byte by table.
#include "kernels.h"

void u8_lookup__scalar(const uint8_t *table, const uint8_t *x, size_t count, uint8_t *y) {
    for (size_t i = 0; i < count; i++) y[i] = table[x[i]];
}
