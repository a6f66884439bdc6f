// The instruction sets that kernels are compiled for.
#pragma once

#include <stdbool.h>

typedef enum {
  cfk_generic = 0, // 128-bit vectors of the target's baseline: SSE2, NEON
  cfk_avx2 = 1,    // AVX2 and FMA
  cfk_avx512 = 2,  // AVX-512 F, VL, DQ, BW
} cfk_isa;

// The widest instruction set that this CPU has. The environment variable SHRINK_ISA = generic, avx2
// or avx512 lowers it; a set that the CPU lacks is not chosen.
cfk_isa cfk_best_isa(void);

// Whether this CPU has the set that SHRINK_ISA names, or none is named.
bool cfk_has_wanted_isa(void);

const char *cfk_isa_name(cfk_isa isa);
