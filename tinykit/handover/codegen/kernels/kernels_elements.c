/* More int8 kernels: pairs, reductions, positions, resizing. */
#include "kernels_elements.h"

#include "fixed_point.h"

typedef int8_t pair_of(const tk_pair *p, int32_t a, int32_t b);

/* The difference of two codes in steps that both share, with left_shift bits to spare. */
static inline int32_t difference(const tk_pair *p, int32_t a, int32_t b, int32_t left_shift)
{
    const int32_t wide_a = (a + p->offset_a) * (1 << left_shift);
    const int32_t wide_b = (b + p->offset_b) * (1 << left_shift);
    return tk_divide_by_power(tk_high_multiply(wide_a, p->multiplier_a), p->shift_a)
           - tk_divide_by_power(tk_high_multiply(wide_b, p->multiplier_b), p->shift_b);
}

static inline int8_t finish(const tk_pair *p, int32_t value)
{
    const int32_t found = tk_divide_by_power(tk_high_multiply(value, p->multiplier), p->shift);
    return tk_clamp(found + p->out_offset, p->low, p->high);
}

static int8_t subtract_one(const tk_pair *p, int32_t a, int32_t b)
{
    return finish(p, difference(p, a, b, 20));
}

static int8_t square_one(const tk_pair *p, int32_t a, int32_t b)
{
    const int32_t rest = difference(p, a, b, 7);
    return finish(p, rest * rest);
}

/* 1 less, 2 equal, 4 more: low says which of them are true. */
static int8_t compare_one(const tk_pair *p, int32_t a, int32_t b)
{
    const int32_t rest = difference(p, a, b, 8);
    return (p->low & (rest < 0 ? 1 : (rest == 0 ? 2 : 4))) != 0;
}

static int8_t bend_one(const tk_pair *p, int32_t a, int32_t b)
{
    const int32_t value = a + p->offset_a;
    const int32_t found = value >= 0 ? tk_requantize(value, p->multiplier, p->shift)
                                     : tk_requantize(value * (b + p->offset_b), p->multiplier_b, p->shift_b);
    return tk_clamp(found + p->out_offset, INT8_MIN, INT8_MAX);
}

static int8_t larger(const tk_pair *p, int32_t a, int32_t b)
{
    (void)p;
    return (int8_t)(a > b ? a : b);
}

static int8_t smaller(const tk_pair *p, int32_t a, int32_t b)
{
    (void)p;
    return (int8_t)(a < b ? a : b);
}

/* Every element of the output; both operands move along by their steps, the last axis innermost. */
static void each_pair(const tk_pair *p, const int8_t *a, const int8_t *b, int8_t *output, pair_of *make)
{
    const int last = TK_AXES - 1;
    int32_t index[TK_AXES] = {0};
    int axis = last;
    while (axis >= 0) {
        for (int32_t i = 0; i < p->shape[last]; ++i) {
            *output++ = make(p, a[i * p->step_a[last]], b[i * p->step_b[last]]);
        }
        for (axis = last - 1; axis >= 0; --axis) {
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

void tk_sub(const tk_pair *p, const int8_t *a, const int8_t *b, int8_t *output)
{
    each_pair(p, a, b, output, subtract_one);
}

void tk_squared_difference(const tk_pair *p, const int8_t *a, const int8_t *b, int8_t *output)
{
    each_pair(p, a, b, output, square_one);
}

void tk_compare(const tk_pair *p, const int8_t *a, const int8_t *b, uint8_t *output)
{
    each_pair(p, a, b, (int8_t *)output, compare_one);
}

void tk_prelu(const tk_pair *p, const int8_t *a, const int8_t *b, int8_t *output)
{
    each_pair(p, a, b, output, bend_one);
}

void tk_maximum(const tk_pair *p, const int8_t *a, const int8_t *b, int8_t *output)
{
    each_pair(p, a, b, output, larger);
}

void tk_minimum(const tk_pair *p, const int8_t *a, const int8_t *b, int8_t *output)
{
    each_pair(p, a, b, output, smaller);
}

/* The largest over the axes whose step is 0; of the codes turned over (sign -1), the smallest. */
static void reduce(const tk_mean_axes *m, const int8_t *input, int8_t *output, int32_t sign)
{
    const int last = TK_AXES - 1;
    int32_t index[TK_AXES] = {0};
    int axis = last;
    for (int32_t i = 0; i < m->outputs; ++i) {
        output[i] = (int8_t)(sign > 0 ? INT8_MIN : INT8_MAX);
    }
    while (axis >= 0) {
        int8_t *best = output;
        for (axis = 0; axis < last; ++axis) {
            best += index[axis] * m->step[axis];
        }
        for (int32_t i = 0; i < m->shape[last]; ++i, best += m->step[last], ++input) {
            *best = sign * *input > sign * *best ? *input : *best;
        }
        for (axis = last - 1; axis >= 0 && ++index[axis] == m->shape[axis]; --axis) {
            index[axis] = 0;
        }
    }
}

void tk_reduce_max(const tk_mean_axes *m, const int8_t *input, int8_t *output)
{
    reduce(m, input, output, 1);
}

void tk_reduce_min(const tk_mean_axes *m, const int8_t *input, int8_t *output)
{
    reduce(m, input, output, -1);
}

/* The position of the first that no other is before (> or <) along the middle axis. */
#define SEARCH(name, type, before)                                                                               \
    void name(const tk_search *s, const type *input, int32_t *output)                                            \
    {                                                                                                            \
        for (int32_t outer = 0; outer < s->outer; ++outer, input += s->count * s->inner) {                       \
            for (int32_t inner = 0; inner < s->inner; ++inner) {                                                 \
                int32_t best = 0;                                                                                \
                for (int32_t i = 1; i < s->count; ++i) {                                                         \
                    best = input[i * s->inner + inner] before input[best * s->inner + inner] ? i : best;         \
                }                                                                                                \
                *output++ = best;                                                                                \
            }                                                                                                    \
        }                                                                                                        \
    }

SEARCH(tk_arg_max, int8_t, >)
SEARCH(tk_arg_min, int8_t, <)
SEARCH(tk_arg_max_float, float, >)
SEARCH(tk_arg_min_float, float, <)

static int32_t shift_left_saturated(int32_t value, int32_t bits)
{
    const int64_t wide = (int64_t)value * (1 << bits);
    return (int32_t)(wide > INT32_MAX ? INT32_MAX : (wide < INT32_MIN ? INT32_MIN : wide));
}

/* 1 / sqrt(value) as multiplier and shift, 0 taken as 1: five steps of Newton and Raphson in Q3.28. */
static int32_t inverse_root(int32_t value, int32_t *shift)
{
    *shift = 0;
    if (value <= 1) {
        return INT32_MAX;
    }
    int32_t right = 11;
    for (; value >= (1 << 29); value /= 4) {
        ++right;
    }
    for (; value < (1 << 27); value *= 4) {
        --right;
    }
    const int32_t half = tk_divide_by_power(value >> 1, 1);
    int32_t x = 1 << 28;
    for (int step = 0; step < 5; ++step) {
        const int32_t cube = shift_left_saturated(tk_high_multiply(tk_high_multiply(x, x), x), 6);
        x = shift_left_saturated(tk_high_multiply(3 << 27, x) - tk_high_multiply(half, cube), 3);
    }
    *shift = right > 0 ? -right : 0;
    return tk_high_multiply(x, 1518500250) * (right < 0 ? 1 << -right : 1);
}

void tk_normalize(const tk_rows *r, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < r->rows; ++row, input += r->depth) {
        int32_t sum = 0;
        int32_t shift;
        for (int32_t i = 0; i < r->depth; ++i) {
            sum += (input[i] + r->in_offset) * (input[i] + r->in_offset);
        }
        const int32_t multiplier = inverse_root(sum, &shift);
        for (int32_t i = 0; i < r->depth; ++i) {
            const int32_t value = tk_requantize(input[i] + r->in_offset, multiplier, shift + 7);
            *output++ = tk_clamp(value, INT8_MIN, INT8_MAX);
        }
    }
}

/* The four neighbours of a place, each by its share; halves away from zero. */
static int8_t mix(const tk_resizing *r, const int8_t *image, int32_t row, int32_t column, int32_t channel)
{
    const int32_t one = 1 << 10;
    const int8_t *top = image + r->row[row] * r->in_columns * r->channels + channel;
    const int8_t *bottom = image + r->next_row[row] * r->in_columns * r->channels + channel;
    const int32_t left = r->column[column] * r->channels;
    const int32_t right = r->next_column[column] * r->channels;
    const int32_t down = r->row_part[row];
    const int32_t along = r->column_part[column];
    const int64_t sum = (int64_t)top[left] * (one - down) * (one - along) + (int64_t)bottom[left] * down * (one - along)
                        + (int64_t)top[right] * (one - down) * along + (int64_t)bottom[right] * down * along;
    return (int8_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
}

void tk_resize_bilinear(const tk_resizing *r, const int8_t *input, int8_t *output)
{
    for (int32_t batch = 0; batch < r->batches; ++batch, input += r->in_rows * r->in_columns * r->channels) {
        for (int32_t row = 0; row < r->out_rows; ++row) {
            for (int32_t column = 0; column < r->out_columns; ++column) {
                for (int32_t channel = 0; channel < r->channels; ++channel) {
                    *output++ = mix(r, input, row, column, channel);
                }
            }
        }
    }
}
