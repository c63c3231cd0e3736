/* Fully connected: each row of the input times each row of the weights. */
#include "kernels.h"

#include "fixed_point.h"

void tk_fully_connected(const tk_dense *d, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < d->rows; ++row, input += d->depth) {
        const int8_t *weight = d->weights;
        for (int32_t unit = 0; unit < d->units; ++unit) {
            int32_t sum = d->bias[unit];
            for (int32_t index = 0; index < d->depth; ++index) {
                sum += (input[index] + d->in_offset) * (*weight++ + d->weight_offset);
            }
            sum = tk_requantize(sum, d->multiplier[unit * d->step], d->shift[unit * d->step]);
            *output++ = tk_clamp(sum + d->out_offset, d->low, d->high);
        }
    }
}
