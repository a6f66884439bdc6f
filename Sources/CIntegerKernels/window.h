/// The part of a pooling's window that lies inside the plane.
#ifndef CIK_WINDOW_H
#define CIK_WINDOW_H

#include "kernels.h"

typedef struct {
    /// Rows `top..<bottom` and columns `left..<right` of the plane; none of them is empty.
    size_t top, bottom, left, right;
} cik_window;

/// The first place of a window along one axis, and the place behind its last one.
static inline void cik_clip(
    size_t index, size_t stride, size_t padding, size_t kernel, size_t size, size_t *first,
    size_t *end) {
    size_t start = index * stride;
    *first = start > padding ? start - padding : 0;
    *end = start + kernel - padding < size ? start + kernel - padding : size;
}

static inline cik_window cik_window_at(const cik_pooling *pooling, size_t i, size_t j) {
    cik_window window;
    cik_clip(
        i, pooling->stride_height, pooling->padding_height, pooling->kernel_height,
        pooling->height, &window.top, &window.bottom);
    cik_clip(
        j, pooling->stride_width, pooling->padding_width, pooling->kernel_width, pooling->width,
        &window.left, &window.right);
    return window;
}

#endif
