// Runs the checks of all variants that this CPU, or its emulator, can run.
#include "check.h"

static int failures;
static uint64_t state = 1;

uint64_t random_bits(void) {
    uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

void *random_memory(size_t size) { return random_bytes(size, 255); }

uint8_t *random_bytes(size_t size, int highest) {
    size_t room = (size + CIK_OVERREAD + 63) / 64 * 64;
    uint8_t *bytes = aligned_alloc(64, room);
    if (!bytes) abort();
    for (size_t i = 0; i < room; i++)
        bytes[i] = (uint8_t)random_in(0, i < size ? highest : 255);
    return bytes;
}

void expect_equal(const void *expected, const void *found, size_t size, const char *format, ...) {
    if (!memcmp(expected, found, size)) return;
    failures++;
    va_list arguments;
    va_start(arguments, format);
    printf("  differs: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

static void run(
    const named_check *check, const cik_kernel_set *scalar, const cik_kernel_set *variant) {
    for (; check->name; check++) {
        int before = failures;
        check->check(scalar, variant);
        printf("%s %s: %s\n", variant->isa, check->name, failures > before ? "FAILED" : "ok");
    }
}

int main(void) {
    const cik_kernel_set *scalar = cik_kernel_set_at(0);
    for (size_t i = 1; i < cik_kernel_set_count(); i++) {
        const cik_kernel_set *variant = cik_kernel_set_at(i);
        if (!variant->supported()) {
            printf("%s: not supported here\n", variant->isa);
            continue;
        }
        run(vector_checks, scalar, variant);
        run(planar_checks, scalar, variant);
    }
    return failures > 0;
}
