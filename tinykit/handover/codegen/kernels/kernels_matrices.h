/* Products of matrices, all of them computed. */
#ifndef TK_KERNELS_MATRICES_H_
#define TK_KERNELS_MATRICES_H_

#include "kernels.h"

/* rows x depth times depth x columns for each entry of shape, a step of 0 repeating a matrix; elements of a lie inner_a
 * apart along the sum and row_a from row to row. Offsets, range and factor are those of int8. */
typedef struct {
    int32_t shape[TK_AXES], step_a[TK_AXES], step_b[TK_AXES];
    int32_t rows, depth, columns, row_a, inner_a, column_b, inner_b;
    int32_t offset_a, offset_b, out_offset, low, high, multiplier, shift;
} tk_matrices;

void tk_multiply(const tk_matrices *matrices, const int8_t *a, const int8_t *b, int8_t *output);
void tk_float_multiply(const tk_matrices *matrices, const float *a, const float *b, float *output);

#endif
