/// Picks 64 bytes by their columns: AVX-512 with permutations of bytes.
#ifndef CIK_INPUTS_AVX512_H
#define CIK_INPUTS_AVX512_H

#include "spmv.h"
#include "targets.h"

/// `x[columns[i]]` from a window of 64, 128 or 256 bytes, a constant. Intel's `vpermi2b` takes the
/// time of two `vpermb`, so a window costs as many permutations as it has registers.
CIK_INLINE CIK_AVX512 __m512i cik_inputs(const uint8_t *x, __m512i columns, size_t window) {
    __m512i first = _mm512_loadu_si512(x);
    if (window == 64) return _mm512_permutexvar_epi8(columns, first);
    __m512i low = _mm512_permutex2var_epi8(first, columns, _mm512_loadu_si512(x + 64));
    if (window == 128) return low;
    __m512i high = _mm512_permutex2var_epi8(
        _mm512_loadu_si512(x + 128), columns, _mm512_loadu_si512(x + 192));
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(columns), low, high);
}

#endif
