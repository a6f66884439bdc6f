/// Every kernel by name: what it takes, what it does, where it runs.
#ifndef CIK_KERNELS_H
#define CIK_KERNELS_H

#include "CIntegerKernels.h"

/// The kernels for one sample of a variant.
#define CIK_VECTOR_KERNELS(isa)                                                                 \
    void u8_c4_spmv__##isa(                                                                     \
        const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x,         \
        int32_t *acc);                                                                          \
    void u8_s8_spmv__##isa(                                                                     \
        const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x,         \
        int32_t *acc);                                                                          \
    void u8_s8_gemv__##isa(                                                                     \
        const cik_gemv_weights *weights, size_t first, size_t outputs, const uint8_t *x,        \
        int32_t *acc);                                                                          \
    void s32_requantize_each__##isa(                                                            \
        const int32_t *acc, size_t count, const int32_t *multipliers, const int64_t *constants, \
        cik_rounding rounding, uint8_t *y);                                                     \
    void u8_lookup__##isa(const uint8_t *table, const uint8_t *x, size_t count, uint8_t *y);    \
    void u8_encode__##isa(                                                                      \
        const cik_encoding *encoding, const uint8_t *pixels, size_t count, size_t lanes,        \
        uint8_t *y);

CIK_VECTOR_KERNELS(scalar)
CIK_VECTOR_KERNELS(avx2)
CIK_VECTOR_KERNELS(avx512vnni)
CIK_VECTOR_KERNELS(avx512)
CIK_VECTOR_KERNELS(neon)

void u8_s8_spmm__scalar(
    const cik_spmm_weights *weights, size_t first, size_t outputs, const uint8_t *x, size_t lanes,
    size_t length, int32_t *acc, size_t acc_stride);
void u8_s8_gemm__scalar(
    const cik_gemm_weights *weights, size_t first, size_t outputs, const uint8_t *x, size_t lanes,
    size_t length, int32_t *acc, size_t acc_stride);
void s32_requantize_row__scalar(
    const int32_t *acc, size_t count, int32_t multiplier, int64_t constant, cik_rounding rounding,
    uint8_t *y);
void u8_planes__scalar(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_max_pooling__scalar(
    const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_average_pooling__scalar(
    const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_add__scalar(
    const cik_addition *addition, const uint8_t *const *x, size_t count, uint8_t *y);
void u8_multiply__scalar(
    const cik_multiplication *multiplication, const uint8_t *a, const uint8_t *b, size_t lanes,
    uint8_t *y);
void u8_channel_shuffle__scalar(
    size_t groups, size_t channels, size_t size, const uint8_t *x, uint8_t *y);

#endif
