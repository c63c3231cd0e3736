/* Transposed convolution of int8, int16 and float32: the window slides over the output. */
#ifndef TK_KERNELS_TRANSPOSED_H_
#define TK_KERNELS_TRANSPOSED_H_

#include "kernels_float_windows.h"
#include "kernels_sixteen_windows.h"

void tk_narrow_transpose_conv(const tk_window *window, const int8_t *input, int8_t *output);
void tk_float_transpose_conv(const tk_float_window *window, const float *input, float *output);
void tk_wide_transpose_conv(const tk_wide_window *window, const int16_t *input, int16_t *output);

#endif
