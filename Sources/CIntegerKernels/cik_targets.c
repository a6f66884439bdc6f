// Which variants this CPU can run.
#include "targets.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

bool cik_supports_scalar(void) { return true; }

#if defined(__x86_64__)
// The compiler's run-time looks at XCR0, too: what the system does not save does not count.
bool cik_supports_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("bmi2");
}

bool cik_supports_avx512vnni(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("bmi2");
}

bool cik_supports_avx512(void) {
    return cik_supports_avx512vnni() && __builtin_cpu_supports("avx512vbmi")
        && __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("gfni");
}
#elif defined(__aarch64__)
bool cik_supports_neon(void) {
#if defined(__linux__)
    enum { DOT_PRODUCTS = 1 << 20 };  // HWCAP_ASIMDDP
    return (getauxval(AT_HWCAP) & DOT_PRODUCTS) != 0;
#elif defined(__APPLE__)
    return true;
#else
    return false;
#endif
}
#endif
