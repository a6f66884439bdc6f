#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "decoders.h"

// A progressive file of a few bytes a scan can keep a decoder busy for hours.
enum { largest_scan_count = 500 };

typedef struct {
  struct jpeg_error_mgr manager;
  jmp_buf escape;
  char *message;
} failure;

static void fail(j_common_ptr jpeg, const char *text) {
  failure *error = (failure *)jpeg->err;
  strncpy(error->message, text, cim_message_size - 1);
  error->message[cim_message_size - 1] = 0;
  longjmp(error->escape, 1);
}

static void on_error(j_common_ptr jpeg) {
  char text[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, text);
  fail(jpeg, text);
}

// What libjpeg warns of is damage that it has painted over. Bytes between two segments do no harm, and
// real files have some.
static void on_warning(j_common_ptr jpeg, int level) {
  if (level < 0 && jpeg->err->msg_code != JWRN_EXTRANEOUS_DATA) on_error(jpeg);
}

static void on_output(j_common_ptr jpeg) { (void)jpeg; }

static void on_progress(j_common_ptr jpeg) {
  if (((j_decompress_ptr)jpeg)->input_scan_number > largest_scan_count)
    fail(jpeg, "more than 500 scans");
}

// Errors leave this function through longjmp.
static cim_status decode(struct jpeg_decompress_struct *jpeg, const uint8_t *bytes, size_t count,
                         size_t largest_count, cim_image *image) {
  jpeg_mem_src(jpeg, bytes, count);
  jpeg_read_header(jpeg, TRUE);
  if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK)
    fail((j_common_ptr)jpeg, "the colours are CMYK, expected grey or RGB");
  int channels = jpeg->num_components == 1 ? 1 : 3;
  cim_status status =
      cim_allocate(image, jpeg->image_width, jpeg->image_height, channels, largest_count);
  if (status != cim_ok) return status;
  jpeg->out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg->dct_method = JDCT_ISLOW;
  jpeg_start_decompress(jpeg);
  if (jpeg->output_components != channels) fail((j_common_ptr)jpeg, "pixels of an unknown kind");
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW row = image->pixels +
                   (size_t)jpeg->output_scanline * jpeg->output_width * (size_t)channels;
    jpeg_read_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_decompress(jpeg);
  return cim_ok;
}

cim_status cim_decode_jpeg(const uint8_t *bytes, size_t count, size_t largest_count,
                           cim_image *image, char message[cim_message_size]) {
  failure error = {.message = message};
  struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
  struct jpeg_decompress_struct jpeg = {.err = jpeg_std_error(&error.manager)};
  error.manager.error_exit = on_error;
  error.manager.emit_message = on_warning;
  error.manager.output_message = on_output;
  // Nothing here changes between setjmp and longjmp but what `jpeg` and `image` hold for the library.
  if (setjmp(error.escape)) {
    jpeg_destroy_decompress(&jpeg);
    return cim_broken;
  }
  jpeg_create_decompress(&jpeg);
  jpeg.progress = &progress;
  cim_status status = decode(&jpeg, bytes, count, largest_count, image);
  jpeg_destroy_decompress(&jpeg);
  return status;
}
