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

// What SHRINK_ISA may name, those of the integer kernels included.
static const struct {
  const char *word;
  cfk_isa isa;
} words[] = {
    {"scalar", cfk_generic},
    {"generic", cfk_generic},
#if defined(__x86_64__)
    {"avx2", cfk_avx2},
    {"avx512vnni", cfk_avx512},
    {"avx512", cfk_avx512},
#elif defined(__aarch64__)
    {"neon", cfk_generic},
#endif
};

// The set that SHRINK_ISA names, or -1 if it names none that this CPU has; the widest where it is not
// set, empty or "automatic".
static int wanted(void) {
  const cfk_isa best = supported();
  const char *name = getenv("SHRINK_ISA");
  if (!name || !*name || !strcmp(name, "automatic"))
    return (int)best;
  for (size_t i = 0; i < sizeof words / sizeof *words; ++i)
    if (!strcmp(name, words[i].word) && words[i].isa <= best)
      return (int)words[i].isa;
  return -1;
}

cfk_isa cfk_best_isa(void) {
  const int isa = wanted();
  return isa < 0 ? supported() : (cfk_isa)isa;
}

bool cfk_has_wanted_isa(void) { return wanted() >= 0; }
