/// Integer kernels of the engine, with the variant chosen for this CPU.
///
/// Terms used throughout
///   byte      an activation as the kernels see it: code - lowest, 0...255, whatever its sign was
///   position  one place of a plane `[height, width]`; fully connected layers have one position
///   lanes     how many samples lie side by side at each position: 1, or CIK_TILE for a batch
///   values    bytes `[channels, height, width, lanes]`, row-major; rows and channels may lie further
///             apart where a stride is given
///
/// Memory every kernel may rely on
///   - Packed weights start at a multiple of 64 bytes.
///   - Activations may be read (never written) up to CIK_OVERREAD bytes behind their end. What
///     stands there changes no result that is used. `u8_s8_depthwise_direct` reads in front of
///     them, too.
///   - Rows of accumulators are written in whole tiles of CIK_TILE, so they are that much longer.
/// Kernels trust their arguments: the planner has checked every size and offset.
///
/// Every result is an integer and is equal on every CPU and in every variant.
#ifndef CINTEGERKERNELS_H
#define CINTEGERKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /// Outputs in a slice of the `spmv` layout: one 32-bit lane of an accumulator each.
    CIK_ROWS = 16,
    /// So many bytes ahead of a row of sparse weights for planes, and of each of its large steps,
    /// the weights are asked for. Layers whose weights come from the third cache took 1.04 to 1.1
    /// times as long without (Zen 4).
    CIK_AHEAD = 768,
    /// Slots in a step of the `spmv` layout: four for each row.
    CIK_SLOTS = 64,
    /// Inputs by which the `spmv` layout counts when its window moves.
    CIK_ADVANCE = 16,
    /// Bytes of a pair of steps in the `spmv` layout: with 4-bit codes, with int8 levels.
    CIK_CODE_PAIR = 192,
    CIK_LEVEL_PAIR = 256,
    /// Positions (times lanes) that the planar kernels compute together.
    CIK_TILE = 64,
    /// How far behind the end of activations a kernel may read.
    CIK_OVERREAD = 320,
    /// How far in front of activations a kernel may read; what stands there changes nothing,
    /// either.
    CIK_UNDERREAD = 128,
    /// Sizes of steps in `cik_grouped_weights`.
    CIK_STEP_SIZES = 3,
    /// The most runs of `cik_direct_weights`.
    CIK_DIRECT_RUNS = 16,
};

/// Sparse weights for one vector of activations: slices of 16 outputs, each a run of steps.
///
/// A step multiplies 64 slots, four for each output of the slice, with inputs from a window that
/// only moves ahead. An output may lie behind the others or ahead of them by as much as the window
/// holds, so few slots stay empty: at random positions, windows of 256 fill 81 % of the slots at a
/// density of 4 %, 92 % at 9 %, 97 % at 25 %; windows of 64 fill 48 %, 71 %, 89 %. (Windows that do
/// not overlap, 256 wide, fill 58 %, 70 %, 82 %.) Outputs are sorted by their number of nonzeros,
/// so that those of a slice end together.
///
/// Steps are stored in pairs:
///
///     columns of the first step    | r0: c c c c | r1: c c c c | ... | r15: c c c c |    64 bytes
///     columns of the second step   in the same order, inside the window                  64 bytes
///     weights                      4-bit codes: of the first step's slot i in the low half of byte
///                                  i, of the second step's in the high half;             64 bytes
///                                  or int8 levels, first step, second step              128 bytes
///
/// A slot that nothing fills has column 0 and a weight (a code) of 0; `levels[0]` is 0.
typedef struct {
    /// Slices of 16 outputs; the last may hold empty rows.
    size_t slices;
    /// Inputs that a step sees: 64, 128 or 256.
    size_t window;
    /// `[slices + 1]`: pairs of steps in front of each slice.
    const uint32_t *first_pair;
    /// `[pairs, 2]`: by how many times 16 inputs the window moves ahead before the step. At the
    /// start of a slice it begins at input 0.
    const uint8_t *advances;
    /// `[pairs, CIK_CODE_PAIR]` or `[pairs, CIK_LEVEL_PAIR]`
    const uint8_t *pairs;
    /// `[slices, 16]`: the output of each row. Empty rows have those from `outputs` on.
    const uint32_t *outputs;
    /// Whether those are 0, 1, 2, ...
    bool in_order;
    /// `[16]`: what a 4-bit code stands for.
    const int8_t *levels;
    /// Whether those are 0...7, -8...-1: codes are numbers in two's complement.
    bool codes_are_levels;
    /// The largest byte of an activation: sums of 16 bits hold the products of small ones.
    int32_t highest;
} cik_spmv_weights;

/// Dense weights for one vector of activations: `[outputs, stride]`, row-major; `stride` is the
/// number of inputs rounded up to a multiple of 64, the columns in between are 0.
typedef struct {
    size_t outputs;
    size_t stride;
    const int8_t *weights;
    /// The largest byte of an activation.
    int32_t highest;
} cik_gemv_weights;

/// Rows of sparse weights for planes: what is read lies one behind the other in one stream, nothing
/// between, unaligned: block by block the rows of its outputs, those of a group of channels
/// together.
///
/// The channels may be cut into blocks, whose planes stay in the first cache while all outputs read
/// them, or whose offsets fit 16 bits. A row is the numbers of its steps and then the steps, each
/// offsets and then levels. An offset counts positions from the start of the block, in units of
/// `1 << shift`; a level is 0 where nothing fills it.
typedef struct {
    size_t outputs;
    size_t blocks;
    /// `[blocks]`: positions from the first plane of a group of channels to that of the block.
    const uint32_t *block_starts;
    /// CIK_AHEAD more of them belong to the same memory: nobody reads those, but they have an
    /// address.
    const uint8_t *bytes;
    /// `[blocks, outputs]`: where each row starts, in bytes.
    const size_t *starts;
    /// `[outputs]`: whose rows they are, the same ones in each block. Where rows of the same
    /// numbers of steps follow each other, processors foresee the ends of loops.
    const uint32_t *order;
    /// Of an offset: 2 or 4.
    size_t offset_size;
    int32_t shift;
} cik_rows;

/// Sparse weights for planes of small bytes: terms in groups of one level, two groups a step.
///
///     acc[output][p] = sum over steps of levels[0] * (x[o + p] + ..., the terms of the first group)
///                                      + levels[1] * (x[o + p] + ..., of the second)
///
/// with `o` times lanes. Groups have 4 terms; what is left over makes groups of 2, and what is left
/// of that groups of 1. A group is added in bytes and multiplied once, so bytes are at most 63; and
/// no product of a step, `4 * highest * (|levels[0]| + |levels[1]|)`, exceeds 32767. There is more
/// than one block only if `bound` fits 16 bits, or to make offsets fit them.
///
///     uint32_t counts[CIK_STEP_SIZES]     of the row's steps of each size
///     steps with groups of `cik_group(0)` terms, of `cik_group(1)`, ..., each
///         offsets [2, group], int8_t levels[2]
typedef struct {
    cik_rows rows;
    /// So many steps of any size never leave 16 bits, at least 1.
    size_t steps_in_16_bits;
    /// The largest magnitude of an accumulator. Up to 32767 a variant may add modulo 2^16, even if
    /// partial sums are larger.
    int32_t bound;
} cik_grouped_weights;

/// Terms of a group in the steps of one size: 4, 2 or 1.
static inline size_t cik_group(size_t size) { return (size_t)4 >> size; }

/// Bytes of a step of one size.
static inline size_t cik_step_bytes(size_t size, size_t offset_size) {
    return 2 * cik_group(size) * offset_size + 2;
}

/// Sparse weights for planes of any bytes: terms four by four, in any order.
///
///     acc[output][p] = sum over steps of levels[0] * x[o0 + p] + ... + levels[3] * x[o3 + p]
///
///     uint32_t count                      of the row's steps, each
///         offsets [4], int8_t levels[4]
typedef struct { cik_rows rows; } cik_spmm_weights;

/// Bytes of a step of those.
static inline size_t cik_quad_bytes(size_t offset_size) { return 4 * offset_size + 4; }

/// Dense weights for planes of activations: `[outputs, stride]`, row-major; `stride` is the number
/// of terms rounded up to a multiple of 4, weights in between are 0 and their offset is 0.
typedef struct {
    size_t stride;
    const int8_t *weights;
    /// `[stride]`: positions from the start of the first plane, the same for every output.
    const uint32_t *offsets;
} cik_gemm_weights;

/// Dense weights of a depthwise convolution: output `o` reads the planes of channel `o` alone, four
/// consecutive positions at a time.
///
///     acc[o][p] = sum over runs, i = 0...3 of
///                     w[o][run][i] * x[o * plane_stride + offsets[run] + i + p]
typedef struct {
    size_t runs;
    /// `[outputs, runs, 4]`, zeros where a run is shorter.
    const int8_t *weights;
    /// `[runs]`: positions from the start of a channel's planes.
    const uint32_t *offsets;
    /// Positions of a channel.
    size_t plane_stride;
} cik_depthwise_weights;

/// From where a tile takes the bytes of one run.
typedef struct {
    /// Which of the orders.
    uint32_t order;
    /// Positions from the start of the channel: of the tile, or, with stride 2, of each quarter of
    /// it. What is read from -CIK_UNDERREAD on is in memory.
    int32_t starts[4];
} cik_reach;

/// As `cik_depthwise_weights`, each run of one row, but reading the values as they stand, of one
/// lane: what lies outside the plane is filled in on the way.
///
///     acc[o][tile][p] = sum over runs, i = 0...3 of w[o][run][i] * byte(o, tile, run, p, i)
///
/// The bytes of a tile and a run are sorted part by part, and in those by quarters `q` of 16 bytes:
/// with stride 1, part `k` has places 16 * q + 4 * k + 0...3 of the tile, four bytes each, among
/// the 16 bytes from `starts[0] + 16 * q` on (part 3: four bytes further); with stride 2, places
/// 16 * h + 8 * (q % 2) + 4 * (k % 2) + 0...3 of quarter `h = k / 2 * 2 + q / 2` of the tile, among
/// the 16 bytes from `starts[h] + 16 * (q % 2) + 8 * (k % 2)` on.
typedef struct {
    /// At most CIK_DIRECT_RUNS.
    size_t runs;
    /// `[outputs, runs, 4]`, zeros where a run is shorter.
    const int8_t *weights;
    /// From one place of the output to the next, in a row: 1 or 2.
    int32_t stride;
    /// `[tiles, runs]`
    const cik_reach *reaches;
    /// `[orders, 4, 64]`: of each byte of a part, which of the 16 it is; 128 if it is `fill`.
    const uint8_t *orders;
    /// Positions of a channel.
    size_t plane_stride;
    uint8_t fill;
} cik_direct_weights;

/// How accumulators become bytes; multiplier and constant belong to the output.
typedef struct {
    /// 1...62
    int32_t shift;
    /// The smallest and the largest byte, 0...255.
    int32_t low, high;
} cik_rounding;

/// The rounding rule of the engine: `clamp((sum + half) >> shift)`, `half = 1 << (shift - 1)`.
///
/// It rounds to nearest, ties up. The planner keeps the sum below 2^63 in magnitude. `>>` of a
/// negative number is arithmetic in every compiler that this package builds with.
static inline int32_t cik_requantize_sum(int64_t sum, cik_rounding rounding) {
    int64_t half = (int64_t)1 << (rounding.shift - 1);
    int64_t value = (sum + half) >> rounding.shift;
    if (value < rounding.low) return rounding.low;
    return (int32_t)(value > rounding.high ? rounding.high : value);
}

/// The rounding rule for an accumulator: the sum is `acc * M + B`.
static inline int32_t cik_requantize(
    int32_t accumulator, int32_t multiplier, int64_t constant, cik_rounding rounding) {
    return cik_requantize_sum((int64_t)accumulator * multiplier + constant, rounding);
}

/// A rule in 16 bits, which x86 and Arm have one instruction for:
///
///     (((acc + addend) * multiplier + (1 << 14) >> 15) + constant) >> shift
///
/// is, cut to the range, what the exact rule gives, for every accumulator. `acc + addend` fits 16
/// bits; the sum with the constant is cut to them. A multiplier of 0: the output has no such rule.
/// In 32 bits it is
///
///     (acc * multiplier + sum) >> (15 + shift)
///
/// Numbers stand there twice: a load spreads 32 bits over a register, 16 bits need a shuffle as
/// well (4 cycles a tile of a depthwise layer).
typedef struct {
    int16_t addend[2], multiplier[2], constant[2];
    int32_t sum, shift;
} cik_narrow_rule;

/// A number twice, as 32 bits.
static inline int32_t cik_both(const int16_t number[2]) {
    return (int32_t)((uint32_t)(uint16_t)number[1] << 16 | (uint16_t)number[0]);
}

/// What follows the accumulators of a layer: the rule of each output.
typedef struct {
    /// `[outputs]`
    const int32_t *multipliers;
    const int64_t *constants;
    /// `[outputs, 4]`, for 16 bits: m1 and m0 (below), each in the lower half, and the bits of
    /// `B + half` from 16 on and below 16.
    const int32_t *halves;
    cik_rounding rounding;
    /// Bits that the rule can be computed in, for every accumulator of every output:
    ///   16    accumulators, and sums of any of their products, fit 16 bits; both parts of
    ///         `M = m1 << 16 | m0` (m0 signed) do; `|B + half| < 2^46`; and shift >= 16
    ///   32    `(acc * M + B + half) >> shift` fits 32 bits
    ///   64    always
    int32_t bits;
    /// `[outputs]`, for 16 bits, or NULL; and whether nearly all outputs have one, which NULL has
    /// not.
    const cik_narrow_rule *narrow;
    bool most_are_narrow;
    /// `[outputs]` each, for 32 bits (and for 16 where a layer reads its whole input), or NULL: the
    /// floor of `acc * m + c`, rounded once, is, cut to the range, what the rule gives, for every
    /// accumulator. An output with a multiplier of 0 has no such rule.
    const float *float_multipliers, *float_constants;
} cik_epilogue;

/// Bytes that are added to those of a layer before anybody reads them, as in residual networks:
///
///     (own * multipliers[0] + other * multipliers[1] + constant) >> shift, cut to low...high
///
/// The sum fits 32 bits.
typedef struct {
    /// From a byte of the result to the one that is added; both are in the memory of one run.
    ptrdiff_t distance;
    int16_t multipliers[2];
    int32_t constant, shift;
    /// 0...255
    int32_t low, high;
    /// `[16, 16]`: the result for each own byte and each that is added; NULL if one may exceed 15.
    const uint8_t *table;
} cik_residual;

/// What a layer over planes reads and writes, all outputs and positions of it.
///
/// Positions of the input count on from row to row, borders included; those of them that are no
/// places of the output are computed for nothing, and left out or made border.
typedef struct {
    /// The first plane.
    const uint8_t *x;
    /// 1 or CIK_TILE.
    size_t lanes;
    /// Bytes (positions times lanes) from the first to the last place of an output.
    size_t length;
    /// `[length / 64]`, rounded up: bit `i % 64` of element `i / 64` tells if byte `i` is kept.
    const uint64_t *kept;
    /// NULL: write accumulators instead of bytes.
    const cik_epilogue *epilogue;
    /// NULL: add nothing to the bytes.
    const cik_residual *residual;
    /// `[outputs, y_stride]`: the kept bytes of each output, one behind the other; or, with a
    /// border, whole tiles as they were computed, `fill` in the place of what is not kept.
    /// `depthwise_direct` makes no border.
    uint8_t *y;
    size_t y_stride;
    bool has_border;
    uint8_t fill;
    /// `[outputs, acc_stride]`: sums of all positions, kept or not, in whole tiles of CIK_TILE;
    /// those from `length` on are of no use.
    int32_t *acc;
    size_t acc_stride;
    /// Tiles that a sparse kernel with AVX-512 computes for one output before it turns to the next,
    /// at least 1. Others have registers for two, or keep sums in memory.
    size_t band;
    /// At a multiple of 64: room for a tile of the input that `gemm` sorts, CIK_TILE times the
    /// stride of its weights; or for the sums of all outputs between blocks of sparse weights,
    /// `8 * CIK_TILE` bytes each.
    uint8_t *scratch;
} cik_planar;

/// How a convolution wants its input: a border of `fill`, and one plane for each phase of the
/// stride, so that every tap of the kernel is a fixed offset.
///
/// Place (y, x) of the bordered plane of channel c is found at
///
///     [c][y % stride_height][x % stride_width][y / stride_height][x / stride_width]
///
/// with sizes `[channels, phases_height, phases_width, plane_height, plane_width, lanes]`, but
/// `plane_stride` positions from one plane to the next; those in between are filled.
typedef struct {
    size_t channels, height, width;
    /// Positions of the input from one row to the next and from one channel to the next.
    size_t row_stride, channel_stride;
    /// Above and to the left; what the planes have more than that and the input lies below and to
    /// the right.
    size_t padding_height, padding_width;
    size_t stride_height, stride_width;
    /// The first so many phases are made, at most the stride.
    size_t phases_height, phases_width;
    /// At least `(padding_height + height) / stride_height`, rounded up; the width alike. More are
    /// filled.
    size_t plane_height, plane_width;
    size_t plane_stride;
    uint8_t fill;
} cik_planes;

/// Windows of a pooling: window (i, j) begins at `(i * stride_height - padding_height, j *
/// stride_width - padding_width)`; each has a part inside the plane.
typedef struct {
    size_t channels, height, width;
    size_t kernel_height, kernel_width;
    size_t stride_height, stride_width;
    size_t padding_height, padding_width;
    size_t output_height, output_width;
    /// Positions from one row to the next and from one channel to the next, of input and output.
    size_t row_stride, channel_stride, output_row_stride, output_channel_stride;
} cik_pooling;

/// How the sum of a window's bytes becomes a byte: `sum * multiplier + constant`, rounded.
typedef struct {
    cik_pooling windows;
    /// The byte of places outside the plane.
    uint8_t fill;
    int32_t multiplier;
    int64_t constant;
    cik_rounding rounding;
} cik_averaging;

/// How bytes are added: `sum of x[term] * multipliers[term] + constant`, rounded.
typedef struct {
    size_t terms;
    const int32_t *multipliers;
    int64_t constant;
    cik_rounding rounding;
} cik_addition;

/// How bytes are multiplied: `a * b * both + a * first + b * second + constant`, rounded.
typedef struct {
    /// Bytes of `a` are `[channels, area, lanes]`, of `b` as many or `[channels, lanes]`.
    size_t channels, area;
    bool one_per_channel;
    int64_t both, first, second, constant;
    cik_rounding rounding;
    /// The largest byte of `a`.
    int32_t highest;
} cik_multiplication;

/// How pixels become bytes: one table of 256 a channel; a channel has `area` pixels.
typedef struct {
    size_t channels, area;
    /// `[channels, 256]`
    const uint8_t *tables;
} cik_encoding;

/// How raw samples in floats become bytes: what `code - lowest` is of a quantizer's
///
///     code = clamp(round(((sample * pixel_scale - mean) / deviation - offset) / scale))
///
/// with one rounding an operation, ties to even at the end, and 0 for a real value that is not a
/// number.
typedef struct {
    /// Parts with a mean and a deviation of their own, and the samples of each.
    size_t channels, area;
    float pixel_scale;
    /// `[channels]` each
    const float *means, *deviations;
    float offset, scale;
    /// Codes.
    float lowest, highest;
} cik_float_encoding;

/// What the kernels of a variant cost, in nanoseconds, measured once on one core; those of NEON are
/// estimated. `make bench-costs` measures those over planes but for `direct_weight`, `spmm_block`
/// and `spmm_far`, which whole networks gave. Only the ratios matter: the planner takes the
/// cheapest kernel by
///
///     slots * spmv_slot, weights * gemv_weight                                    one sample
///     sum over sizes of steps * spmm_group_step * spmm_far + further * spmm_block,
///     steps * spmm_step * spmm_far + further * spmm_block, weights * gemm_weight      planes
typedef struct {
    /// A slot of `spmv` in windows of 64, of 128 and of 256 inputs, weights in the second cache.
    double spmv_slot_64, spmv_slot_128, spmv_slot_256;
    /// A weight of `gemv`.
    double gemv_weight;
    /// On a tile of 64 bytes: a step of `u6_s8_spmm`, of each size (groups of two are estimated
    /// from their neighbours for `avx512`), a step of `u8_s8_spmm`, a weight of `gemm` or of
    /// `depthwise`; of `depthwise_direct`, which needs no copy of its input, in rows of up to
    /// four.
    double spmm_group_step[CIK_STEP_SIZES], spmm_step, gemm_weight, depthwise_weight, direct_weight;
    /// One more block of a sparse kernel for an output; and how many times as long steps take that
    /// read from the second cache.
    double spmm_block, spmm_far;
    /// A byte requantized, by whichever kernel makes it.
    double requantize;
} cik_costs;

/// All kernels of one variant. A variant without a kernel of its own has the scalar one in that
/// place.
typedef struct {
    /// `scalar`, `avx2`, `avx512vnni`, `avx512`, `neon`: the word of SHRINK_ISA.
    const char *isa;
    /// Whether this CPU can run the variant.
    bool (*supported)(void);
    cik_costs costs;
    /// Those on a Zen 4; NULL if they are no others.
    const cik_costs *zen4_costs;

    /// acc `[weights->slices * 16]`, of which those of `slices` slices from `first` on are written:
    /// weights (4-bit codes) times x `[inputs]`. Several threads may share the slices.
    void (*u8_c4_spmv)(
        const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x,
        int32_t *acc);
    /// As `u8_c4_spmv`, of weights as int8 levels.
    void (*u8_s8_spmv)(
        const cik_spmv_weights *weights, size_t first, size_t slices, const uint8_t *x,
        int32_t *acc);
    /// acc `[weights->outputs]`, of which `outputs` from `first` on are written: weights times x
    /// `[stride]`
    void (*u8_s8_gemv)(
        const cik_gemv_weights *weights, size_t first, size_t outputs, const uint8_t *x,
        int32_t *acc);

    /// The outputs of `count` rows from `first` on: sparse weights times planes of bytes up to 63.
    void (*u6_s8_spmm)(
        const cik_grouped_weights *weights, const cik_planar *planar, size_t first, size_t count);
    /// The same with any bytes.
    void (*u8_s8_spmm)(
        const cik_spmm_weights *weights, const cik_planar *planar, size_t first, size_t count);
    /// `count` outputs from `first` on: dense weights times planes of any bytes.
    void (*u8_s8_gemm)(
        const cik_gemm_weights *weights, const cik_planar *planar, size_t first, size_t count);
    /// The same with dense weights and one channel an output.
    void (*u8_s8_depthwise)(
        const cik_depthwise_weights *weights, const cik_planar *planar, size_t first, size_t count);
    /// The same from the values as they stand, in one lane, with an epilogue. A tile's places of
    /// the output are those that `kept` has.
    void (*u8_s8_depthwise_direct)(
        const cik_direct_weights *weights, const cik_planar *planar, size_t first, size_t count);

    /// y `[count]`: one accumulator of each of `count` outputs.
    void (*s32_requantize_each)(
        const int32_t *acc, size_t count, const int32_t *multipliers, const int64_t *constants,
        cik_rounding rounding, uint8_t *y);
    /// The same by the rule in floats of `cik_epilogue`: the floor of `acc * m + c`, rounded once,
    /// cut to the range of `rounding`. NULL where a variant has none.
    void (*s32_requantize_floats)(
        const int32_t *acc, size_t count, const float *multipliers, const float *constants,
        cik_rounding rounding, uint8_t *y);

    /// y: values of `cik_planes`, from x, which lies as its strides say
    void (*u8_planes)(const cik_planes *planes, const uint8_t *x, size_t lanes, uint8_t *y);
    /// y: output_height rows of output_width places of each channel
    void (*u8_max_pooling)(
        const cik_pooling *pooling, const uint8_t *x, size_t lanes, uint8_t *y);
    /// As `u8_max_pooling`.
    void (*u8_average_pooling)(
        const cik_averaging *averaging, const uint8_t *x, size_t lanes, uint8_t *y);
    /// y `[count]` from `terms` inputs x `[terms][count]`
    void (*u8_add)(
        const cik_addition *addition, const uint8_t *const *x, size_t count, uint8_t *y);
    /// y `[channels, area, lanes]`
    void (*u8_multiply)(
        const cik_multiplication *multiplication, const uint8_t *a, const uint8_t *b, size_t lanes,
        uint8_t *y);
    /// y `[count]`: `table[x]`, of a table of 256.
    void (*u8_lookup)(const uint8_t *table, const uint8_t *x, size_t count, uint8_t *y);
    /// y `[channels / groups, groups, size]` from x `[groups, channels / groups, size]`; `size`
    /// counts the bytes of a channel in all lanes.
    void (*u8_channel_shuffle)(
        size_t groups, size_t channels, size_t size, const uint8_t *x, uint8_t *y);
    /// y `[channels * area, lanes]` from pixels `[count, channels * area]`; lanes from `count` on
    /// become 0.
    void (*u8_encode)(
        const cik_encoding *encoding, const uint8_t *pixels, size_t count, size_t lanes,
        uint8_t *y);
    /// The same from raw samples `[count, channels * area]`.
    void (*f32_encode)(
        const cik_float_encoding *encoding, const float *samples, size_t count, size_t lanes,
        uint8_t *y);
} cik_kernel_set;

/// How many variants this program holds, whether or not this CPU runs them.
size_t cik_kernel_set_count(void);

/// What the kernels of a variant cost on this CPU.
const cik_costs *cik_costs_here(const cik_kernel_set *set);

/// Variant `index`; 0 is `scalar`, which is complete and the reference. Faster ones come later.
const cik_kernel_set *cik_kernel_set_at(size_t index);

#endif
