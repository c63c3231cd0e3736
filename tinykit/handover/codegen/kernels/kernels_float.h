/* Float32 kernels without a window. */
#ifndef TK_KERNELS_FLOAT_H_
#define TK_KERNELS_FLOAT_H_

#include "kernels.h"

/* rows x depth times units x depth. */
typedef struct {
    int32_t rows, depth, units;
    float low, high;
    const float *weights, *bias;
} tk_float_dense;

/* Two operands over one output shape; a step of 0 repeats an operand along an axis. Kind is '+', '-', '*', '/',
 * '<' (the lesser), '>' (the greater), '2' (the squared difference) or 'p' (a, times b where a is negative);
 * of a comparison '=', '!', '<', '>', 'l' (at most) or 'g' (at least). */
typedef struct {
    int32_t shape[TK_AXES], step_a[TK_AXES], step_b[TK_AXES];
    int32_t kind;
    float low, high;
} tk_float_pair;

/* x, times the slope where it is negative, between low and high. */
typedef struct {
    int32_t count;
    float slope, low, high;
} tk_float_ramp;

/* Over the axes whose step is 0: kind is '+' (sums, divided by count), '<' (the least) or '>' (the greatest). */
typedef struct {
    int32_t shape[TK_AXES], step[TK_AXES];
    int32_t outputs, kind;
    float count;
} tk_float_reduction;

/* Rows of depth values; beta is that of a softmax. */
typedef struct {
    int32_t rows, depth;
    float beta;
} tk_float_softmax_rows;

/* Steps over one output shape of a condition and of two operands, as above. */
typedef struct {
    int32_t shape[TK_AXES], step_condition[TK_AXES], step_a[TK_AXES], step_b[TK_AXES];
} tk_float_choice;

/* Of a row or column of the output: the two of the input it lies between, and how far behind the lower. */
typedef struct {
    int32_t lower, upper;
    float part;
} tk_float_place;

typedef struct {
    int32_t batches, in_rows, in_columns, out_rows, out_columns, channels;
    const tk_float_place *rows, *columns;
} tk_float_resizing;

void tk_float_fully_connected(const tk_float_dense *dense, const float *input, float *output);
void tk_float_pairs(const tk_float_pair *pair, const float *a, const float *b, float *output);
void tk_float_compare(const tk_float_pair *pair, const float *a, const float *b, uint8_t *output);
void tk_float_select(const tk_float_choice *choice, const uint8_t *condition, const float *a, const float *b,
                     float *output);
void tk_float_ramps(const tk_float_ramp *ramp, const float *input, float *output);
void tk_float_softmax(const tk_float_softmax_rows *softmax, const float *input, float *output);
void tk_float_log_softmax(const tk_float_softmax_rows *softmax, const float *input, float *output);
void tk_float_unit_length(const tk_float_softmax_rows *rows, const float *input, float *output);
void tk_float_reduce(const tk_float_reduction *reduction, const float *input, float *output);
void tk_float_resize_bilinear(const tk_float_resizing *resizing, const float *input, float *output);

/* Element by element. */
void tk_float_logistic(const float *input, float *output, int32_t count);
void tk_float_tanh(const float *input, float *output, int32_t count);
void tk_float_hard_swish(const float *input, float *output, int32_t count);
void tk_float_negate(const float *input, float *output, int32_t count);
void tk_float_absolute(const float *input, float *output, int32_t count);
void tk_float_square(const float *input, float *output, int32_t count);
void tk_float_root(const float *input, float *output, int32_t count);
void tk_float_reciprocal_root(const float *input, float *output, int32_t count);
void tk_float_exponential(const float *input, float *output, int32_t count);
void tk_float_logarithm(const float *input, float *output, int32_t count);
void tk_float_elu(const float *input, float *output, int32_t count);
void tk_float_floor(const float *input, float *output, int32_t count);
void tk_float_ceiling(const float *input, float *output, int32_t count);

#endif
