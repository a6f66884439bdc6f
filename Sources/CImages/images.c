#include <stdlib.h>
#include <string.h>

#include "decoders.h"

static int starts_with(const uint8_t *bytes, size_t count, const char *magic, size_t length) {
  return count >= length && memcmp(bytes, magic, length) == 0;
}

cim_status cim_decode(const uint8_t *bytes, size_t count, size_t largest_count, cim_image *image,
                      char message[cim_message_size]) {
  *image = (cim_image){0, 0, 0, NULL};
  message[0] = 0;
  cim_status status = cim_unknown_format;
  if (starts_with(bytes, count, "\x89PNG\r\n\x1a\n", 8))
    status = cim_decode_png(bytes, count, largest_count, image, message);
  else if (starts_with(bytes, count, "\xff\xd8\xff", 3))
    status = cim_decode_jpeg(bytes, count, largest_count, image, message);
  if (status != cim_ok) {
    free(image->pixels);
    image->pixels = NULL;
  }
  return status;
}

cim_status cim_allocate(cim_image *image, uint32_t width, uint32_t height, int channels,
                        size_t largest_count) {
  // Either format has less than 2^31 of each.
  image->width = (int)width;
  image->height = (int)height;
  image->channels = channels;
  uint64_t pixels = (uint64_t)width * height;
  if (pixels > largest_count) return cim_too_large;
  image->pixels = malloc((size_t)pixels * (size_t)channels);
  return image->pixels ? cim_ok : cim_no_memory;
}
