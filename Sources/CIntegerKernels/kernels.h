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
        uint8_t *y);                                                                            \
    void u8_multiply__##isa(                                                                    \
        const cik_multiplication *multiplication, const uint8_t *a, const uint8_t *b,           \
        size_t lanes, uint8_t *y);

/// Of samples in floats, for variants that have one of their own.
#define CIK_FLOAT_ENCODING(isa)                                                                 \
    void f32_encode__##isa(                                                                     \
        const cik_float_encoding *encoding, const float *samples, size_t count, size_t lanes,   \
        uint8_t *y);

CIK_FLOAT_ENCODING(scalar)
CIK_FLOAT_ENCODING(avx2)
CIK_FLOAT_ENCODING(avx512vnni)
CIK_FLOAT_ENCODING(neon)

CIK_VECTOR_KERNELS(scalar)
CIK_VECTOR_KERNELS(avx2)
CIK_VECTOR_KERNELS(avx512vnni)
CIK_VECTOR_KERNELS(avx512)
CIK_VECTOR_KERNELS(neon)

void u6_s8_spmm__scalar(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_spmm__scalar(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_gemm__scalar(
    const cik_gemm_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_depthwise__scalar(
    const cik_depthwise_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_depthwise_direct__scalar(
    const cik_direct_weights *weights, const cik_planar *planar, size_t first, size_t count);
#if defined(__x86_64__)
void u6_s8_spmm__avx2(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_spmm__avx2(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_gemm__avx2(
    const cik_gemm_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_depthwise__avx2(
    const cik_depthwise_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_depthwise_direct__avx2(
    const cik_direct_weights *weights, const cik_planar *planar, size_t first, size_t count);
void s32_requantize_floats__avx512vnni(
    const int32_t *acc, size_t count, const float *multipliers, const float *constants,
    cik_rounding rounding, uint8_t *y);
void u6_s8_spmm__avx512vnni(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_spmm__avx512vnni(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_gemm__avx512vnni(
    const cik_gemm_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_depthwise__avx512vnni(
    const cik_depthwise_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_depthwise_direct__avx512vnni(
    const cik_direct_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u6_s8_spmm__avx512(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_spmm__avx512(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_gemm__avx512(
    const cik_gemm_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_depthwise__avx512(
    const cik_depthwise_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_depthwise_direct__avx512(
    const cik_direct_weights *weights, const cik_planar *planar, size_t first, size_t count);
#endif
void u8_planes__scalar(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_max_pooling__scalar(
    const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_average_pooling__scalar(
    const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_add__scalar(
    const cik_addition *addition, const uint8_t *const *x, size_t count, uint8_t *y);
void u8_channel_shuffle__scalar(
    size_t groups, size_t channels, size_t size, const uint8_t *x, uint8_t *y);

void u6_s8_spmm__neon(
    const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_spmm__neon(
    const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_gemm__neon(
    const cik_gemm_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_s8_depthwise__neon(
    const cik_depthwise_weights *weights, const cik_planar *planar, size_t first, size_t count);
void u8_planes__neon(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_max_pooling__neon(
    const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_average_pooling__neon(
    const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y);

#if defined(__x86_64__)
void u8_planes__avx2(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_average_pooling__avx2(
    const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_max_pooling__avx2(
    const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_add__avx512vnni(
    const cik_addition *addition, const uint8_t *const *x, size_t count, uint8_t *y);
void u8_max_pooling__avx512vnni(
    const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_average_pooling__avx512vnni(
    const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_planes__avx512vnni(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y);
void u8_planes__avx512(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y);
#endif

#endif
