// One instruction set's vector types, then the family's kernels. See variants.h.
typedef float V __attribute__((vector_size(VL * 4), aligned(4)));
typedef int32_t VI __attribute__((vector_size(VL * 4), aligned(4)));

INLINE void K(store_part)(float *p, V x, int n) {
#if VL == 16
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)x);
#else
  for (int i = 0; i < VL; i++)
    if (i < n)
      p[i] = x[i];
#endif
}

#include KERNELS
