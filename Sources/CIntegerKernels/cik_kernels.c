// The table of all variants: dispatch, tests and benchmarks walk it.
#include "kernels.h"

#pragma STDC FP_CONTRACT OFF

static bool always(void) { return true; }

static const cik_kernel_set cik_kernels[] = {
    {
        .isa = "scalar",
        .supported = always,
        .costs =
            {
                .spmv_slot = 0.4,
                .gemv_weight = 0.2,
                .spmm_narrow_term = 1.2,
                .spmm_wide_term = 2.2,
                .spmm_group = 9,
                .gemm_term = 10,
                .requantize = 1.5,
            },
        .u8_c4_spmv = u8_c4_spmv__scalar,
        .u8_s8_spmv = u8_s8_spmv__scalar,
        .u8_s8_gemv = u8_s8_gemv__scalar,
        .u8_s8_spmm = u8_s8_spmm__scalar,
        .u8_s8_gemm = u8_s8_gemm__scalar,
        .s32_requantize_row = s32_requantize_row__scalar,
        .s32_requantize_each = s32_requantize_each__scalar,
        .u8_planes = u8_planes__scalar,
        .u8_max_pooling = u8_max_pooling__scalar,
        .u8_average_pooling = u8_average_pooling__scalar,
        .u8_add = u8_add__scalar,
        .u8_multiply = u8_multiply__scalar,
        .u8_lookup = u8_lookup__scalar,
        .u8_channel_shuffle = u8_channel_shuffle__scalar,
        .u8_encode = u8_encode__scalar,
    },
};

size_t cik_kernel_set_count(void) { return sizeof cik_kernels / sizeof *cik_kernels; }

const cik_kernel_set *cik_kernel_set_at(size_t index) { return &cik_kernels[index]; }
