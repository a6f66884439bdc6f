/// Compares kernels with the scalar ones, without a framework, so that it runs in an emulator, too.
#ifndef CIK_CHECK_H
#define CIK_CHECK_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CIntegerKernels.h"

/// Compares one kernel of a variant with that of the scalar variant on many arguments. Results of
/// both go to `expect_equal`.
typedef void kernel_check(const cik_kernel_set *scalar, const cik_kernel_set *variant);

/// The checks of a family of kernels.
typedef struct {
    const char *name;
    kernel_check *check;
} named_check;

/// Each ends with an empty name.
extern const named_check vector_checks[], planar_checks[];

/// Counts a failure, and says what it was, unless the bytes are the same.
void expect_equal(const void *expected, const void *found, size_t size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/// SplitMix64 (Steele et al. 2014).
uint64_t random_bits(void);

/// low...high
static inline int64_t random_in(int64_t low, int64_t high) {
    return low + (int64_t)(random_bits() % (uint64_t)(high - low + 1));
}

/// Memory of `size` bytes, as all memory of kernels aligned to 64, random up to CIK_OVERREAD bytes
/// behind its end. Freed by the caller.
void *random_memory(size_t size);

/// The same, of bytes of 0...highest.
uint8_t *random_bytes(size_t size, int highest);

#endif
