/* Copies and means: kernels that mostly move along axes. */
#include "kernels.h"

#include "fixed_point.h"

void tk_copy(const int8_t *input, int8_t *output, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        output[i] = input[i];
    }
}

/* Steps an index to the next row (all axes but the last); 0 when there is none. */
static int next_row(const int32_t shape[TK_AXES], int32_t index[TK_AXES])
{
    for (int axis = TK_AXES - 2; axis >= 0; --axis) {
        if (++index[axis] < shape[axis]) {
            return 1;
        }
        index[axis] = 0;
    }
    return 0;
}

void tk_mean(const tk_mean_axes *m, const int8_t *input, int32_t *sums, int8_t *output)
{
    const int32_t step = m->step[TK_AXES - 1];
    int32_t index[TK_AXES] = {0};
    for (int32_t i = 0; i < m->outputs; ++i) {
        sums[i] = 0;
    }
    do {
        int32_t *sum = sums;
        for (int axis = 0; axis < TK_AXES - 1; ++axis) {
            sum += index[axis] * m->step[axis];
        }
        for (int32_t i = 0; i < m->shape[TK_AXES - 1]; ++i, sum += step) {
            *sum += *input++;
        }
    } while (next_row(m->shape, index));
    for (int32_t i = 0; i < m->outputs; ++i) {
        const int32_t mean = tk_requantize(sums[i] - m->zero_sum, m->multiplier, m->shift);
        output[i] = tk_clamp(mean + m->out_offset, INT8_MIN, INT8_MAX);
    }
}
