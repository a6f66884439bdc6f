// Which variants this CPU can run.
#include "CIntegerKernels.h"
#include "targets.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
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

/// Whether this is AMD's family 25 (Zen 3 and 4), of which only Zen 4 has AVX-512. Compilers'
/// run-times know it by name only if they are newer than some in use.
static bool is_family_25(void) {
    unsigned eax, ebx, ecx, edx;
    char vendor[12];
    if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx)) return false;
    memcpy(vendor, &ebx, 4), memcpy(vendor + 4, &edx, 4), memcpy(vendor + 8, &ecx, 4);
    if (memcmp(vendor, "AuthenticAMD", 12) != 0) return false;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return false;
    return (eax >> 8 & 15) + (eax >> 20 & 255) == 25;
}

const cik_costs *cik_costs_here(const cik_kernel_set *set) {
    return set->zen4_costs && is_family_25() ? set->zen4_costs : &set->costs;
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

#if !defined(__x86_64__)
const cik_costs *cik_costs_here(const cik_kernel_set *set) { return &set->costs; }
#endif
