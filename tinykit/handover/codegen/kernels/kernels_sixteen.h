/* Int16 kernels without a window. */
#ifndef TK_KERNELS_SIXTEEN_H_
#define TK_KERNELS_SIXTEEN_H_

#include "kernels.h"

/* As tk_dense, with zero points of 0. */
typedef struct {
    int32_t rows, depth, units, step, weight_offset, low, high;
    const int8_t *weights;
    const int64_t *bias;
    const int32_t *multiplier, *shift;
} tk_wide_dense;

/* As tk_pair; kind is '+', '-', '*', '<' (the lesser) or '>' (the greater). */
typedef struct {
    int32_t shape[TK_AXES], step_a[TK_AXES], step_b[TK_AXES];
    int32_t kind, offset_a, offset_b, out_offset, low, high;
    int32_t multiplier_a, shift_a, multiplier_b, shift_b, multiplier, shift;
} tk_wide_pair;

/* One factor from zero up, another below. */
typedef struct {
    int32_t count, in_offset, out_offset, low, high, multiplier, shift, slope_multiplier, slope_shift;
} tk_wide_ramp;

/* The table holds 2^16 / (1 + exp(-i / 24)) - 2^15 for i = 0 to 255. */
typedef struct {
    int32_t count, multiplier, shift;
    const int16_t *table;
} tk_wide_curve;

/* Tables of exp and 1 / (1 + x), 513 entries each. */
typedef struct {
    int32_t rows, depth, multiplier, shift;
    const int16_t *exponentials, *reciprocals;
} tk_wide_softmax_rows;

void tk_wide_fully_connected(const tk_wide_dense *dense, const int16_t *input, int16_t *output);
void tk_wide_pairs(const tk_wide_pair *pair, const int16_t *a, const int16_t *b, int16_t *output);
void tk_wide_ramps(const tk_wide_ramp *ramp, const int16_t *input, int16_t *output);
void tk_wide_mean(const tk_mean_axes *mean, const int16_t *input, int32_t *sums, int16_t *output);
void tk_wide_logistic(const tk_wide_curve *curve, const int16_t *input, int16_t *output);
void tk_wide_tanh(const tk_wide_curve *curve, const int16_t *input, int16_t *output);
void tk_wide_softmax(const tk_wide_softmax_rows *softmax, const int16_t *input, int16_t *output);

#endif
