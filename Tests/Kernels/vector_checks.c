// Kernels for one sample.
#include "check.h"

#include <math.h>

/// Room behind results, which has to stay as it is.
enum { GUARD = 64 };

static const int windows[] = {64, 128, 256};
static const int highest_bytes[] = {1, 3, 7, 15, 31, 63, 127, 128, 255};

// MARK: Sparse weights

typedef void spmv_kernel(
    const cik_spmv_weights *, size_t first, size_t slices, const uint8_t *x, int32_t *acc);

/// Which rows come first does not matter to a kernel: any order will do.
static uint32_t *shuffled(size_t count) {
    uint32_t *numbers = random_memory(count * sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        size_t j = (size_t)random_in(0, (int64_t)i);
        numbers[i] = numbers[j];
        numbers[j] = (uint32_t)i;
    }
    return numbers;
}

/// All levels have the extreme magnitude, or they are random.
static void fill_levels(int8_t *levels, size_t count, bool extreme) {
    for (size_t i = 0; i < count; i++)
        levels[i] = (int8_t)(extreme ? (random_bits() & 1 ? -128 : 127) : random_in(-128, 127));
}

/// Weights of `slices` slices with up to `most` pairs of steps, and the inputs they read.
static void check_spmv_on(
    spmv_kernel *scalar, spmv_kernel *kernel, size_t pair_bytes, size_t slices, int most,
    int window, int highest, bool extreme, bool in_order,
    bool codes_are_levels) {
    uint32_t *first_pair = random_memory((slices + 1) * sizeof *first_pair);
    first_pair[0] = 0;
    for (size_t i = 0; i < slices; i++)
        first_pair[i + 1] = first_pair[i] + (uint32_t)random_in(0, most);
    size_t pairs = first_pair[slices];
    uint8_t *advances = random_bytes(2 * pairs, 3), *steps = random_memory(pairs * pair_bytes);
    int8_t levels[16];
    fill_levels(levels, 16, extreme);
    levels[0] = 0;
    for (int i = 0; codes_are_levels && i < 16; i++) levels[i] = (int8_t)(i < 8 ? i : i - 16);
    for (size_t pair = 0; pair < pairs; pair++) {
        uint8_t *columns = steps + pair * pair_bytes;
        for (int i = 0; i < 2 * CIK_SLOTS; i++) columns[i] %= window;
        if (pair_bytes == CIK_LEVEL_PAIR)
            fill_levels((int8_t *)columns + 2 * CIK_SLOTS, 2 * CIK_SLOTS, extreme);
    }
    uint32_t *outputs = shuffled(slices * CIK_ROWS);
    for (uint32_t i = 0; in_order && i < slices * CIK_ROWS; i++) outputs[i] = i;
    cik_spmv_weights weights = {slices, window, first_pair, advances, steps,
                                outputs, in_order, levels, codes_are_levels, highest};
    uint8_t *x = random_bytes((size_t)(6 * most) * CIK_ADVANCE + 256, highest);
    if (extreme) memset(x, highest, (size_t)(6 * most) * CIK_ADVANCE + 256);
    size_t size = (slices * CIK_ROWS) * sizeof(int32_t) + GUARD;
    int32_t *expected = random_memory(size), *found = random_memory(size);
    memcpy(found, expected, size);
    scalar(&weights, 0, slices, x, expected);
    // In two parts, as two threads would.
    size_t part = (size_t)random_in(0, (int64_t)slices);
    kernel(&weights, part, slices - part, x, found);
    kernel(&weights, 0, part, x, found);
    expect_equal(
        expected, found, size, "%zu slices, up to %d pairs, window %d, x up to %d", slices, most,
        window, highest);
    free(first_pair), free(advances), free(steps), free(outputs), free(x);
    free(expected), free(found);
}

static void check_spmv(spmv_kernel *scalar, spmv_kernel *kernel, size_t pair_bytes) {
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
        for (size_t h = 0; h < sizeof highest_bytes / sizeof *highest_bytes; h++)
            for (int most = 0; most <= 9; most++)
                for (size_t slices = 1; slices <= 3; slices++)
                    for (int kind = 0; kind < 4; kind++)
                        check_spmv_on(
                            scalar, kernel, pair_bytes, slices, most, windows[w],
                            highest_bytes[h], most % 3 == 2, kind & 1, kind >> 1);
}

static void check_c4_spmv(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    check_spmv(scalar->u8_c4_spmv, variant->u8_c4_spmv, CIK_CODE_PAIR);
}

static void check_s8_spmv(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    check_spmv(scalar->u8_s8_spmv, variant->u8_s8_spmv, CIK_LEVEL_PAIR);
}

// MARK: Dense weights

static void check_gemv_on(
    const cik_kernel_set *scalar, const cik_kernel_set *variant, size_t outputs, size_t stride,
    int highest, bool extreme) {
    int8_t *levels = random_memory(outputs * stride);
    if (extreme) fill_levels(levels, outputs * stride, true);
    uint8_t *x = random_bytes(stride, highest);
    if (extreme) memset(x, highest, stride);
    cik_gemv_weights weights = {outputs, stride, levels, highest};
    size_t size = outputs * sizeof(int32_t) + GUARD;
    int32_t *expected = random_memory(size), *found = random_memory(size);
    memcpy(found, expected, size);
    scalar->u8_s8_gemv(&weights, 0, outputs, x, expected);
    size_t part = (size_t)random_in(0, (int64_t)outputs);
    variant->u8_s8_gemv(&weights, part, outputs - part, x, found);
    variant->u8_s8_gemv(&weights, 0, part, x, found);
    expect_equal(
        expected, found, size, "%zu outputs of %zu inputs up to %d", outputs, stride, highest);
    free(levels), free(x), free(expected), free(found);
}

static void check_gemv(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for (size_t h = 0; h < sizeof highest_bytes / sizeof *highest_bytes; h++)
        for (size_t outputs = 1; outputs <= 17; outputs++)
            for (size_t stride = 64; stride <= 448; stride += 64)
                check_gemv_on(
                    scalar, variant, outputs, stride, highest_bytes[h], outputs % 2 == 0);
}

// MARK: Bytes

/// Sums stay within 63 bits, as the planner promises: |acc * M| < 2^62 and |B| <= 2^62 - 2^46.
static void check_requantize_each(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for (size_t count = 0; count <= 70; count++)
        for (int shift = 1; shift <= 62; shift++) {
            int32_t *acc = random_memory(count * sizeof *acc);
            int32_t *multipliers = random_memory(count * sizeof *multipliers);
            int64_t *constants = random_memory(count * sizeof *constants);
            for (size_t i = 0; i < count; i++) {
                // Of all magnitudes, so that results lie below, inside and above the range.
                acc[i] >>= random_in(0, 31);
                constants[i] >>= random_in(2, 63);
                if (acc[i] == INT32_MIN) acc[i] = INT32_MAX;
                if (constants[i] > ((int64_t)1 << 61)) constants[i] = (int64_t)1 << 61;
            }
            cik_rounding rounding = {shift, (int32_t)random_in(0, 9), (int32_t)random_in(9, 255)};
            uint8_t *expected = random_memory(count + GUARD), *found = random_memory(count + GUARD);
            memcpy(found, expected, count + GUARD);
            scalar->s32_requantize_each(acc, count, multipliers, constants, rounding, expected);
            variant->s32_requantize_each(acc, count, multipliers, constants, rounding, found);
            expect_equal(expected, found, count + GUARD, "%zu sums, shift %d", count, shift);
            free(acc), free(multipliers), free(constants), free(expected), free(found);
        }
}

/// Products and sums are whole multiples of 2^-10 that floats hold, so that no rounding hides.
static void check_requantize_floats(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    (void)scalar;
    if (!variant->s32_requantize_floats) return;
    for (size_t count = 0; count <= 70; count++) {
        int32_t *acc = random_memory(count * sizeof *acc);
        float *multipliers = random_memory(count * sizeof *multipliers);
        float *constants = random_memory(count * sizeof *constants);
        cik_rounding rounding = {1, (int32_t)random_in(0, 9), (int32_t)random_in(9, 255)};
        uint8_t *expected = random_memory(count + GUARD), *found = random_memory(count + GUARD);
        memcpy(found, expected, count + GUARD);
        for (size_t i = 0; i < count; i++) {
            acc[i] = (int32_t)random_in(-4000, 4000);
            int64_t multiplier = random_in(-200, 200), constant = random_in(-100000, 300000);
            multipliers[i] = (float)multiplier / 1024;
            constants[i] = (float)constant / 1024;
            int64_t value = (acc[i] * multiplier + constant) >> 10;
            if (value < rounding.low) value = rounding.low;
            expected[i] = (uint8_t)(value > rounding.high ? rounding.high : value);
        }
        variant->s32_requantize_floats(acc, count, multipliers, constants, rounding, found);
        expect_equal(expected, found, count + GUARD, "%zu sums in floats", count);
        free(acc), free(multipliers), free(constants), free(expected), free(found);
    }
}

static void check_lookup(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for (size_t count = 0; count <= 200; count++) {
        uint8_t *table = random_memory(256), *x = random_memory(count);
        uint8_t *expected = random_memory(count + GUARD), *found = random_memory(count + GUARD);
        memcpy(found, expected, count + GUARD);
        scalar->u8_lookup(table, x, count, expected);
        variant->u8_lookup(table, x, count, found);
        expect_equal(expected, found, count + GUARD, "%zu bytes", count);
        free(table), free(x), free(expected), free(found);
    }
}

static void check_encode(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for (size_t lanes = 1; lanes <= CIK_TILE; lanes += CIK_TILE - 1)
        for (size_t channels = 1; channels <= 3; channels++)
            for (size_t area = 1; area <= 140; area += 1 + area / 8) {
                size_t features = channels * area, count = (size_t)random_in(1, (int64_t)lanes);
                uint8_t *tables = random_memory(channels * 256);
                uint8_t *pixels = random_memory(features * count);
                size_t size = features * lanes + GUARD;
                uint8_t *expected = random_memory(size), *found = random_memory(size);
                memcpy(found, expected, size);
                cik_encoding encoding = {channels, area, tables};
                scalar->u8_encode(&encoding, pixels, count, lanes, expected);
                variant->u8_encode(&encoding, pixels, count, lanes, found);
                expect_equal(
                    expected, found, size, "%zu channels of %zu in %zu lanes", channels, area,
                    lanes);
                free(tables), free(pixels), free(expected), free(found);
            }
}

static void check_multiply(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    const int32_t highest[] = {15, 100, 255};
    for (int h = 0; h < 3; h++)
        for (size_t area = 1; area <= 400; area += 1 + area / 4) {
            size_t channels = 3, size = channels * area + GUARD;
            cik_multiplication multiplication = {
                .channels = channels, .area = area, .one_per_channel = random_in(0, 3) > 0,
                .both = random_in(-20000000, 20000000), .first = random_in(-300000000000, 300000000000),
                .second = random_in(-900000000, 900000000), .constant = (int64_t)1 << 39,
                .rounding = {32, 3, 250}, .highest = highest[h],
            };
            uint8_t *a = random_memory(channels * area), *b = random_memory(channels * area);
            for (size_t i = 0; i < channels * area; i++) a[i] %= highest[h] + 1;
            uint8_t *expected = random_memory(size), *found = random_memory(size);
            memcpy(found, expected, size);
            scalar->u8_multiply(&multiplication, a, b, 1, expected);
            variant->u8_multiply(&multiplication, a, b, 1, found);
            expect_equal(expected, found, size, "%zu places, up to %d", area, highest[h]);
            free(a), free(b), free(expected), free(found);
        }
}

/// Samples at and around the boundaries between codes, far outside, and no numbers.
static float random_sample(void) {
    const float special[] = {0, -0.0f, 1e30f, -1e30f, INFINITY, -INFINITY, NAN, 255};
    if (random_in(0, 9) == 0) return special[random_in(0, 7)];
    return (float)random_in(-600, 1200) / (random_in(0, 1) ? 2 : 7);
}

static void check_float_encode(const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    const size_t shapes[][2] = {{1, 1}, {1, 15}, {3, 64}, {1, 130}, {2, 77}, {5, 1}, {131, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int blocks = 0; blocks < 2; blocks++) {
            size_t channels = shapes[i][0], features = channels * shapes[i][1];
            size_t lanes = blocks ? 64 : 1, count = blocks ? (size_t)random_in(1, 64) : 1;
            float *samples = random_memory(count * features * sizeof *samples);
            for (size_t j = 0; j < count * features; j++) samples[j] = random_sample();
            float *means = random_memory(2 * channels * sizeof *means);
            for (size_t j = 0; j < 2 * channels; j++) means[j] = (float)random_in(1, 40) / 8;
            int bits = (int)random_in(1, 8);
            float lowest = random_in(0, 1) ? 0 : -(float)(1 << (bits - 1));
            cik_float_encoding encoding = {
                .channels = channels, .area = shapes[i][1],
                .pixel_scale = random_in(0, 1) ? 1 : 1 / 255.0f, .means = means,
                .deviations = means + channels, .offset = (float)random_in(-3, 3) / 4,
                .scale = (float)random_in(1, 8) / 8, .lowest = lowest,
                .highest = lowest + (float)((1 << bits) - 1),
            };
            size_t size = features * lanes + GUARD;
            uint8_t *expected = random_memory(size), *found = random_memory(size);
            memcpy(found, expected, size);
            scalar->f32_encode(&encoding, samples, count, lanes, expected);
            variant->f32_encode(&encoding, samples, count, lanes, found);
            expect_equal(
                expected, found, size, "%zu features in %zu lanes", features, lanes);
            free(samples), free(means), free(expected), free(found);
        }
}

const named_check vector_checks[] = {
    {"u8_c4_spmv", check_c4_spmv},
    {"u8_s8_spmv", check_s8_spmv},
    {"u8_s8_gemv", check_gemv},
    {"s32_requantize_each", check_requantize_each},
    {"s32_requantize_floats", check_requantize_floats},
    {"u8_lookup", check_lookup},
    {"u8_encode", check_encode},
    {"f32_encode", check_float_encode},
    {"u8_multiply", check_multiply},
    {0},
};
