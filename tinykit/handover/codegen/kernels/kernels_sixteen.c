/* Int16 operators without a window: fully connected, pairs, means, curves. */
#include "kernels_sixteen.h"

#include "sixteen.h"

#define ADD_LEFT_SHIFT 15

void tk_wide_fully_connected(const tk_wide_dense *d, const int16_t *input, int16_t *output)
{
    for (int32_t row = 0; row < d->rows; ++row, input += d->depth) {
        const int8_t *weight = d->weights;
        for (int32_t unit = 0; unit < d->units; ++unit) {
            int64_t sum = d->bias[unit];
            for (int32_t index = 0; index < d->depth; ++index) {
                sum += input[index] * (*weight++ + d->weight_offset);
            }
            const int32_t value = tk_requantize_wide(sum, d->multiplier[unit * d->step], d->shift[unit * d->step]);
            *output++ = tk_clamp_wide(value, d->low, d->high);
        }
    }
}

static int32_t scale_for_sum(int32_t value, int32_t multiplier, int32_t exponent)
{
    return tk_divide_by_power(tk_high_multiply(value * (1 << ADD_LEFT_SHIFT), multiplier), exponent);
}

static int32_t combine(const tk_wide_pair *p, int32_t a, int32_t b)
{
    a += p->offset_a;
    b += p->offset_b;
    switch (p->kind) {
    case '*':
        return tk_requantize(a * b, p->multiplier, p->shift);
    case '>':
        return a > b ? a : b;
    case '<':
        return a < b ? a : b;
    default:
        a = scale_for_sum(a, p->multiplier_a, p->shift_a);
        b = scale_for_sum(b, p->multiplier_b, p->shift_b);
        const int32_t sum = p->kind == '-' ? a - b : a + b;
        return tk_divide_by_power(tk_high_multiply(sum, p->multiplier), p->shift);
    }
}

void tk_wide_pairs(const tk_wide_pair *p, const int16_t *a, const int16_t *b, int16_t *output)
{
    int32_t index[TK_AXES] = {0};
    for (int axis = 0; axis >= 0;) {
        *output++ = tk_clamp_wide(combine(p, *a, *b) + p->out_offset, p->low, p->high);
        for (axis = TK_AXES - 1; axis >= 0; --axis) {
            a += p->step_a[axis];
            b += p->step_b[axis];
            if (++index[axis] < p->shape[axis]) {
                break;
            }
            index[axis] = 0;
            a -= p->step_a[axis] * p->shape[axis];
            b -= p->step_b[axis] * p->shape[axis];
        }
    }
}

void tk_wide_ramps(const tk_wide_ramp *r, const int16_t *input, int16_t *output)
{
    for (int32_t i = 0; i < r->count; ++i) {
        const int32_t value = input[i] + r->in_offset;
        const int32_t scaled = value >= 0 ? tk_requantize(value, r->multiplier, r->shift)
                                          : tk_requantize(value, r->slope_multiplier, r->slope_shift);
        output[i] = tk_clamp_wide(scaled + r->out_offset, r->low, r->high);
    }
}

void tk_wide_mean(const tk_mean_axes *m, const int16_t *input, int32_t *sums, int16_t *output)
{
    for (int32_t i = 0; i < m->outputs; ++i) {
        sums[i] = 0;
    }
    int32_t index[TK_AXES] = {0};
    for (int axis = 0; axis >= 0;) {
        int32_t place = 0;
        for (axis = 0; axis < TK_AXES; ++axis) {
            place += index[axis] * m->step[axis];
        }
        sums[place] += *input++;
        for (axis = TK_AXES - 1; axis >= 0 && ++index[axis] == m->shape[axis]; --axis) {
            index[axis] = 0;
        }
    }
    for (int32_t i = 0; i < m->outputs; ++i) {
        const int32_t mean = tk_requantize(sums[i] - m->zero_sum, m->multiplier, m->shift);
        output[i] = tk_clamp_wide(mean + m->out_offset, INT16_MIN, INT16_MAX);
    }
}

void tk_wide_logistic(const tk_wide_curve *c, const int16_t *input, int16_t *output)
{
    for (int32_t i = 0; i < c->count; ++i) {
        output[i] = tk_sigmoid_wide(c->table, tk_to_table(input[i], c->multiplier, c->shift));
    }
}

void tk_wide_tanh(const tk_wide_curve *c, const int16_t *input, int16_t *output)
{
    for (int32_t i = 0; i < c->count; ++i) {
        output[i] = tk_tanh_wide(c->table, tk_to_table(input[i], c->multiplier, c->shift));
    }
}

/* Between entries that lie 128 apart on the whole range of x. */
static int32_t interpolate(const int16_t *table, int32_t x)
{
    const int32_t place = 256 + (x >> 7);
    const int32_t rest = x & 0x7F;
    return table[place] + (((table[place + 1] - table[place]) * rest + 64) >> 7);
}

static int32_t saturate(int32_t value)
{
    return value < INT16_MIN ? INT16_MIN : (value > INT16_MAX ? INT16_MAX : value);
}

static void softmax_row(const tk_wide_softmax_rows *s, const int16_t *input, int16_t *output)
{
    int32_t highest = INT16_MIN;
    for (int32_t i = 0; i < s->depth; ++i) {
        highest = input[i] > highest ? input[i] : highest;
    }
    int32_t sum = 0;
    for (int32_t i = 0; i < s->depth; ++i) {
        const int32_t difference = tk_requantize(input[i] - highest, s->multiplier, s->shift) + INT16_MAX;
        output[i] = (int16_t)interpolate(s->exponentials, saturate(difference));
        sum += output[i];
    }
    int32_t headroom = 0;
    while (headroom < 31 && ((uint32_t)sum << headroom & UINT32_C(0x80000000)) == 0) {
        ++headroom;
    }
    const int32_t wide = (int32_t)((((int64_t)sum << (headroom - 1)) + (1 << 13)) >> 14);
    const int32_t scale = interpolate(s->reciprocals, saturate(wide - (1 << 15) - (1 << 16)));
    for (int32_t i = 0; i < s->depth; ++i) {
        const int64_t share = (int64_t)output[i] * scale + (INT64_C(1) << (30 - headroom));
        output[i] = tk_clamp_wide((int32_t)(share >> (31 - headroom)), 0, INT16_MAX);
    }
}

void tk_wide_softmax(const tk_wide_softmax_rows *s, const int16_t *input, int16_t *output)
{
    for (int32_t row = 0; row < s->rows; ++row) {
        softmax_row(s, input + row * s->depth, output + row * s->depth);
    }
}
