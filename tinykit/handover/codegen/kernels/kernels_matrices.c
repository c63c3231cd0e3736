/* Products of matrices. */
#include "kernels_matrices.h"

#include "floats.h"
#include "fixed_point.h"

static int8_t multiply_one(const tk_matrices *m, const int8_t *a, const int8_t *b)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < m->depth; ++i) {
        sum += (a[i * m->inner_a] + m->offset_a) * (b[i * m->inner_b] + m->offset_b);
    }
    return tk_clamp(tk_requantize(sum, m->multiplier, m->shift) + m->out_offset, m->low, m->high);
}

static float float_multiply_one(const tk_matrices *m, const float *a, const float *b)
{
    float sum = 0.0f;
    for (int32_t i = 0; i < m->depth; ++i) {
        sum += a[i * m->inner_a] * b[i * m->inner_b];
    }
    return sum;
}

#define MULTIPLY(name, type, one)                                                                 \
    void name(const tk_matrices *m, const type *a, const type *b, type *output)                   \
    {                                                                                             \
        int32_t index[TK_AXES] = {0};                                                             \
        for (int axis = 0; axis >= 0;) {                                                          \
            int32_t start_a = 0;                                                                  \
            int32_t start_b = 0;                                                                  \
            for (axis = 0; axis < TK_AXES; ++axis) {                                              \
                start_a += index[axis] * m->step_a[axis];                                         \
                start_b += index[axis] * m->step_b[axis];                                         \
            }                                                                                     \
            for (int32_t row = 0; row < m->rows; ++row) {                                         \
                for (int32_t column = 0; column < m->columns; ++column) {                         \
                    *output++ = one(m, a + start_a + row * m->row_a, b + start_b + column * m->column_b); \
                }                                                                                 \
            }                                                                                     \
            for (axis = TK_AXES - 1; axis >= 0 && ++index[axis] == m->shape[axis]; --axis) {      \
                index[axis] = 0;                                                                  \
            }                                                                                     \
        }                                                                                         \
    }

MULTIPLY(tk_multiply, int8_t, multiply_one)
MULTIPLY(tk_float_multiply, float, float_multiply_one)
