// Each byte by table.
#include "lookup__avx512.h"

#if defined(__x86_64__)
CIK_AVX512 void u8_lookup__avx512(
    const uint8_t *table, const uint8_t *x, size_t count, uint8_t *y) {
    cik_look_up(table, x, count, y);
}
#endif
