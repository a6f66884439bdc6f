/// The C interface of the engine: opens a .shrink file and runs it.
///
///     shrink_model *model;
///     if (shrink_open_file("digits.shrink", NULL, &model) != SHRINK_OK) {
///         fprintf(stderr, "%s\n", shrink_last_error());
///         return 1;
///     }
///     shrink_description about;
///     shrink_describe(model, &about);
///     float *logits = malloc(count * about.output_count * sizeof *logits);
///     shrink_run_bytes(model, pixels, count, logits);
///     shrink_close(model);
///
/// Threads: a model does not change once it is open, so any number of threads may describe and run
/// one model at the same time. Nobody may use a model while it is closed or later. Results are the
/// same bits for every number of threads and every batch size, and those of networks in integers also
/// for every instruction set.
///
/// Errors: a function that can fail returns a `shrink_status`; what went wrong is then told in words
/// by `shrink_last_error` on the same thread. Functions do not print and do not end the program, as
/// long as the memory that they need can be had.
#ifndef SHRINK_ENGINE_H
#define SHRINK_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A model that is ready to run.
typedef struct shrink_model shrink_model;

typedef enum shrink_status {
    SHRINK_OK = 0,
    /// A pointer is NULL that must not be, floats stand at an address that is no multiple of 4, or an
    /// option has a value that it can not have.
    SHRINK_INVALID_ARGUMENT = 1,
    /// The file is not there or can not be read.
    SHRINK_UNREADABLE_FILE = 2,
    /// The bytes are not those of a .shrink file, or they are damaged.
    SHRINK_INVALID_MODEL = 3,
    /// The file is sound, but its network can not be run: too large, or its numbers do not fit.
    SHRINK_UNSUPPORTED_MODEL = 4
} shrink_status;

/// How a model runs. What is 0 or NULL has its default, so `shrink_options options = {0};` is one.
typedef struct shrink_options {
    /// Threads that share the work of one call, the calling one included; 1 by default.
    uint32_t threads;
    /// `scalar`, `avx2`, `avx512vnni`, `avx512` or `neon`; by default what the environment variable
    /// SHRINK_ISA names, or else the fastest that this CPU can run.
    const char *isa;
} shrink_options;

/// What a model reads and returns. Pointers stay valid until the model is closed.
typedef struct shrink_description {
    /// The network's name in UTF-8.
    const char *name;
    /// The shape of a sample: `[channels, height, width]`, or `[features]`.
    size_t rank;
    const size_t *shape;
    /// The values of a sample, the product of `shape`.
    size_t input_count;
    /// The logits of a sample.
    size_t output_count;
    /// What the network computes with is `(p * pixel_scale - mean[c]) / deviation[c]` for a raw value
    /// p of part c of a sample; the model does this by itself. `mean_count` equal parts follow each
    /// other: of `[channels, height, width]` the channels, of `[features]` each feature or all as one.
    float pixel_scale;
    size_t mean_count;
    const float *mean;
    const float *deviation;
    /// `[output_count]`, UTF-8; NULL if the file does not name its classes.
    const char *const *class_names;
    /// The instruction set that was chosen, and the threads of a call.
    const char *isa;
    uint32_t threads;
} shrink_description;

/// Opens the file at `path`. `options` may be NULL.
///
/// On success `*model` is to be closed by the caller; else it is NULL.
shrink_status shrink_open_file(
    const char *path, const shrink_options *options, shrink_model **model);

/// Opens a file that is in memory. The bytes are not needed any more when this returns.
shrink_status shrink_open_memory(
    const void *bytes, size_t length, const shrink_options *options, shrink_model **model);

shrink_status shrink_describe(const shrink_model *model, shrink_description *description);

/// Runs `count` samples of bytes `[count, channels, height, width]`, pixels as they stand in an
/// image, and writes their logits `[count, output_count]`. `count` may be 0.
shrink_status shrink_run_bytes(
    const shrink_model *model, const uint8_t *pixels, size_t count, float *logits);

/// The same for samples in floats, in the unit of the bytes: 255.0 is what a pixel of 255 is.
shrink_status shrink_run_floats(
    const shrink_model *model, const float *samples, size_t count, float *logits);

/// Closes a model; NULL is allowed.
void shrink_close(shrink_model *model);

/// Why the last function on this thread that failed did so, in English and UTF-8; empty if none
/// did. Valid until a function fails on this thread again.
const char *shrink_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
