/* Kernels on single codes and numbers, and what they take: looking up, between integers and floats, resizing, reducing. */
#ifndef TK_KERNELS_CODES_H_
#define TK_KERNELS_CODES_H_

#include "kernels.h"

void tk_look_up(const uint8_t *table, const uint8_t *input, uint8_t *output, int32_t count);

#endif
