// Each byte by table: AVX2.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)
#include "inputs__avx2.h"

CIK_AVX2 void u8_lookup__avx2(const uint8_t *table, const uint8_t *x, size_t count, uint8_t *y) {
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m256i columns = _mm256_loadu_si256((const __m256i *)(x + i));
        _mm256_storeu_si256((__m256i *)(y + i), cik_inputs(table, columns, 256));
    }
    u8_lookup__scalar(table, x + i, count - i, y + i);
}
#endif
