// Bordered planes of one sample, up to 64 columns of all rows of a phase at a time.
#include "kernels.h"
#include "targets.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline)) CIK_AVX512VNNI

/// Columns first..<first + count of a phase: which of them hold values, and where those come from.
typedef struct {
    size_t first, count;
    __mmask64 inside;
    /// Bytes of a row that are read, and where the first of 64 lies.
    __mmask64 read;
    ptrdiff_t start;
} columns;

static __mmask64 bits(ptrdiff_t first, ptrdiff_t end) {
    first = first < 0 ? 0 : first;
    end = end > 64 ? 64 : end;
    if (first >= end) return 0;
    return (~(uint64_t)0 >> (64 - (end - first))) << first;
}

/// `stride` is 1, 2 or 4: a register of 64 bytes makes 64 / stride columns.
static columns columns_at(const cik_planes *planes, size_t phase, size_t first) {
    ptrdiff_t stride = (ptrdiff_t)planes->stride_width, width = (ptrdiff_t)planes->width;
    size_t most = 64 / planes->stride_width, left = planes->plane_width - first;
    columns c = {.first = first, .count = left < most ? left : most};
    c.start = (ptrdiff_t)first * stride + (ptrdiff_t)phase - (ptrdiff_t)planes->padding_width;
    c.read = bits(-c.start, width - c.start);
    // Column i reads byte i * stride of the register.
    ptrdiff_t begin = c.start < 0 ? (-c.start + stride - 1) / stride : 0;
    ptrdiff_t end = width > c.start ? (width - c.start + stride - 1) / stride : 0;
    c.inside = bits(begin, end) & bits(0, (ptrdiff_t)c.count);
    return c;
}

/// Columns of one phase, found out once for all channels: small planes took longer to find them
/// than to copy (ResNet-50's inputs of 14×14 copied to whole lines, 40 us each).
typedef struct {
    size_t count;
    columns some[16];
} run_of_columns;

static run_of_columns columns_from(const cik_planes *planes, size_t phase, size_t first) {
    run_of_columns run = {.count = 0};
    while (first < planes->plane_width && run.count < 16) {
        columns c = columns_at(planes, phase, first);
        run.some[run.count++] = c;
        first += c.count;
    }
    return run;
}

/// Rows first..<end of a phase hold values, the first of them those of line `line`; others are
/// border.
typedef struct { size_t first, end, line; } rows;

static rows rows_of(const cik_planes *planes, size_t phase) {
    size_t stride = planes->stride_height, padding = planes->padding_height;
    rows r;
    r.first = phase < padding ? (padding - phase + stride - 1) / stride : 0;
    r.line = r.first * stride + phase - padding;
    r.end = r.line < planes->height
        ? r.first + (planes->height - r.line + stride - 1) / stride : r.first;
    if (r.first > planes->plane_height) r.first = planes->plane_height;
    if (r.end > planes->plane_height) r.end = planes->plane_height;
    return r;
}

INLINE void copy_columns(
    const cik_planes *planes, columns c, rows r, const uint8_t *x, const size_t stride,
    uint8_t *y) {
    const __m512i fill = _mm512_set1_epi8((char)planes->fill);
    const size_t width = planes->plane_width, step = planes->stride_height * planes->row_stride;
    __mmask64 all = bits(0, (ptrdiff_t)c.count);
    y += c.first;
    x += (ptrdiff_t)(r.line * planes->row_stride) + c.start;
    size_t i = 0;
    for (; i < r.first; i++, y += width) _mm512_mask_storeu_epi8(y, all, fill);
    for (; i < r.end; i++, y += width, x += step) {
        __m512i bytes = _mm512_maskz_loadu_epi8(c.read, x);
        if (stride == 2) bytes = _mm512_castsi256_si512(_mm512_cvtepi16_epi8(bytes));
        if (stride == 4) bytes = _mm512_castsi128_si512(_mm512_cvtepi32_epi8(bytes));
        _mm512_mask_storeu_epi8(y, all, _mm512_mask_blend_epi8(c.inside, fill, bytes));
    }
    for (; i < planes->plane_height; i++, y += width) _mm512_mask_storeu_epi8(y, all, fill);
}

/// The columns of both phases of stride 2: the even and the odd bytes of one register.
INLINE void copy_pairs(
    const cik_planes *planes, columns even, columns odd, rows r, const uint8_t *x, uint8_t *y) {
    const __m256i fill = _mm256_set1_epi8((char)planes->fill);
    __mmask32 all = (__mmask32)bits(0, (ptrdiff_t)even.count);
    __mmask32 first = (__mmask32)even.inside, second = (__mmask32)odd.inside;
    y += even.first;
    x += (ptrdiff_t)(r.line * planes->row_stride) + even.start;
    for (size_t i = 0; i < planes->plane_height; i++, y += planes->plane_width) {
        __m256i evens = fill, odds = fill;
        if (r.first <= i && i < r.end) {
            __m512i bytes = _mm512_maskz_loadu_epi8(even.read, x);
            evens = _mm512_mask_cvtepi16_epi8(fill, first, bytes);
            odds = _mm512_mask_cvtepi16_epi8(fill, second, _mm512_srli_epi16(bytes, 8));
            x += planes->stride_height * planes->row_stride;
        }
        _mm256_mask_storeu_epi8(y, all, evens);
        _mm256_mask_storeu_epi8(y + planes->plane_stride, all, odds);
    }
}

/// What one phase of all channels is copied from and to.
typedef struct {
    const cik_planes *planes;
    const uint8_t *x;
    uint8_t *y;
    rows rows;
    /// From one channel to the next, in bytes.
    size_t x_stride, y_stride;
} phase;

CIK_AVX512VNNI static void copy_both_phases(phase p) {
    for (size_t first = 0; first < p.planes->plane_width;) {
        run_of_columns even = columns_from(p.planes, 0, first);
        run_of_columns odd = columns_from(p.planes, 1, first);
        for (size_t channel = 0; channel < p.planes->channels; channel++)
            for (size_t i = 0; i < even.count; i++)
                copy_pairs(
                    p.planes, even.some[i], odd.some[i], p.rows, p.x + channel * p.x_stride,
                    p.y + channel * p.y_stride);
        first = even.some[even.count - 1].first + even.some[even.count - 1].count;
    }
}

INLINE void copy_run(phase p, const run_of_columns *run, const size_t stride) {
    for (size_t channel = 0; channel < p.planes->channels; channel++)
        for (size_t i = 0; i < run->count; i++)
            copy_columns(
                p.planes, run->some[i], p.rows, p.x + channel * p.x_stride, stride,
                p.y + channel * p.y_stride);
}

CIK_AVX512VNNI static void copy_phase(phase p, size_t phase_x) {
    for (size_t first = 0; first < p.planes->plane_width;) {
        run_of_columns run = columns_from(p.planes, phase_x, first);
        if (p.planes->stride_width == 1)
            copy_run(p, &run, 1);
        else if (p.planes->stride_width == 2)
            copy_run(p, &run, 2);
        else
            copy_run(p, &run, 4);
        first = run.some[run.count - 1].first + run.some[run.count - 1].count;
    }
}

/// Fills what lies behind each of `count` planes.
CIK_AVX512VNNI static void fill_behind(const cik_planes *planes, size_t count, uint8_t *y) {
    const __m512i fill = _mm512_set1_epi8((char)planes->fill);
    size_t size = planes->plane_height * planes->plane_width;
    for (size_t plane = 0; plane < count; plane++, y += planes->plane_stride)
        for (size_t i = size; i < planes->plane_stride; i += 64)
            _mm512_mask_storeu_epi8(y + i, bits(0, (ptrdiff_t)(planes->plane_stride - i)), fill);
}

void u8_planes__avx512vnni(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y) {
    size_t stride = planes->stride_width;
    if (lanes != 1 || (stride != 1 && stride != 2 && stride != 4)) {
        u8_planes__scalar(planes, x, lanes, y);
        return;
    }
    size_t phases = planes->phases_height * planes->phases_width;
    phase p = {
        .planes = planes,
        .x = x,
        .y = y,
        .x_stride = planes->channel_stride,
        .y_stride = phases * planes->plane_stride,
    };
    bool pairs = stride == 2 && planes->phases_width == 2;
    for (size_t phase_y = 0; phase_y < planes->phases_height; phase_y++) {
        p.rows = rows_of(planes, phase_y);
        if (pairs) copy_both_phases(p);
        for (size_t phase_x = 0; phase_x < planes->phases_width; phase_x++) {
            if (!pairs) copy_phase(p, phase_x);
            p.y += planes->plane_stride;
        }
    }
    fill_behind(planes, phases * planes->channels, y);
}
#endif
