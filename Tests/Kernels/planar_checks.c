// The kernels over planes against the scalar ones, on random weights and shapes around their tiles.
#include "check.h"

enum { GUARD = 8, OUTPUTS = 8 };

/// What all layers over planes share: bytes, the places of the output, and the rounding.
typedef struct {
    cik_planar planar;
    cik_epilogue epilogue;
    cik_residual residual;
    int32_t multipliers[OUTPUTS], halves[4 * OUTPUTS];
    cik_narrow_rule narrow[OUTPUTS];
    uint8_t sums[256];
    float float_multipliers[OUTPUTS], float_constants[OUTPUTS];
    int64_t constants[OUTPUTS];
    size_t tiles, kept_count, result_size, acc_size;
} layer;

/// Lets the bytes of the result lie one behind the other, or as they are computed with a border.
static void set_border(layer *l, bool has_border) {
    l->planar.has_border = has_border;
    l->planar.fill = (uint8_t)random_in(0, 255);
    l->planar.y_stride = has_border ? l->tiles * 64 + 64 * (size_t)random_in(0, 1) : l->kept_count;
    l->result_size = OUTPUTS * l->planar.y_stride + GUARD;
}

/// Output rows of `width` places, `row_stride` apart, over planes that begin below `offsets`.
static layer random_layer(
    size_t height, size_t width, size_t row_stride, size_t lanes, size_t offsets, int highest) {
    layer l = {.planar = {.lanes = lanes, .band = (size_t)random_in(1, 9)}};
    l.planar.length = ((height - 1) * row_stride + width) * lanes;
    l.tiles = (l.planar.length + 63) / 64;
    l.planar.x = random_bytes(offsets * lanes + l.planar.length, highest);
    uint64_t *kept = calloc(l.tiles, sizeof *kept);
    for (size_t i = 0; i < l.planar.length; i++)
        if (i / lanes % row_stride < width) kept[i / 64] |= (uint64_t)1 << (i % 64);
    l.planar.kept = kept;
    l.kept_count = height * width * lanes;
    l.planar.acc_stride = l.tiles * 64;
    set_border(&l, random_in(0, 1));
    l.acc_size = OUTPUTS * l.planar.acc_stride * sizeof(int32_t);
    return l;
}

/// Takes rules that the narrow ones are themselves, but for sums with the constant that do not fit
/// 16 bits, which are behind the range. Some outputs have none.
static void narrow(layer *l, int32_t bound) {
    l->epilogue.most_are_narrow = random_in(0, 1);
    int16_t inner = (int16_t)random_in(1, 7);
    int32_t shift = l->epilogue.rounding.shift = 15 + inner;
    for (int i = 0; i < OUTPUTS; i++) {
        int16_t multiplier = (int16_t)random_in(-32767, 32767);
        int16_t addend = (int16_t)random_in(bound - INT16_MAX, INT16_MAX - bound);
        int16_t constant = (int16_t)random_in(-32768, 32767);
        int32_t sum = addend * multiplier + (1 << 14) + constant * (1 << 15);
        int16_t used = random_in(0, 3) ? multiplier : 0;
        l->narrow[i] =
            (cik_narrow_rule){{addend, addend}, {used, used}, {constant, constant}, sum, inner};
        l->multipliers[i] = multiplier;
        l->constants[i] = sum - (1 << (shift - 1));
        l->halves[4 * i] = 0;
        l->halves[4 * i + 1] = multiplier & 0xffff;
        l->halves[4 * i + 2] = sum >> 16;
        l->halves[4 * i + 3] = sum & 0xffff;
    }
    l->epilogue.narrow = l->narrow;
}

/// Takes powers of two, with which the rule in floats is the rule itself.
static void use_floats(layer *l) {
    enum { SHIFT = 30, FRACTION = 12 };
    l->epilogue.rounding.shift = SHIFT;
    for (int i = 0; i < OUTPUTS; i++) {
        int32_t sign = random_in(0, 1) ? 1 : -1, sum = (int32_t)random_in(-(1 << 19), 1 << 20);
        l->multipliers[i] = sign * (1 << (SHIFT - FRACTION));
        l->constants[i] = sum * ((int64_t)1 << (SHIFT - FRACTION)) - (1 << (SHIFT - 1));
        l->float_multipliers[i] = (float)sign / (1 << FRACTION);
        l->float_constants[i] = (float)sum / (1 << FRACTION);
        // Some outputs have none.
        if (random_in(0, 3) == 0) l->float_multipliers[i] = 0;
    }
    l->epilogue.float_multipliers = l->float_multipliers;
    l->epilogue.float_constants = l->float_constants;
}

/// Rules that put sums up to `bound` around the range of bytes, in arithmetic of `bits`; half of
/// those of 16 bits are narrow, and half of those of 32 bits in floats.
static void set_rules(layer *l, int32_t bound, int bits) {
    int exponent = 0;
    while (bound >> exponent) exponent++;
    cik_rounding rounding = {.shift = 30 + exponent - 9 < 17 ? 17 : 30 + exponent - 9, 2, 250};
    if (rounding.shift > 45) rounding.shift = 45;
    for (int i = 0; i < OUTPUTS; i++) {
        int32_t multiplier = l->multipliers[i] = (int32_t)random_in(-0x7fff7fff, 0x7fff7fff);
        l->constants[i] = random_in(-40, 300) * ((int64_t)1 << rounding.shift);
        int64_t sum = l->constants[i] + ((int64_t)1 << (rounding.shift - 1));
        l->halves[4 * i] = ((multiplier + 0x8000) >> 16) & 0xffff;
        l->halves[4 * i + 1] = multiplier & 0xffff;
        l->halves[4 * i + 2] = (int32_t)(sum >> 16);
        l->halves[4 * i + 3] = (int32_t)(sum & 0xffff);
    }
    l->epilogue =
        (cik_epilogue){l->multipliers, l->constants, l->halves, rounding, bits, .narrow = NULL};
    if (bits == 16 && random_in(0, 1)) narrow(l, bound);
    if (bits == 32 && bound < 1 << 22 && random_in(0, 1)) use_floats(l);
}

/// Cuts results, and the `count` bytes that are added to them, to 0...15, and has their sums in a
/// table.
static void set_table(layer *l, uint8_t *others, size_t count) {
    l->residual.table = l->sums;
    l->residual.low = 1, l->residual.high = 14;
    l->epilogue.rounding.low = 0, l->epilogue.rounding.high = 15;
    for (size_t i = 0; i < count; i++) others[i] &= 15;
    for (int i = 0; i < 256; i++) {
        int32_t sum = i / 16 * l->residual.multipliers[0] + i % 16 * l->residual.multipliers[1];
        int32_t value = (sum + l->residual.constant) >> l->residual.shift;
        l->sums[i] = (uint8_t)(value < 1 ? 1 : value > 14 ? 14 : value);
    }
}

/// A sum around the range of bytes with what lies `distance` behind the result.
static void set_residual(layer *l, ptrdiff_t distance) {
    int32_t shift = (int32_t)random_in(0, 20);
    l->residual = (cik_residual){.distance = distance, .shift = shift, .low = 3, .high = 251};
    for (int i = 0; i < 2; i++)
        l->residual.multipliers[i] = (int16_t)random_in(-32768, 32767) >> (shift < 15 ? 15 - shift : 0);
    l->residual.constant = (int32_t)(random_in(-100, 400) * ((int64_t)1 << shift));
}

/// Sums behind the last place may differ: what is read there may exceed the largest byte.
static void clear_behind(layer *l) {
    for (size_t output = 0; output < OUTPUTS; output++)
        for (size_t i = l->planar.length; i < l->planar.acc_stride; i++)
            l->planar.acc[output * l->planar.acc_stride + i] = 0;
}

/// Runs one kernel of both variants, with sums and with bytes, in two calls each; others are added
/// to half of the bytes.
#define COMPARE(kernel, weights, l, bound, scratch_size)                                       \
    COMPARE_FROM(0, kernel, weights, l, bound, scratch_size)

/// The same with bytes alone.
#define COMPARE_BYTES(kernel, weights, l, bound, scratch_size)                                 \
    COMPARE_FROM(16, kernel, weights, l, bound, scratch_size)

#define COMPARE_FROM(first, kernel, weights, l, bound, scratch_size)                           \
    for (int bits = first; bits <= 64; bits = bits ? 2 * bits : 16) {                              \
        if (bits == 16 && (bound) > INT16_MAX) continue;                                       \
        if (bits) set_rules(&l, bound, bits);                                                  \
        l.planar.epilogue = bits ? &l.epilogue : NULL;                                         \
        size_t size = bits ? l.result_size : l.acc_size;                                       \
        uint8_t *results[2] = {random_memory(2 * size), random_memory(2 * size)};              \
        set_residual(&l, (ptrdiff_t)size);                                                     \
        l.planar.residual = bits && random_in(0, 1) ? &l.residual : NULL;                      \
        if (l.planar.residual && random_in(0, 1)) set_table(&l, results[0] + size, size);      \
        memcpy(results[1], results[0], 2 * size);                                              \
        for (int i = 0; i < 2; i++) {                                                          \
            l.planar.scratch = random_memory(scratch_size);                                    \
            l.planar.y = results[i], l.planar.acc = (int32_t *)results[i];                     \
            (i ? variant : scalar)->kernel(&weights, &l.planar, 0, 1);                         \
            (i ? variant : scalar)->kernel(&weights, &l.planar, 1, OUTPUTS - 1);               \
            free(l.planar.scratch);                                                            \
            if (!bits) clear_behind(&l);                                                       \
        }                                                                                      \
        expect_equal(                                                                          \
            results[0], results[1], size, "%d bits, %zu bytes in %zu lanes", bits,             \
            l.planar.length, l.planar.lanes);                                                  \
        free(results[0]), free(results[1]);                                                    \
    }

static void free_layer(layer *l) { free((void *)l->planar.x), free((void *)l->planar.kept); }

/// Offsets of `size` bytes each, 2 or 4.
static void set_random_offsets(uint8_t *offsets, size_t size, size_t count, size_t below) {
    for (size_t i = 0; i < count; i++) {
        // Little-endian, as all that this runs on.
        uint32_t offset = (uint32_t)random_in(0, (int64_t)below - 1);
        memcpy(offsets + i * size, &offset, size);
    }
}

/// The outputs in any order.
static void random_order(uint32_t order[OUTPUTS]) {
    for (uint32_t i = 0; i < OUTPUTS; i++) {
        size_t place = (size_t)random_in(0, i);
        order[i] = order[place];
        order[place] = i;
    }
}

static uint32_t *random_offsets(size_t count, size_t below) {
    uint32_t *offsets = random_memory(count * sizeof *offsets + 1);
    for (size_t i = 0; i < count; i++) offsets[i] = (uint32_t)random_in(0, (int64_t)below - 1);
    return offsets;
}

/// Calls `check` for shapes around whole tiles, of one sample and of 64.
static void for_each_shape(
    const cik_kernel_set *scalar, const cik_kernel_set *variant,
    void (*check)(
        const cik_kernel_set *, const cik_kernel_set *, const size_t *shape, size_t lanes)) {
    const size_t shapes[][3] = {
        {1, 1, 1}, {1, 63, 63}, {1, 64, 64}, {1, 65, 65}, {3, 7, 8}, {5, 28, 29}, {4, 64, 64},
        {5, 56, 57}, {9, 31, 37}, {2, 130, 131}, {11, 30, 30},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check(scalar, variant, shapes[i], 1);
        if (shapes[i][1] < 10) check(scalar, variant, shapes[i], 64);
    }
}

/// What rows of sparse weights for planes are made of.
typedef struct {
    cik_rows view;
    uint8_t *bytes;
    uint32_t block_starts[3];
    size_t starts[3 * OUTPUTS];
    uint32_t order[OUTPUTS];
} rows;

/// Steps of one size.
typedef struct { size_t terms, levels; } step_shape;

static void add_step(uint8_t **end, const cik_rows *rows, step_shape step, int level) {
    set_random_offsets(*end, rows->offset_size, step.terms, 36 >> rows->shift);
    *end += step.terms * rows->offset_size;
    for (size_t i = 0; i < step.levels; i++)
        *(*end)++ = (uint8_t)random_in(-level, level > 127 ? 127 : level);
}

enum { MOST_STEPS = 5 };

/// Rows of up to MOST_STEPS steps of each size, with levels up to `level`, which reach less than 50
/// positions.
static void set_rows(
    rows *r, size_t blocks, const step_shape *sizes, size_t size_count, int level) {
    r->view = (cik_rows){
        .outputs = OUTPUTS, .blocks = blocks, .block_starts = r->block_starts,
        .starts = r->starts, .order = r->order, .offset_size = random_in(0, 1) ? 2 : 4,
        .shift = (int32_t)random_in(0, 2),
    };
    memcpy(r->block_starts, (const uint32_t[]){0, 13, 6}, sizeof r->block_starts);
    random_order(r->order);
    size_t row_bytes = 4 * size_count;
    for (size_t i = 0; i < size_count; i++)
        row_bytes += MOST_STEPS * (sizes[i].terms * r->view.offset_size + sizes[i].levels);
    uint8_t *end = r->bytes = random_memory(blocks * OUTPUTS * row_bytes + CIK_AHEAD);
    r->view.bytes = r->bytes;
    for (size_t row = 0; row < blocks * OUTPUTS; row++) {
        r->starts[row] = (size_t)(end - r->bytes);
        uint32_t counts[CIK_STEP_SIZES];
        for (size_t i = 0; i < size_count; i++) counts[i] = (uint32_t)random_in(0, MOST_STEPS);
        memcpy(end, counts, 4 * size_count);
        end += 4 * size_count;
        for (size_t i = 0; i < size_count; i++)
            for (uint32_t step = 0; step < counts[i]; step++)
                add_step(&end, &r->view, sizes[i], level);
    }
}

static void check_groups_of(
    const cik_kernel_set *scalar, const cik_kernel_set *variant, const size_t *shape,
    size_t lanes) {
    const step_shape sizes[] = {{8, 2}, {4, 2}, {2, 2}};
    const int highest[] = {3, 15, 31, 63};
    for (int h = 0; h < 4; h++) {
        size_t blocks = (size_t)random_in(1, 3);
        int level = 32767 / 8 / highest[h] > 128 ? 128 : 32767 / 8 / highest[h];
        if (blocks > 1 && random_in(0, 1)) level = 3;
        layer l = random_layer(shape[0], shape[1], shape[2], lanes, 50, highest[h]);
        int32_t bound = (int32_t)blocks * MOST_STEPS * (8 + 4 + 2) * level * highest[h];
        rows r;
        set_rows(&r, blocks, sizes, CIK_STEP_SIZES, level);
        cik_grouped_weights weights = {
            .rows = r.view,
            .steps_in_16_bits = (size_t)(32767 / (8 * highest[h] * level)),
            .bound = bound,
        };
        COMPARE(u6_s8_spmm, weights, l, bound, OUTPUTS * 512)
        free(r.bytes);
        free_layer(&l);
    }
}

static void check_quads_of(
    const cik_kernel_set *scalar, const cik_kernel_set *variant, const size_t *shape,
    size_t lanes) {
    const step_shape quad = {4, 4};
    for (size_t blocks = 1; blocks <= 3; blocks++) {
        layer l = random_layer(shape[0], shape[1], shape[2], lanes, 50, 255);
        rows r;
        set_rows(&r, blocks, &quad, 1, 128);
        cik_spmm_weights weights = {r.view};
        int32_t bound = (int32_t)blocks * MOST_STEPS * 4 * 128 * 255;
        COMPARE(u8_s8_spmm, weights, l, bound, OUTPUTS * 512)
        free(r.bytes);
        free_layer(&l);
    }
}

static void check_rows_of(
    const cik_kernel_set *scalar, const cik_kernel_set *variant, const size_t *shape,
    size_t lanes) {
    for (size_t stride = 4; stride <= 40; stride += 12) {
        layer l = random_layer(shape[0], shape[1], shape[2], lanes, 50, 255);
        uint32_t *offsets = random_offsets(stride * OUTPUTS, 50);
        int8_t *levels = random_memory(stride * OUTPUTS);
        int32_t bound = (int32_t)stride * 128 * 255;
        cik_gemm_weights rows = {stride, levels, offsets};
        COMPARE(u8_s8_gemm, rows, l, bound, stride * 64)
        free(offsets), free(levels), free_layer(&l);
    }
}

static void check_depthwise_of(
    const cik_kernel_set *scalar, const cik_kernel_set *variant, const size_t *shape,
    size_t lanes) {
    for (size_t runs = 1; runs <= 10; runs += 3) {
        size_t plane = (shape[0] - 1) * shape[2] + shape[1] + 44;
        layer l = random_layer(shape[0], shape[1], shape[2], lanes, OUTPUTS * plane, 255);
        uint32_t *offsets = random_offsets(runs, 40);
        int8_t *levels = random_memory(4 * runs * OUTPUTS);
        cik_depthwise_weights weights = {runs, levels, offsets, plane};
        COMPARE(u8_s8_depthwise, weights, l, (int32_t)runs * 4 * 128 * 255, 64)
        free(offsets), free(levels), free_layer(&l);
    }
}

/// Rows of the output as they follow each other with stride 1, or in quarters of a tile with 2.
static void check_direct(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    enum { PLANE = 700, ORDERS = 5 };
    // Any of the 16 bytes that a quarter of a tile begins with are used, from the last place on,
    // too.
    const size_t read = OUTPUTS * PLANE + CIK_UNDERREAD + CIK_TILE;
    for (int turn = 0; turn < 300; turn++) {
        int32_t stride = (int32_t)random_in(1, 2);
        size_t runs = (size_t)random_in(1, turn % 8 ? 4 : CIK_DIRECT_RUNS);
        size_t height = (size_t)random_in(1, 9), width = (size_t)random_in(1, 70);
        size_t row_stride = stride == 1 ? width : (width + 15) / 16 * 16;
        // Half of the layers have sums that fit 16 bits, just so in a part of them.
        int highest = random_in(0, 1) ? 255 : (int)random_in(1, 63);
        int level = highest == 255 ? 128 : (int)(INT16_MAX / (highest * 4 * (int)runs));
        if (level > 128) level = 128;
        bool is_extreme = random_in(0, 3) == 0;
        layer l = random_layer(height, width, row_stride, 1, read, highest);
        set_border(&l, false);
        if (is_extreme) memset((uint8_t *)l.planar.x, highest, read + l.planar.length);
        l.planar.x += CIK_UNDERREAD;
        cik_reach *reaches = random_memory(l.tiles * runs * sizeof *reaches);
        for (size_t i = 0; i < l.tiles * runs; i++) {
            // Half of the tiles have the same order in all runs.
            uint32_t order = (uint32_t)random_in(0, ORDERS - 1);
            reaches[i].order = i % runs && i / runs % 2 ? reaches[i - 1].order : order;
            for (int k = 0; k < 4; k++)
                reaches[i].starts[k] = (int32_t)random_in(-CIK_UNDERREAD, PLANE - 1);
        }
        uint8_t *orders = random_bytes(ORDERS * 4 * CIK_TILE, 19);
        for (size_t i = 0; i < ORDERS * 4 * CIK_TILE; i++)
            if (orders[i] > 15) orders[i] = 128;
        int8_t *levels = random_memory(4 * runs * OUTPUTS);
        for (size_t i = 0; i < 4 * runs * OUTPUTS; i++)
            levels[i] =
                (int8_t)(is_extreme ? -level : random_in(-level, level > 127 ? 127 : level));
        cik_direct_weights weights = {
            runs, levels, stride, reaches, orders, PLANE,
            random_in(0, 1) ? (uint8_t)random_in(0, highest) : 0,
        };
        COMPARE_BYTES(
            u8_s8_depthwise_direct, weights, l, (int32_t)runs * 4 * level * highest, 64)
        free(reaches), free(orders), free(levels);
        l.planar.x -= CIK_UNDERREAD;
        free_layer(&l);
    }
}

static void check_groups(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for_each_shape(scalar, variant, check_groups_of);
}

static void check_quads(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for_each_shape(scalar, variant, check_quads_of);
}

static void check_rows(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for_each_shape(scalar, variant, check_rows_of);
}

static void check_depthwise(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for_each_shape(scalar, variant, check_depthwise_of);
}

static void check_planes(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for (int i = 0; i < 3000; i++) {
        size_t lanes = random_in(0, 9) ? 1 : 64;
        size_t stride = (size_t)random_in(1, 4);
        size_t stride_y = random_in(0, 1) ? stride : (size_t)random_in(1, 4);
        size_t height = (size_t)random_in(1, 20);
        size_t width = (size_t)random_in(1, random_in(0, 1) ? 20 : 140);
        size_t top = (size_t)random_in(0, 1), below = (size_t)random_in(0, 2);
        size_t left = (size_t)random_in(0, 3), right = (size_t)random_in(0, 9);
        if (random_in(0, 3) == 0) top = below = left = right = 0;
        size_t phases = random_in(0, 1) ? stride : 1, phases_y = random_in(0, 1) ? stride_y : 1;
        cik_planes planes = {
            (size_t)random_in(1, 12), height, width, 0, 0, top, left, stride_y, stride, phases_y,
            phases, (top + height + below + stride_y - 1) / stride_y,
            (left + width + right + stride - 1) / stride, 0, 9,
        };
        planes.plane_stride = planes.plane_height * planes.plane_width + (size_t)random_in(0, 70);
        bool is_dense = random_in(0, 1);
        planes.row_stride = width + (is_dense ? 0 : (size_t)random_in(0, 5));
        planes.channel_stride = height * planes.row_stride + (is_dense ? 0 : (size_t)random_in(0, 70));
        size_t made = planes.plane_stride * phases_y * phases;
        size_t size = planes.channels * made * lanes + GUARD;
        uint8_t *x = random_memory(planes.channels * planes.channel_stride * lanes);
        uint8_t *expected = random_memory(size), *found = random_memory(size);
        memcpy(found, expected, size);
        scalar->u8_planes(&planes, x, lanes, expected);
        variant->u8_planes(&planes, x, lanes, found);
        expect_equal(
            expected, found, size, "%zux%zu, strides %zu and %zu, %zu lanes", height, width,
            stride_y, stride, lanes);
        free(x), free(expected), free(found);
    }
}

/// A size, a padding and windows none of which lies in the border alone.
static cik_pooling random_pooling(bool is_whole) {
    cik_pooling p = {
        .channels = (size_t)random_in(1, 5), .height = (size_t)random_in(1, 20),
        .width = (size_t)random_in(1, random_in(0, 1) ? 20 : 140),
        .stride_height = (size_t)random_in(1, 3), .stride_width = (size_t)random_in(1, 3),
    };
    p.kernel_height = is_whole ? p.height : (size_t)random_in(1, p.height < 5 ? (int)p.height : 5);
    p.kernel_width = is_whole ? p.width : (size_t)random_in(1, p.width < 5 ? (int)p.width : 5);
    if (!is_whole) {
        p.padding_height = (size_t)random_in(0, (int)p.kernel_height / 2);
        p.padding_width = (size_t)random_in(0, (int)p.kernel_width / 2);
    }
    p.output_height = (p.height + 2 * p.padding_height - p.kernel_height) / p.stride_height + 1;
    p.output_width = (p.width + 2 * p.padding_width - p.kernel_width) / p.stride_width + 1;
    bool is_dense = random_in(0, 1);
    p.row_stride = p.width + (is_dense ? 0 : (size_t)random_in(0, 5));
    p.channel_stride = p.height * p.row_stride + (is_dense ? 0 : (size_t)random_in(0, 70));
    p.output_row_stride = p.output_width + (is_dense ? 0 : (size_t)random_in(0, 5));
    p.output_channel_stride =
        p.output_height * p.output_row_stride + (is_dense ? 0 : (size_t)random_in(0, 70));
    return p;
}

static void check_pooling(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for (int i = 0; i < 4000; i++) {
        bool is_mean = random_in(0, 1), is_whole = random_in(0, 1);
        size_t lanes = random_in(0, 9) ? 1 : 64;
        cik_pooling p = random_pooling(is_whole);
        cik_averaging averaging = {
            .windows = p, .fill = (uint8_t)random_in(0, 255),
            .constant = random_in(0, 255) * (1 << 20), .rounding = {20, 0, 255},
        };
        // Results are about as far apart as bytes are; or a single byte of the window matters.
        int64_t window = (int64_t)(p.kernel_height * p.kernel_width);
        int64_t largest = random_in(0, 1) ? (4 << 20) / window + 1 : 1 << 20;
        averaging.multiplier = (int32_t)random_in(-largest, largest);
        if (largest == 1 << 20) averaging.constant -= window * 128 * averaging.multiplier;
        size_t size = p.channels * p.output_channel_stride * lanes + GUARD;
        uint8_t *x = random_memory(p.channels * p.channel_stride * lanes);
        uint8_t *expected = random_memory(size), *found = random_memory(size);
        memcpy(found, expected, size);
        if (is_mean) {
            scalar->u8_average_pooling(&averaging, x, lanes, expected);
            variant->u8_average_pooling(&averaging, x, lanes, found);
        } else {
            scalar->u8_max_pooling(&p, x, lanes, expected);
            variant->u8_max_pooling(&p, x, lanes, found);
        }
        expect_equal(
            expected, found, size, "%s of %zux%zu in %zux%zu, %zu lanes",
            is_mean ? "mean" : "largest", p.kernel_height, p.kernel_width, p.height, p.width, lanes);
        free(x), free(expected), free(found);
    }
}

static void check_add(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for (int i = 0; i < 2000; i++) {
        size_t count = (size_t)random_in(1, 300), size = count + GUARD;
        int32_t multipliers[3];
        const uint8_t *x[3];
        // Beyond 16 bits the rule has to be followed in wider arithmetic.
        int64_t largest = random_in(0, 1) ? 1 << 14 : 1 << 22;
        for (int term = 0; term < 3; term++) {
            multipliers[term] = (int32_t)random_in(-largest, largest);
            x[term] = random_memory(count);
        }
        cik_addition addition = {
            .terms = (size_t)random_in(2, 3), .multipliers = multipliers,
            .constant = random_in(-100, 300) * largest, .rounding = {0, 2, 251},
        };
        while ((int64_t)1 << addition.rounding.shift < largest) addition.rounding.shift++;
        uint8_t *expected = random_memory(size), *found = random_memory(size);
        memcpy(found, expected, size);
        scalar->u8_add(&addition, x, count, expected);
        variant->u8_add(&addition, x, count, found);
        expect_equal(expected, found, size, "%zu bytes of %zu terms", count, addition.terms);
        for (int term = 0; term < 3; term++) free((void *)x[term]);
        free(expected), free(found);
    }
}

const named_check planar_checks[] = {
    {"u6_s8_spmm", check_groups},
    {"u8_s8_spmm", check_quads},
    {"u8_s8_gemm", check_rows},
    {"u8_s8_depthwise", check_depthwise},
    {"u8_s8_depthwise_direct", check_direct},
    {"u8_planes", check_planes},
    {"u8_max_pooling, u8_average_pooling", check_pooling},
    {"u8_add", check_add},
    {0},
};
