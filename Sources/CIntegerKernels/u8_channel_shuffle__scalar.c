// Channels of all groups in turn.
#include "kernels.h"

#include <string.h>

void u8_channel_shuffle__scalar(
    size_t groups, size_t channels, size_t size, const uint8_t *x, uint8_t *y) {
    size_t members = channels / groups;
    for (size_t member = 0; member < members; member++)
        for (size_t group = 0; group < groups; group++, y += size)
            memcpy(y, x + (group * members + member) * size, size);
}
