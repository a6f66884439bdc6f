#include "isa.h"

#include <stdlib.h>
#include <string.h>

static cfk_isa supported(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
    return cfk_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return cfk_avx2;
#endif
  return cfk_generic;
}

const char *cfk_isa_name(cfk_isa isa) {
  static const char *const names[] = {"generic", "avx2", "avx512"};
  return names[isa];
}

cfk_isa cfk_best_isa(void) {
  cfk_isa best = supported();
  const char *wanted = getenv("SHRINK_ISA");
  if (!wanted)
    return best;
  if (!strcmp(wanted, "scalar") || !strcmp(wanted, "generic"))
    return cfk_generic;
  if (!strcmp(wanted, "avx2") && best >= cfk_avx2)
    return cfk_avx2;
  return best;
}
