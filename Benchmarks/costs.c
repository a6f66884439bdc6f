// Measures the costs of kernels over planes that `cik_costs` states, for every variant that this
// CPU can run:
//
//     make bench-costs
//
// A layer of 64 planes whose bytes stay in the first cache is run with few and with many weights an
// output; the difference is the price of a weight or step on a tile, what remains that of
// requantization. The least of many runs counts. Planes beyond the first cache (`spmm_far`,
// `spmm_block`), `direct_weight` and layers of one sample (`make bench-kernels`) are not measured
// here.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "CIntegerKernels.h"

enum { PLANES = 64, SIZE = 256, TILES = 4, OUTPUTS = 64, FEW = 8, MANY = 40, RUNS = 15 };

static void *memory(size_t size) {
    size_t whole = (size + CIK_OVERREAD + 4095) / 4096 * 4096;
    void *result = aligned_alloc(4096, whole);
    memset(result, 0, whole);
    return result;
}

static uint32_t random_below(uint32_t count) {
    static uint64_t state = 88172645463325252;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 33) % count;
}

static int8_t random_level(void) {
    int8_t level = (int8_t)(1 + random_below(7));
    return random_below(2) ? level : (int8_t)-level;
}

typedef struct {
    cik_planar planar;
    cik_epilogue epilogue;
    uint64_t kept[TILES];
    int32_t multipliers[OUTPUTS];
    int64_t constants[OUTPUTS];
    int32_t halves[4 * OUTPUTS];
    cik_narrow_rule narrow[OUTPUTS];
} layer;

static void set_up(layer *l) {
    memset(l, 0, sizeof *l);
    memset(l->kept, 0xff, sizeof l->kept);
    uint8_t *x = memory(PLANES * SIZE);
    for (size_t i = 0; i < PLANES * SIZE; i++) x[i] = (uint8_t)random_below(16);
    for (int i = 0; i < OUTPUTS; i++)
        l->narrow[i] = (cik_narrow_rule){
            .multiplier = {300, 300}, .sum = 1 << 14, .shift = 1,
        };
    l->epilogue = (cik_epilogue){
        .multipliers = l->multipliers, .constants = l->constants, .halves = l->halves,
        .rounding = {20, 0, 15}, .bits = 16, .narrow = l->narrow,
        .most_are_narrow = true,
    };
    l->planar = (cik_planar){
        .x = x, .lanes = 1, .length = TILES * CIK_TILE, .kept = l->kept, .epilogue = &l->epilogue,
        .y = memory(OUTPUTS * TILES * CIK_TILE), .y_stride = TILES * CIK_TILE, .band = 4,
        .acc = memory(OUTPUTS * TILES * CIK_TILE * sizeof(int32_t)),
        .acc_stride = TILES * CIK_TILE, .scratch = memory(1 << 20),
    };
}

/// The weights of each kind with `count` steps or weights an output.
typedef struct {
    cik_grouped_weights grouped[CIK_STEP_SIZES];
    cik_spmm_weights sparse;
    cik_gemm_weights dense;
    cik_depthwise_weights depthwise;
} all_weights;

static uint32_t random_offset(void) { return random_below(PLANES) * SIZE; }

static void fill_levels(int8_t *levels, size_t count) {
    for (size_t i = 0; i < count; i++) levels[i] = random_level();
}

/// Rows that begin with `sizes` counts, and whose steps, so many as these together, have `terms`
/// terms and `levels` levels.
static cik_rows make_rows(
    const uint32_t *counts, size_t sizes, size_t terms, size_t levels) {
    size_t steps = 0;
    for (size_t size = 0; size < sizes; size++) steps += counts[size];
    size_t row_bytes = 4 * sizes + steps * (2 * terms + levels);
    uint8_t *bytes = memory(OUTPUTS * row_bytes + CIK_AHEAD), *end = bytes;
    size_t *starts = memory(OUTPUTS * sizeof *starts);
    uint32_t *order = memory(OUTPUTS * sizeof *order);
    for (uint32_t i = 0; i < OUTPUTS; i++) {
        order[i] = i;
        starts[i] = (size_t)(end - bytes);
        memcpy(end, counts, 4 * sizes);
        end += 4 * sizes;
        for (size_t step = 0; step < steps; step++) {
            for (size_t term = 0; term < terms; term++, end += 2) {
                uint16_t offset = (uint16_t)random_offset();
                memcpy(end, &offset, sizeof offset);
            }
            fill_levels((int8_t *)end, levels);
            end += levels;
        }
    }
    return (cik_rows){
        .outputs = OUTPUTS, .blocks = 1, .block_starts = memory(sizeof(uint32_t)), .bytes = bytes,
        .starts = starts, .order = order, .offset_size = 2,
    };
}

static void make_weights(all_weights *w, size_t count) {
    for (size_t size = 0; size < CIK_STEP_SIZES; size++) {
        uint32_t counts[CIK_STEP_SIZES] = {0};
        counts[size] = (uint32_t)count;
        cik_rows rows = make_rows(counts, CIK_STEP_SIZES, 2 * cik_group(size), 2);
        w->grouped[size] = (cik_grouped_weights){
            .rows = rows, .steps_in_16_bits = count, .bound = INT16_MAX,
        };
    }
    w->sparse.rows = make_rows((const uint32_t[]){(uint32_t)count}, 1, 4, 4);
    int8_t *levels = memory(OUTPUTS * count * 4);
    fill_levels(levels, OUTPUTS * count * 4);
    uint32_t *offsets = memory(OUTPUTS * count * 4 * sizeof *offsets);
    for (size_t i = 0; i < OUTPUTS * count * 4; i++) offsets[i] = random_offset();
    w->dense = (cik_gemm_weights){count, levels, offsets};
    // Of four weights each, of which a depthwise kernel of 3x3 uses three.
    uint32_t *rows = memory(count * sizeof *rows);
    for (size_t i = 0; i < count; i++) rows[i] = (uint32_t)(i % 4 * 16);
    w->depthwise = (cik_depthwise_weights){count / 4, levels, rows, SIZE};
}

typedef struct {
    const cik_kernel_set *set;
    layer *layer;
    const all_weights *weights;
} task;

/// How a kernel is called.
#define RUN(name, kernel, kind)                                                \
    static void run_##name(task t) {                                           \
        t.set->kernel(&t.weights->kind, &t.layer->planar, 0, OUTPUTS);         \
    }
RUN(group_4, u6_s8_spmm, grouped[0])
RUN(group_2, u6_s8_spmm, grouped[1])
RUN(group_1, u6_s8_spmm, grouped[2])
RUN(sparse, u8_s8_spmm, sparse)
RUN(dense, u8_s8_gemm, dense)
RUN(depthwise, u8_s8_depthwise, depthwise)

static double nanoseconds(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/// Of a call, for each tile of each output.
static double time_of(void (*run)(task), task t) {
    double least = 1e18;
    for (int i = 0; i < RUNS; i++) {
        double start = nanoseconds(), passed;
        int calls = 0;
        do run(t), calls++, passed = nanoseconds() - start;
        while (passed < 4e6);
        if (passed / calls < least) least = passed / calls;
    }
    return least / (TILES * OUTPUTS);
}

int main(void) {
    static layer l;
    static all_weights few, many;
    set_up(&l);
    make_weights(&few, FEW);
    make_weights(&many, MANY);
    const struct { const char *name; void (*run)(task); } kinds[] = {
        {"spmm_group_step, 4", run_group_4}, {"spmm_group_step, 2", run_group_2},
        {"spmm_group_step, 1", run_group_1}, {"spmm_step", run_sparse},
        {"gemm_weight", run_dense},          {"depthwise_weight", run_depthwise},
    };
    printf("ns on a tile of %d bytes; the rest of a tile, by byte\n\n", CIK_TILE);
    for (size_t i = 0; i < cik_kernel_set_count(); i++) {
        const cik_kernel_set *set = cik_kernel_set_at(i);
        if (!set->supported()) continue;
        for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
            double less = time_of(kinds[kind].run, (task){set, &l, &few});
            double more = time_of(kinds[kind].run, (task){set, &l, &many});
            double unit = (more - less) / (MANY - FEW);
            printf(
                "%-12s %-20s %7.3f %7.3f\n", set->isa, kinds[kind].name, unit,
                (less - unit * FEW) / CIK_TILE);
            fflush(stdout);
        }
    }
    return 0;
}
