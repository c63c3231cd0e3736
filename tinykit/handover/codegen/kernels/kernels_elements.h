/* More int8 kernels: what each takes. */
#ifndef TK_KERNELS_ELEMENTS_H_
#define TK_KERNELS_ELEMENTS_H_

#include "kernels.h"

/* The position of the largest or smallest along the middle of three axes. */
typedef struct {
    int32_t outer, count, inner;
} tk_search;

typedef struct {
    int32_t rows, depth, in_offset;
} tk_rows;

/* Of each row and column of the output: the two of the input it lies between, and how far behind the first, in 1/1024. */
typedef struct {
    int32_t batches, in_rows, in_columns, out_rows, out_columns, channels;
    const int32_t *row, *next_row, *row_part, *column, *next_column, *column_part;
} tk_resizing;

void tk_sub(const tk_pair *pair, const int8_t *a, const int8_t *b, int8_t *output);
void tk_squared_difference(const tk_pair *pair, const int8_t *a, const int8_t *b, int8_t *output);
void tk_prelu(const tk_pair *pair, const int8_t *a, const int8_t *b, int8_t *output);
void tk_compare(const tk_pair *pair, const int8_t *a, const int8_t *b, uint8_t *output);
void tk_maximum(const tk_pair *pair, const int8_t *a, const int8_t *b, int8_t *output);
void tk_minimum(const tk_pair *pair, const int8_t *a, const int8_t *b, int8_t *output);
void tk_reduce_max(const tk_mean_axes *axes, const int8_t *input, int8_t *output);
void tk_reduce_min(const tk_mean_axes *axes, const int8_t *input, int8_t *output);
void tk_arg_max(const tk_search *search, const int8_t *input, int32_t *output);
void tk_arg_min(const tk_search *search, const int8_t *input, int32_t *output);
void tk_arg_max_float(const tk_search *search, const float *input, int32_t *output);
void tk_arg_min_float(const tk_search *search, const float *input, int32_t *output);
void tk_normalize(const tk_rows *rows, const int8_t *input, int8_t *output);
void tk_resize_bilinear(const tk_resizing *resizing, const int8_t *input, int8_t *output);

#endif
