#include "shrink_support.h"

#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "shrink_engine.h"

static _Thread_local char last_error[1024];

void shrink_set_last_error(const char *text) {
    size_t length = 0;
    while (length + 1 < sizeof last_error && text[length]) {
        last_error[length] = text[length];
        length++;
    }
    // No character of UTF-8 is cut in two: its bytes behind the first begin with the bits 10.
    if (text[length]) {
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) length--;
    }
    last_error[length] = 0;
}

const char *shrink_last_error(void) { return last_error; }

void shrink_return_free_memory(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}
