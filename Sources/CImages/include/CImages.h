// Decodes PNG and JPEG files by libpng and libjpeg.
//
// Both libraries report errors by leaving the function that was called, through longjmp or exit. Here an
// error is a status and a text, and nothing is left allocated.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Pixels as [height, width, channels]; 1 channel is grey, 3 are red, green and blue.
typedef struct {
  int width, height, channels;
  // From malloc; the caller frees it.
  uint8_t *pixels;
} cim_image;

typedef enum {
  cim_ok,
  // Begins neither as a PNG nor as a JPEG file.
  cim_unknown_format,
  // More than the allowed number of pixels; `image` has width and height.
  cim_too_large,
  cim_no_memory,
  // Damaged, or of a kind that is not read; the message says more.
  cim_broken,
} cim_status;

enum { cim_message_size = 256 };

// Decodes a file of `count` bytes to 8 bits a channel.
//
// PNG: 16 bits are scaled to 8, palettes become colours, 1 to 4 bits of grey are spread over 0...255.
// Transparency is dropped and colours are kept as the file has them; gamma and colour profiles are
// ignored. JPEG: grey and colour, any subsampling, progressive or not. A damaged file is an error even
// where a viewer would show some of it.
//
// Memory is taken once the header has said that there are at most `largest_count` pixels (below 2^31).
cim_status cim_decode(const uint8_t *bytes, size_t count, size_t largest_count, cim_image *image,
                      char message[cim_message_size]);
