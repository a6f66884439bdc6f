// Bordered planes of one sample: small ones are looked up as a whole, larger ones without phases
// are spread out by `vpexpandb`.
#include "kernels.h"
#include "targets.h"

#include <string.h>

#if defined(__x86_64__)

enum {
    // Bytes of a channel that four registers hold, and of the planes made of it.
    MOST_LOOKED_UP = 256,
    MOST_MADE = 4096,
    // Positions of a plane that is spread out.
    MOST_SPREAD = 1 << 16,
};

static __mmask64 first_bytes(size_t count) {
    return count < 64 ? ((uint64_t)1 << count) - 1 : ~(uint64_t)0;
}

/// From the first to behind the last place of a channel.
static size_t span_of(const cik_planes *planes) {
    return (planes->height - 1) * planes->row_stride + planes->width;
}

// MARK: Small planes

/// For each byte of a channel's planes the place it comes from, and whether it has one.
typedef struct {
    uint8_t places[MOST_MADE];
    uint64_t inside[MOST_MADE / 64];
} sources;

static void add_source(const cik_planes *planes, sources *s, size_t made, size_t y, size_t x) {
    if (y < planes->padding_height || y - planes->padding_height >= planes->height) return;
    if (x < planes->padding_width || x - planes->padding_width >= planes->width) return;
    size_t row = y - planes->padding_height, column = x - planes->padding_width;
    s->places[made] = (uint8_t)(row * planes->row_stride + column);
    s->inside[made / 64] |= (uint64_t)1 << (made % 64);
}

static void find_sources(const cik_planes *planes, sources *s) {
    size_t plane = 0;
    for (size_t phase_y = 0; phase_y < planes->phases_height; phase_y++)
        for (size_t phase_x = 0; phase_x < planes->phases_width; phase_x++) {
            size_t made = plane;
            for (size_t i = 0; i < planes->plane_height; i++)
                for (size_t j = 0; j < planes->plane_width; j++)
                    add_source(
                        planes, s, made++, i * planes->stride_height + phase_y,
                        j * planes->stride_width + phase_x);
            plane += planes->plane_stride;
        }
}

CIK_AVX512 static void look_up(const cik_planes *planes, const uint8_t *x, uint8_t *y) {
    sources s;
    memset(&s, 0, sizeof s);
    find_sources(planes, &s);
    const __m512i fill = _mm512_set1_epi8((char)planes->fill);
    size_t area = span_of(planes);
    size_t size = planes->phases_height * planes->phases_width * planes->plane_stride;
    for (size_t channel = 0; channel < planes->channels; channel++, y += size) {
        __m512i part[4];
        for (size_t i = 0; i < 4; i++)
            part[i] = 64 * i < area ? _mm512_loadu_si512(x + 64 * i) : fill;
        x += planes->channel_stride;
        for (size_t i = 0; i < size; i += 64) {
            __m512i places = _mm512_loadu_si512(s.places + i);
            __m512i low = _mm512_permutex2var_epi8(part[0], places, part[1]);
            __m512i high = _mm512_permutex2var_epi8(part[2], places, part[3]);
            __m512i found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(places), low, high);
            _mm512_mask_storeu_epi8(
                y + i, first_bytes(size - i),
                _mm512_mask_blend_epi8(s.inside[i / 64], fill, found));
        }
    }
}

// MARK: Planes without phases

CIK_AVX512 static void spread_out(const cik_planes *planes, const uint8_t *x, uint8_t *y) {
    uint64_t inside[MOST_SPREAD / 64];
    size_t size = planes->plane_stride;
    memset(inside, 0, (size + 63) / 64 * 8);
    for (size_t i = 0; i < planes->height; i++)
        for (size_t j = 0; j < planes->width; j++) {
            size_t place = (i + planes->padding_height) * planes->plane_width
                + planes->padding_width + j;
            inside[place / 64] |= (uint64_t)1 << (place % 64);
        }
    const __m512i fill = _mm512_set1_epi8((char)planes->fill);
    for (size_t channel = 0; channel < planes->channels; channel++, y += size)
        for (size_t i = 0; i < size; i += 64) {
            uint64_t mask = inside[i / 64];
            _mm512_mask_storeu_epi8(
                y + i, first_bytes(size - i),
                _mm512_mask_expand_epi8(fill, mask, _mm512_loadu_si512(x)));
            x += __builtin_popcountll(mask);
        }
}

void u8_planes__avx512(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y) {
    size_t made = planes->phases_height * planes->phases_width * planes->plane_stride;
    bool has_phases = planes->stride_height != 1 || planes->stride_width != 1;
    // What is found out about all channels pays with some of them; and rows of nearly a register
    // are copied faster one by one.
    bool pays = lanes == 1 && planes->channels >= 8;
    size_t area = planes->height * planes->width;
    bool is_dense = span_of(planes) == area && planes->channel_stride == area;
    if (pays && span_of(planes) <= MOST_LOOKED_UP && made <= MOST_MADE)
        look_up(planes, x, y);
    else if (
        pays && is_dense && !has_phases && (planes->width < 48 || planes->height == 1)
        && planes->plane_stride <= MOST_SPREAD)
        spread_out(planes, x, y);
    else
        u8_planes__avx512vnni(planes, x, lanes, y);
}
#endif
