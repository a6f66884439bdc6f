#pragma once

#include "CImages.h"

// Of `cim_decode`, for one format each. On an error `image->pixels` may be set.
cim_status cim_decode_png(const uint8_t *bytes, size_t count, size_t largest_count,
                          cim_image *image, char message[cim_message_size]);
cim_status cim_decode_jpeg(const uint8_t *bytes, size_t count, size_t largest_count,
                           cim_image *image, char message[cim_message_size]);

// Sets the image's size and takes its memory.
cim_status cim_allocate(cim_image *image, uint32_t width, uint32_t height, int channels,
                        size_t largest_count);
