// Classifies images with a .shrink file: reads bytes [count, channels, height, width] from standard
// input and prints one class a line.
//
//     gunzip -c digits-images-idx3-ubyte.gz | tail -c +17 | ./classify digits.shrink
//
// `make lib examples` builds it.
#include <stdio.h>
#include <stdlib.h>

#include "shrink_engine.h"

/// Images that are run together.
enum { BATCH = 64 };

static int fail(void) {
    fprintf(stderr, "classify: %s\n", shrink_last_error());
    return EXIT_FAILURE;
}

/// The index of the largest of `count` logits.
static size_t largest(const float *logits, size_t count) {
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (logits[i] > logits[best]) best = i;
    }
    return best;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: classify MODEL < IMAGES\n");
        return EXIT_FAILURE;
    }
    shrink_model *model;
    shrink_options options = {.threads = 2};
    if (shrink_open_file(argv[1], &options, &model) != SHRINK_OK) return fail();

    shrink_description about;
    if (shrink_describe(model, &about) != SHRINK_OK) return fail();
    fprintf(stderr, "%s: %zu values in, %zu logits out, kernels for %s\n", about.name,
        about.input_count, about.output_count, about.isa);

    uint8_t *images = malloc(BATCH * about.input_count);
    float *logits = malloc(BATCH * about.output_count * sizeof *logits);
    if (!images || !logits) return EXIT_FAILURE;
    size_t count;
    while ((count = fread(images, about.input_count, BATCH, stdin)) > 0) {
        if (shrink_run_bytes(model, images, count, logits) != SHRINK_OK) return fail();
        for (size_t i = 0; i < count; i++) {
            size_t class = largest(logits + i * about.output_count, about.output_count);
            if (about.class_names) {
                puts(about.class_names[class]);
            } else {
                printf("%zu\n", class);
            }
        }
    }
    free(logits);
    free(images);
    shrink_close(model);
    return EXIT_SUCCESS;
}
