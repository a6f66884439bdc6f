#include "CBaselines.h"

#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef float floats __attribute__((vector_size(64), aligned(4)));

static inline __attribute__((always_inline)) void add_rows(
    const float *weights, const float *x, size_t outputs, size_t inputs, float *y) {
    enum { ROWS = 4, WIDTH = sizeof(floats) / sizeof(float) };
    for (size_t output = 0; output < outputs; output += ROWS) {
        floats sums[ROWS] = {0};
        for (size_t input = 0; input < inputs; input += WIDTH)
            for (size_t row = 0; row < ROWS; row++)
                sums[row] += *(const floats *)(weights + (output + row) * inputs + input)
                    * *(const floats *)(x + input);
        for (size_t row = 0; row < ROWS; row++) {
            float sum = 0;
            for (size_t i = 0; i < WIDTH; i++) sum += sums[row][i];
            y[output + row] = sum;
        }
    }
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void gemv__avx512(
    const float *weights, const float *x, size_t outputs, size_t inputs, float *y) {
    add_rows(weights, x, outputs, inputs, y);
}

__attribute__((target("avx2,fma"))) static void gemv__avx2(
    const float *weights, const float *x, size_t outputs, size_t inputs, float *y) {
    add_rows(weights, x, outputs, inputs, y);
}
#endif

void cbl_f32_gemv(
    const float *weights, const float *x, size_t outputs, size_t inputs, float *y) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) {
        gemv__avx512(weights, x, outputs, inputs, y);
        return;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        gemv__avx2(weights, x, outputs, inputs, y);
        return;
    }
#endif
    add_rows(weights, x, outputs, inputs, y);
}

void cbl_evict(const void *memory, size_t size) {
    for (size_t i = 0; i < size; i += 64) {
        const char *line = (const char *)memory + i;
#if defined(__x86_64__)
        _mm_clflush(line);
#elif defined(__aarch64__)
        __asm__ volatile("dc civac, %0" ::"r"(line) : "memory");
#endif
    }
#if defined(__x86_64__)
    _mm_mfence();
#elif defined(__aarch64__)
    __asm__ volatile("dsb ish" ::: "memory");
#endif
}

uint64_t cbl_thread_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}
