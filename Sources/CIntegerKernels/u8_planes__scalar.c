// Bordered planes, one for each phase of the stride.
#include "kernels.h"

#include <string.h>

// One row of a phase: places phase, phase + stride, ... of a bordered row of the input.
static void row_of_phase(
    const cik_planes *planes, const uint8_t *row, size_t phase, size_t lanes, uint8_t *y) {
    for (size_t i = 0; i < planes->plane_width; i++, y += lanes) {
        size_t column = i * planes->stride_width + phase;
        if (column < planes->padding_width || column - planes->padding_width >= planes->width)
            memset(y, planes->fill, lanes);
        else if (lanes == 1)
            *y = row[column - planes->padding_width];
        else
            memcpy(y, row + (column - planes->padding_width) * lanes, lanes);
    }
}

// One row without phases: border, the row as it is, border.
static void whole_row(const cik_planes *planes, const uint8_t *row, size_t lanes, uint8_t *y) {
    size_t border = planes->padding_width * lanes, middle = planes->width * lanes;
    memset(y, planes->fill, border);
    memcpy(y + border, row, middle);
    memset(y + border + middle, planes->fill, planes->plane_width * lanes - border - middle);
}

static void plane_of_phase(
    const cik_planes *planes, const uint8_t *x, size_t phase_y, size_t phase_x, size_t lanes,
    uint8_t *y) {
    size_t size = planes->plane_width * lanes;
    for (size_t i = 0; i < planes->plane_height; i++, y += size) {
        size_t line = i * planes->stride_height + phase_y;
        if (line < planes->padding_height || line - planes->padding_height >= planes->height) {
            memset(y, planes->fill, size);
            continue;
        }
        const uint8_t *row = x + (line - planes->padding_height) * planes->row_stride * lanes;
        if (planes->stride_width == 1)
            whole_row(planes, row, lanes, y);
        else
            row_of_phase(planes, row, phase_x, lanes, y);
    }
}

static void fill_behind(const cik_planes *planes, size_t lanes, uint8_t *plane) {
    size_t size = planes->plane_height * planes->plane_width;
    memset(plane + size * lanes, planes->fill, (planes->plane_stride - size) * lanes);
}

void u8_planes__scalar(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y) {
    size_t size = planes->plane_stride * lanes;
    for (size_t channel = 0; channel < planes->channels; channel++) {
        for (size_t phase_y = 0; phase_y < planes->phases_height; phase_y++)
            for (size_t phase_x = 0; phase_x < planes->phases_width; phase_x++, y += size) {
                plane_of_phase(planes, x, phase_y, phase_x, lanes, y);
                fill_behind(planes, lanes, y);
            }
        x += planes->channel_stride * lanes;
    }
}
