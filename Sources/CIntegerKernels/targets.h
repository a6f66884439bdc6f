/// What the compiler may use in a variant, function by function, and whether this CPU has it.
#ifndef CIK_TARGETS_H
#define CIK_TARGETS_H

#include <stdbool.h>

/// In front of a loop whose arrays are to be registers. Without it the compiler left some loops
/// over tiles as loops, with sums in memory: layers ran half as fast.
#define CIK_UNROLLED _Pragma("clang loop unroll(full)")

// A file of an x86 or Arm variant is compiled everywhere and empty elsewhere.
#if defined(__x86_64__)
#include <immintrin.h>

/// AVX2 with fused products and shifts of 64 bits that keep flags, as since Haswell and Zen.
#define CIK_AVX2 __attribute__((target("avx2,fma,bmi2")))
/// AVX-512 with dot products, as since Cascade Lake.
#define CIK_AVX512VNNI \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi2")))
/// The same with permutations of bytes and products of bits, as since Ice Lake and Zen 4.
#define CIK_AVX512 \
    __attribute__(( \
        target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,gfni,bmi2")))
#elif defined(__aarch64__)
#include <arm_neon.h>

/// NEON with dot products (Armv8.2, and every Armv8.4).
#define CIK_NEON __attribute__((target("dotprod")))
#endif

/// Whether the CPU and the operating system (which has to save the wide registers) support them.
bool cik_supports_scalar(void);
bool cik_supports_avx2(void);
bool cik_supports_avx512vnni(void);
bool cik_supports_avx512(void);
bool cik_supports_neon(void);

#endif
