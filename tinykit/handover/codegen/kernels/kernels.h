/* Portable int8 kernels: what each takes. Tensors are dense, batch first, channels last; ranges are checked by the exporter. */
#ifndef TK_KERNELS_H_
#define TK_KERNELS_H_

#include <stdint.h>

#define TK_AXES 6

/* A window that slides over rows and columns: convolution, depthwise convolution, pools. */
typedef struct {
    int32_t batches, in_rows, in_columns, in_channels;
    int32_t out_rows, out_columns, out_channels;
    int32_t tap_rows, tap_columns, tap_channels;
    int32_t stride_rows, stride_columns, dilation_rows, dilation_columns, pad_rows, pad_columns;
    int32_t in_offset, out_offset, low, high;
    const int8_t *weights;
    const int32_t *bias, *multiplier, *shift;
} tk_window;

/* rows x depth times units x depth; step is 1 where multiplier and shift go by unit, 0 where one serves all. */
typedef struct {
    int32_t rows, depth, units, step;
    int32_t in_offset, weight_offset, out_offset, low, high;
    const int8_t *weights;
    const int32_t *bias, *multiplier, *shift;
} tk_dense;

/* Two operands over one output shape; a step of 0 repeats an operand along an axis. */
typedef struct {
    int32_t shape[TK_AXES], step_a[TK_AXES], step_b[TK_AXES];
    int32_t offset_a, offset_b, out_offset, low, high;
    int32_t multiplier_a, shift_a, multiplier_b, shift_b, multiplier, shift;
} tk_pair;

/* One rescaling of every element. */
typedef struct {
    int32_t count, in_offset, out_offset, multiplier, shift;
} tk_rescale;

typedef struct {
    int32_t rows, depth, multiplier, left_shift, lowest_difference;
} tk_softmax_rows;

typedef struct {
    int32_t count, in_offset, radius, multiplier, left_shift;
} tk_logistic_curve;

/* Sums over the axes whose step is 0; multiplier and shift hold the division by their number. */
typedef struct {
    int32_t shape[TK_AXES], step[TK_AXES];
    int32_t outputs, zero_sum, out_offset, multiplier, shift;
} tk_mean_axes;

void tk_conv_2d(const tk_window *window, const int8_t *input, int8_t *output);
void tk_depthwise_conv_2d(const tk_window *window, const int8_t *input, int8_t *output);
void tk_average_pool_2d(const tk_window *window, const int8_t *input, int8_t *output);
void tk_max_pool_2d(const tk_window *window, const int8_t *input, int8_t *output);
void tk_fully_connected(const tk_dense *dense, const int8_t *input, int8_t *output);
void tk_add(const tk_pair *pair, const int8_t *a, const int8_t *b, int8_t *output);
void tk_mul(const tk_pair *pair, const int8_t *a, const int8_t *b, int8_t *output);
void tk_quantize(const tk_rescale *rescale, const int8_t *input, int8_t *output);
void tk_softmax(const tk_softmax_rows *softmax, const int8_t *input, int8_t *output);
void tk_logistic(const tk_logistic_curve *curve, const int8_t *input, int8_t *output);
void tk_copy(const int8_t *input, int8_t *output, int32_t count);
void tk_mean(const tk_mean_axes *mean, const int8_t *input, int32_t *sums, int8_t *output);

#endif
