/// Tables of 256 bytes in registers.
#ifndef CIK_LOOKUP_AVX512_H
#define CIK_LOOKUP_AVX512_H

#include "kernels.h"
#include "targets.h"

#if defined(__x86_64__)

/// `y[i] = table[x[i]]`
CIK_AVX512 static inline void cik_look_up(
    const uint8_t *table, const uint8_t *x, size_t count, uint8_t *y) {
    __m512i part[4];
    for (int i = 0; i < 4; i++) part[i] = _mm512_loadu_si512(table + 64 * i);
    for (size_t start = 0; start < count; start += 64) {
        size_t left = count - start;
        __mmask64 mask = left < 64 ? ((uint64_t)1 << left) - 1 : ~(uint64_t)0;
        __m512i bytes = _mm512_maskz_loadu_epi8(mask, x + start);
        __m512i low = _mm512_permutex2var_epi8(part[0], bytes, part[1]);
        __m512i high = _mm512_permutex2var_epi8(part[2], bytes, part[3]);
        __m512i found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(bytes), low, high);
        _mm512_mask_storeu_epi8(y + start, mask, found);
    }
}
#endif

#endif
