// The largest byte of each window: first of each column of a row of windows, then along the row.
#include "targets.h"
#include "window.h"

#include <string.h>

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline)) CIK_AVX512VNNI

// The longest row with its borders, and what is read behind it.
enum { MOST_COLUMNS = 4096, BEHIND = 192 };

static __mmask64 first_bytes(size_t count) {
    return count < 64 ? ((uint64_t)1 << count) - 1 : ~(uint64_t)0;
}

/// The largest byte of each column of rows top..<bottom.
INLINE void columns(
    const cik_pooling *pooling, const uint8_t *plane, size_t top, size_t bottom,
    uint8_t *largest) {
    size_t stride = pooling->row_stride;
    for (size_t x = 0; x < pooling->width; x += 64) {
        __mmask64 mask = first_bytes(pooling->width - x);
        __m512i bytes = _mm512_setzero_si512();
        for (size_t y = top; y < bottom; y++)
            bytes = _mm512_max_epu8(bytes, _mm512_maskz_loadu_epi8(mask, plane + y * stride + x));
        _mm512_mask_storeu_epi8(largest + x, mask, bytes);
    }
}

/// The largest of `kernel` bytes from each place on.
INLINE __m512i neighbours(const uint8_t *bytes, size_t kernel) {
    __m512i largest = _mm512_loadu_si512(bytes);
    for (size_t i = 1; i < kernel; i++)
        largest = _mm512_max_epu8(largest, _mm512_loadu_si512(bytes + i));
    return largest;
}

INLINE void along(const cik_pooling *pooling, const uint8_t *bytes, uint8_t *y) {
    size_t width = pooling->output_width, kernel = pooling->kernel_width;
    if (pooling->stride_width == 1) {
        for (size_t x = 0; x < width; x += 64)
            _mm512_mask_storeu_epi8(
                y + x, first_bytes(width - x), neighbours(bytes + x, kernel));
        return;
    }
    for (size_t x = 0; x < width; x += 32)
        _mm256_mask_storeu_epi8(
            y + x, (__mmask32)first_bytes(width - x),
            _mm512_cvtepi16_epi8(neighbours(bytes + 2 * x, kernel)));
}

CIK_AVX512VNNI static void pool(const cik_pooling *pooling, const uint8_t *x, uint8_t *y) {
    // Zeros are never larger than what lies inside.
    uint8_t row[MOST_COLUMNS + BEHIND] = {0};
    for (size_t channel = 0; channel < pooling->channels; channel++) {
        for (size_t i = 0; i < pooling->output_height; i++) {
            cik_window window = cik_window_at(pooling, i, 0);
            columns(pooling, x, window.top, window.bottom, row + pooling->padding_width);
            along(pooling, row, y + i * pooling->output_row_stride);
        }
        x += pooling->channel_stride;
        y += pooling->output_channel_stride;
    }
}

/// Windows of 2x2 side by side, without the way through memory.
CIK_AVX512VNNI static void pool_by_two(const cik_pooling *pooling, const uint8_t *x, uint8_t *y) {
    size_t width = pooling->output_width, below = pooling->row_stride;
    for (size_t channel = 0; channel < pooling->channels; channel++) {
        const uint8_t *row = x + channel * pooling->channel_stride;
        uint8_t *places = y + channel * pooling->output_channel_stride;
        for (size_t i = 0; i < pooling->output_height; i++) {
            for (size_t j = 0; j < width; j += 32) {
                __mmask64 mask = first_bytes(2 * (width - j));
                __m512i largest = _mm512_max_epu8(
                    _mm512_maskz_loadu_epi8(mask, row + 2 * j),
                    _mm512_maskz_loadu_epi8(mask, row + below + 2 * j));
                largest = _mm512_max_epu8(largest, _mm512_srli_epi16(largest, 8));
                _mm256_mask_storeu_epi8(
                    places + j, (__mmask32)first_bytes(width - j), _mm512_cvtepi16_epi8(largest));
            }
            row += 2 * below;
            places += pooling->output_row_stride;
        }
    }
}

/// Bytes start..<start + 64 of a row of `width`, those beyond its ends left out.
static __mmask64 bytes_inside(ptrdiff_t start, size_t width) {
    __mmask64 mask = first_bytes(start < (ptrdiff_t)width ? (size_t)((ptrdiff_t)width - start) : 0);
    return start < 0 ? mask & ~first_bytes((size_t)-start) : mask;
}

/// Windows three wide with a stride of two: each the pair of bytes at its place, and the first byte
/// of the next pair. Both are read from the rows; a row in memory that was just written would have
/// to be waited for (AlexNet, 90 % sparse, ran 1.04 times as fast as with it).
CIK_AVX512VNNI static void pool_three_by_two(
    const cik_pooling *pooling, const uint8_t *x, uint8_t *y) {
    size_t width = pooling->width;
    for (size_t channel = 0; channel < pooling->channels; channel++) {
        const uint8_t *plane = x + channel * pooling->channel_stride;
        uint8_t *places = y + channel * pooling->output_channel_stride;
        for (size_t i = 0; i < pooling->output_height; i++, places += pooling->output_row_stride) {
            cik_window window = cik_window_at(pooling, i, 0);
            for (size_t j = 0; j < pooling->output_width; j += 32) {
                ptrdiff_t start = (ptrdiff_t)(2 * j) - (ptrdiff_t)pooling->padding_width;
                __mmask64 here = bytes_inside(start, width), next = bytes_inside(start + 2, width);
                __m512i pairs = _mm512_setzero_si512(), behind = pairs;
                for (size_t row = window.top; row < window.bottom; row++) {
                    const uint8_t *bytes = plane + (ptrdiff_t)(row * pooling->row_stride) + start;
                    pairs = _mm512_max_epu8(pairs, _mm512_maskz_loadu_epi8(here, bytes));
                    behind = _mm512_max_epu8(behind, _mm512_maskz_loadu_epi8(next, bytes + 2));
                }
                __m512i largest = _mm512_max_epu8(
                    _mm512_max_epu8(pairs, _mm512_srli_epi16(pairs, 8)), behind);
                _mm256_mask_storeu_epi8(
                    places + j, (__mmask32)first_bytes(pooling->output_width - j),
                    _mm512_cvtepi16_epi8(largest));
            }
        }
    }
}

static bool is_by_two(const cik_pooling *pooling) {
    return pooling->kernel_height == 2 && pooling->kernel_width == 2
        && pooling->stride_height == 2 && pooling->stride_width == 2
        && pooling->padding_height == 0 && pooling->padding_width == 0;
}

CIK_AVX512VNNI static void pool_lanes(const cik_pooling *pooling, const uint8_t *x, uint8_t *y) {
    size_t width = pooling->row_stride;
    for (size_t channel = 0; channel < pooling->channels; channel++) {
        for (size_t i = 0; i < pooling->output_height; i++)
            for (size_t j = 0; j < pooling->output_width; j++) {
                cik_window w = cik_window_at(pooling, i, j);
                __m512i largest = _mm512_setzero_si512();
                for (size_t row = w.top; row < w.bottom; row++)
                    for (size_t column = w.left; column < w.right; column++)
                        largest = _mm512_max_epu8(
                            largest, _mm512_loadu_si512(x + (row * width + column) * 64));
                _mm512_storeu_si512(y + (i * pooling->output_row_stride + j) * 64, largest);
            }
        x += pooling->channel_stride * 64;
        y += pooling->output_channel_stride * 64;
    }
}

void u8_max_pooling__avx512vnni(
    const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y) {
    size_t last = (pooling->output_width - 1) * pooling->stride_width + pooling->kernel_width;
    bool fits = last <= MOST_COLUMNS && pooling->kernel_width <= 64
        && pooling->width + pooling->padding_width <= MOST_COLUMNS;
    if (lanes == CIK_TILE)
        pool_lanes(pooling, x, y);
    else if (lanes == 1 && is_by_two(pooling))
        pool_by_two(pooling, x, y);
    else if (lanes == 1 && pooling->kernel_width == 3 && pooling->stride_width == 2)
        pool_three_by_two(pooling, x, y);
    else if (lanes == 1 && pooling->stride_width <= 2 && fits)
        pool(pooling, x, y);
    else
        u8_max_pooling__scalar(pooling, x, lanes, y);
}
#endif
