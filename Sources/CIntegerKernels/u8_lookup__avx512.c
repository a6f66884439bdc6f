// Each byte by table: AVX-512 with permutations of bytes.
#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)
#include "inputs__avx512.h"

CIK_AVX512 void u8_lookup__avx512(
    const uint8_t *table, const uint8_t *x, size_t count, uint8_t *y) {
    size_t i = 0;
    for (; i + 64 <= count; i += 64)
        _mm512_storeu_si512(y + i, cik_inputs(table, _mm512_loadu_si512(x + i), 256));
    if (i == count) return;
    __mmask64 some = ((__mmask64)1 << (count - i)) - 1;
    __m512i bytes = _mm512_maskz_loadu_epi8(some, x + i);
    _mm512_mask_storeu_epi8(y + i, some, cik_inputs(table, bytes, 256));
}
#endif
