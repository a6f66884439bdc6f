// Bordered planes of one sample, up to 64 columns of all rows of a phase at a time.
#include "kernels.h"
#include "targets.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline)) CIK_AVX512VNNI

/// Columns first..<first + count of a phase: which of them hold values, and where those come from.
typedef struct {
    size_t count;
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
    columns c = {.count = left < most ? left : most};
    c.start = (ptrdiff_t)first * stride + (ptrdiff_t)phase - (ptrdiff_t)planes->padding_width;
    c.read = bits(-c.start, width - c.start);
    // Column i reads byte i * stride of the register.
    ptrdiff_t begin = c.start < 0 ? (-c.start + stride - 1) / stride : 0;
    ptrdiff_t end = width > c.start ? (width - c.start + stride - 1) / stride : 0;
    c.inside = bits(begin, end) & bits(0, (ptrdiff_t)c.count);
    return c;
}

/// Row `i` of a phase, or NULL where it belongs to the border.
static const uint8_t *row_of(
    const cik_planes *planes, const uint8_t *x, size_t phase_y, size_t i) {
    size_t line = i * planes->stride_height + phase_y;
    if (line < planes->padding_height || line - planes->padding_height >= planes->height)
        return NULL;
    return x + (line - planes->padding_height) * planes->width;
}

INLINE void copy_columns(
    const cik_planes *planes, columns c, const uint8_t *x, size_t phase_y, const size_t stride,
    uint8_t *y) {
    const __m512i fill = _mm512_set1_epi8((char)planes->fill);
    __mmask64 all = bits(0, (ptrdiff_t)c.count);
    for (size_t i = 0; i < planes->plane_height; i++, y += planes->plane_width) {
        const uint8_t *row = row_of(planes, x, phase_y, i);
        if (!row) {
            _mm512_mask_storeu_epi8(y, all, fill);
            continue;
        }
        __m512i bytes = _mm512_maskz_loadu_epi8(c.read, row + c.start);
        if (stride == 2) bytes = _mm512_castsi256_si512(_mm512_cvtepi16_epi8(bytes));
        if (stride == 4) bytes = _mm512_castsi128_si512(_mm512_cvtepi32_epi8(bytes));
        _mm512_mask_storeu_epi8(y, all, _mm512_mask_blend_epi8(c.inside, fill, bytes));
    }
}

/// The columns of both phases of stride 2: the even and the odd bytes of one register.
INLINE void copy_pairs(
    const cik_planes *planes, columns even, columns odd, const uint8_t *x, size_t phase_y,
    uint8_t *y) {
    const __m256i fill = _mm256_set1_epi8((char)planes->fill);
    __mmask32 all = (__mmask32)bits(0, (ptrdiff_t)even.count);
    __mmask32 first = (__mmask32)even.inside, second = (__mmask32)odd.inside;
    for (size_t i = 0; i < planes->plane_height; i++, y += planes->plane_width) {
        const uint8_t *row = row_of(planes, x, phase_y, i);
        __m256i evens = fill, odds = fill;
        if (row) {
            __m512i bytes = _mm512_maskz_loadu_epi8(even.read, row + even.start);
            evens = _mm512_mask_cvtepi16_epi8(fill, first, bytes);
            odds = _mm512_mask_cvtepi16_epi8(fill, second, _mm512_srli_epi16(bytes, 8));
        }
        _mm256_mask_storeu_epi8(y, all, evens);
        _mm256_mask_storeu_epi8(y + planes->plane_stride, all, odds);
    }
}

CIK_AVX512VNNI static void copy_both_phases(
    const cik_planes *planes, const uint8_t *x, size_t phase_y, uint8_t *y) {
    for (size_t first = 0; first < planes->plane_width;) {
        columns even = columns_at(planes, 0, first);
        copy_pairs(planes, even, columns_at(planes, 1, first), x, phase_y, y + first);
        first += even.count;
    }
}

CIK_AVX512VNNI static void copy_phase(
    const cik_planes *planes, const uint8_t *x, size_t phase_y, size_t phase_x, uint8_t *y) {
    for (size_t first = 0; first < planes->plane_width;) {
        columns c = columns_at(planes, phase_x, first);
        if (planes->stride_width == 1)
            copy_columns(planes, c, x, phase_y, 1, y + first);
        else if (planes->stride_width == 2)
            copy_columns(planes, c, x, phase_y, 2, y + first);
        else
            copy_columns(planes, c, x, phase_y, 4, y + first);
        first += c.count;
    }
}

void u8_planes__avx512vnni(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y) {
    size_t stride = planes->stride_width;
    if (lanes != 1 || (stride != 1 && stride != 2 && stride != 4)) {
        u8_planes__scalar(planes, x, lanes, y);
        return;
    }
    size_t size = planes->plane_height * planes->plane_width;
    size_t behind = planes->plane_stride - size;
    for (size_t channel = 0; channel < planes->channels; channel++) {
        for (size_t phase_y = 0; phase_y < planes->phases_height; phase_y++) {
            bool pairs = stride == 2 && planes->phases_width == 2;
            if (pairs) copy_both_phases(planes, x, phase_y, y);
            for (size_t phase_x = 0; phase_x < planes->phases_width; phase_x++) {
                if (!pairs) copy_phase(planes, x, phase_y, phase_x, y);
                memset(y + size, planes->fill, behind);
                y += planes->plane_stride;
            }
        }
        x += planes->height * planes->width;
    }
}
#endif
