#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "decoders.h"

typedef struct {
  const uint8_t *next;
  size_t left;
} source;

static void on_read(png_structp png, png_bytep target, size_t count) {
  source *file = png_get_io_ptr(png);
  if (count > file->left) png_error(png, "the file stops early");
  memcpy(target, file->next, count);
  file->next += count;
  file->left -= count;
}

static void on_error(png_structp png, png_const_charp text) {
  char *message = png_get_error_ptr(png);
  strncpy(message, text, cim_message_size - 1);
  message[cim_message_size - 1] = 0;
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

// Errors leave this function through longjmp.
static cim_status decode(png_structp png, png_infop info, source *file, size_t largest_count,
                         cim_image *image) {
  png_set_read_fn(png, file, on_read);
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_chunk_malloc_max(png, 1 << 23);
  png_set_chunk_cache_max(png, 1); // texts, which nobody reads, are skipped
  png_read_info(png, info);
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_strip_alpha(png);
  int passes = png_set_interlace_handling(png);
  // Rows take memory from here on: the size is checked before.
  uint32_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
  int channels = png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR ? 3 : 1;
  cim_status status = cim_allocate(image, width, height, channels, largest_count);
  if (status != cim_ok) return status;
  png_read_update_info(png, info);
  if (png_get_rowbytes(png, info) != (size_t)width * (size_t)channels)
    png_error(png, "pixels of an unknown kind");
  for (int pass = 0; pass < passes; pass++)
    for (uint32_t row = 0; row < height; row++)
      png_read_row(png, image->pixels + (size_t)row * width * (size_t)channels, NULL);
  png_read_end(png, NULL);
  return cim_ok;
}

cim_status cim_decode_png(const uint8_t *bytes, size_t count, size_t largest_count,
                          cim_image *image, char message[cim_message_size]) {
  source file = {bytes, count};
  png_structp png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, message, on_error, on_warning);
  if (!png) return cim_no_memory;
  png_infop info = png_create_info_struct(png);
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    return cim_no_memory;
  }
  // Nothing here changes between setjmp and longjmp but what `image` and `file` point to.
  cim_status status;
  if (setjmp(png_jmpbuf(png)))
    status = cim_broken;
  else
    status = decode(png, info, &file, largest_count, image);
  png_destroy_read_struct(&png, &info, NULL);
  return status;
}
