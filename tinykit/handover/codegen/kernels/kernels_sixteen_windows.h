/* Int16 kernels that slide a window over activations with zero points of 0, with int8 weights. */
#ifndef TK_KERNELS_SIXTEEN_WINDOWS_H_
#define TK_KERNELS_SIXTEEN_WINDOWS_H_

#include "kernels.h"

/* As tk_window. Where wide_bias is NULL, bias goes with sums of 32 bits. */
typedef struct {
    int32_t batches, in_rows, in_columns, in_channels;
    int32_t out_rows, out_columns, out_channels;
    int32_t tap_rows, tap_columns, tap_channels;
    int32_t stride_rows, stride_columns, dilation_rows, dilation_columns, pad_rows, pad_columns;
    int32_t low, high;
    const int8_t *weights;
    const int64_t *wide_bias;
    const int32_t *bias, *multiplier, *shift;
} tk_wide_window;

void tk_wide_conv_2d(const tk_wide_window *window, const int16_t *input, int16_t *output);
void tk_wide_depthwise_conv_2d(const tk_wide_window *window, const int16_t *input, int16_t *output);
void tk_wide_average_pool_2d(const tk_wide_window *window, const int16_t *input, int16_t *output);
void tk_wide_max_pool_2d(const tk_wide_window *window, const int16_t *input, int16_t *output);

#endif
