/* Float32 kernels that slide a window: as tk_window, with weights and limits of the output in float32. */
#ifndef TK_KERNELS_FLOAT_WINDOWS_H_
#define TK_KERNELS_FLOAT_WINDOWS_H_

#include "kernels.h"

typedef struct {
    int32_t batches, in_rows, in_columns, in_channels;
    int32_t out_rows, out_columns, out_channels;
    int32_t tap_rows, tap_columns, tap_channels;
    int32_t stride_rows, stride_columns, dilation_rows, dilation_columns, pad_rows, pad_columns;
    float low, high;
    const float *weights, *bias;
} tk_float_window;

void tk_float_conv_2d(const tk_float_window *window, const float *input, float *output);
void tk_float_depthwise_conv_2d(const tk_float_window *window, const float *input, float *output);
void tk_float_average_pool_2d(const tk_float_window *window, const float *input, float *output);
void tk_float_max_pool_2d(const tk_float_window *window, const float *input, float *output);

#endif
