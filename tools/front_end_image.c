/* What an image front end does before a network: RGB565 to grey, and a box downscale, 96 x 96 from 320 x 240. */
#include <stdint.h>

#define WIDTH 320
#define HEIGHT 240
#define SIDE 96

uint16_t colours[WIDTH];
uint8_t row[WIDTH];
uint32_t sums[SIDE];
uint16_t counts[SIDE];
int8_t out[SIDE];

/* One row of pixels, luma of ITU-R BT.601 in eighths of a byte. */
__attribute__((used)) void tk_colour(void) {
  for (int x = 0; x < WIDTH; x++) {
    const uint32_t c = colours[x], r = c >> 11, g = (c >> 5) & 63, b = c & 31;
    row[x] = (uint8_t)((r * 631 + g * 611 + b * 241) >> 8);
  }
}

/* One row of grey pixels added to the boxes they fall into. */
__attribute__((used)) void tk_pixel(void) {
  uint32_t place = 0;
  for (int x = 0; x < WIDTH; x++) {
    const uint32_t box = place >> 16;
    sums[box] += row[x];
    counts[box]++;
    place += (SIDE << 16) / WIDTH;
  }
}

/* One row of boxes to int8. */
__attribute__((used)) void tk_box(void) {
  for (int x = 0; x < SIDE; x++) {
    out[x] = (int8_t)((int32_t)(sums[x] / (counts[x] ? counts[x] : 1)) - 128);
    sums[x] = 0;
    counts[x] = 0;
  }
}
