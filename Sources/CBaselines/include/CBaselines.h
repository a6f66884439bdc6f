/// What kernels are timed against, and what timing needs.
#ifndef CBASELINES_H
#define CBASELINES_H

#include <stddef.h>
#include <stdint.h>

/// y `[outputs]` = weights `[outputs, inputs]` times x `[inputs]`: a plain dense product in the widest
/// vectors of this CPU. `outputs` is a multiple of 4, `inputs` of 16.
void cbl_f32_gemv(
    const float *weights, const float *x, size_t outputs, size_t inputs, float *y);

/// Writes memory back and takes it out of all caches.
void cbl_evict(const void *memory, size_t size);

/// Processor time of this thread in nanoseconds: other programs do not count.
uint64_t cbl_thread_nanoseconds(void);

#endif
