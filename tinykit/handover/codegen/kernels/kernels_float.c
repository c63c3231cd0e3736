/* Float32 operators without a window: fully connected, pairs, means, curves. */
#include "kernels_float.h"

#include <float.h>

#include "floats.h"

void tk_float_fully_connected(const tk_float_dense *d, const float *input, float *output)
{
    for (int32_t row = 0; row < d->rows; ++row, input += d->depth) {
        const float *weight = d->weights;
        for (int32_t unit = 0; unit < d->units; ++unit) {
            float sum = 0.0f;
            for (int32_t index = 0; index < d->depth; ++index) {
                sum += input[index] * *weight++;
            }
            *output++ = tk_float_clamp(sum + d->bias[unit], d->low, d->high);
        }
    }
}

static float combine(int32_t kind, float a, float b)
{
    switch (kind) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    case '/':
        return a / b;
    case '>':
        return a > b ? a : b;
    case '<':
        return a < b ? a : b;
    case 'p':
        return a >= 0.0f ? a : a * b;
    default: /* squared difference */
        return (a - b) * (a - b);
    }
}

/* Steps both operands to the next output, 0 behind the last. */
static inline int next_pair(const tk_float_pair *p, int32_t index[TK_AXES], const float **a, const float **b)
{
    for (int axis = TK_AXES - 1; axis >= 0; --axis) {
        *a += p->step_a[axis];
        *b += p->step_b[axis];
        if (++index[axis] < p->shape[axis]) {
            return 1;
        }
        index[axis] = 0;
        *a -= p->step_a[axis] * p->shape[axis];
        *b -= p->step_b[axis] * p->shape[axis];
    }
    return 0;
}

void tk_float_pairs(const tk_float_pair *p, const float *a, const float *b, float *output)
{
    int32_t index[TK_AXES] = {0};
    do {
        *output++ = tk_float_clamp(combine(p->kind, *a, *b), p->low, p->high);
    } while (next_pair(p, index, &a, &b));
}

static uint8_t compare(int32_t kind, float a, float b)
{
    switch (kind) {
    case '=':
        return a == b;
    case '!':
        return a != b;
    case '<':
        return a < b;
    case '>':
        return a > b;
    case 'l':
        return a <= b;
    default:
        return a >= b;
    }
}

void tk_float_compare(const tk_float_pair *p, const float *a, const float *b, uint8_t *output)
{
    int32_t index[TK_AXES] = {0};
    do {
        *output++ = compare(p->kind, *a, *b);
    } while (next_pair(p, index, &a, &b));
}

void tk_float_select(const tk_float_choice *c, const uint8_t *condition, const float *a, const float *b, float *output)
{
    int32_t index[TK_AXES] = {0};
    for (int axis = 0; axis >= 0;) {
        int32_t places[3] = {0, 0, 0};
        for (axis = 0; axis < TK_AXES; ++axis) {
            places[0] += index[axis] * c->step_condition[axis];
            places[1] += index[axis] * c->step_a[axis];
            places[2] += index[axis] * c->step_b[axis];
        }
        *output++ = condition[places[0]] ? a[places[1]] : b[places[2]];
        for (axis = TK_AXES - 1; axis >= 0 && ++index[axis] == c->shape[axis]; --axis) {
            index[axis] = 0;
        }
    }
}

static float reduce(int32_t kind, float a, float b)
{
    return kind == '+' ? a + b : (kind == '<' ? (b < a ? b : a) : (b > a ? b : a));
}

void tk_float_reduce(const tk_float_reduction *r, const float *input, float *output)
{
    for (int32_t i = 0; i < r->outputs; ++i) {
        output[i] = r->kind == '+' ? 0.0f : (r->kind == '<' ? FLT_MAX : -FLT_MAX);
    }
    int32_t index[TK_AXES] = {0};
    for (int axis = 0; axis >= 0;) {
        int32_t place = 0;
        for (axis = 0; axis < TK_AXES; ++axis) {
            place += index[axis] * r->step[axis];
        }
        output[place] = reduce(r->kind, output[place], *input++);
        for (axis = TK_AXES - 1; axis >= 0 && ++index[axis] == r->shape[axis]; --axis) {
            index[axis] = 0;
        }
    }
    for (int32_t i = 0; i < r->outputs; ++i) {
        output[i] /= r->count;
    }
}

static float find_highest(const float *values, int32_t count)
{
    float highest = -FLT_MAX;
    for (int32_t i = 0; i < count; ++i) {
        highest = values[i] > highest ? values[i] : highest;
    }
    return highest;
}

void tk_float_softmax(const tk_float_softmax_rows *s, const float *input, float *output)
{
    for (int32_t row = 0; row < s->rows; ++row, input += s->depth, output += s->depth) {
        const float highest = find_highest(input, s->depth);
        float sum = 0.0f;
        for (int32_t i = 0; i < s->depth; ++i) {
            output[i] = tk_exp_of((input[i] - highest) * s->beta);
            sum += output[i];
        }
        for (int32_t i = 0; i < s->depth; ++i) {
            output[i] /= sum;
        }
    }
}

void tk_float_log_softmax(const tk_float_softmax_rows *s, const float *input, float *output)
{
    for (int32_t row = 0; row < s->rows; ++row, input += s->depth, output += s->depth) {
        const float highest = find_highest(input, s->depth);
        float sum = 0.0f;
        for (int32_t i = 0; i < s->depth; ++i) {
            sum += tk_exp_of(input[i] - highest);
        }
        const float logarithm = tk_log_of(sum);
        for (int32_t i = 0; i < s->depth; ++i) {
            output[i] = input[i] - highest - logarithm;
        }
    }
}

/* To a length of 1, or by 1e6 where the length is less than 1e-6. */
void tk_float_unit_length(const tk_float_softmax_rows *s, const float *input, float *output)
{
    for (int32_t row = 0; row < s->rows; ++row, input += s->depth, output += s->depth) {
        float sum = 0.0f;
        for (int32_t i = 0; i < s->depth; ++i) {
            sum += input[i] * input[i];
        }
        const float length = tk_root_of(sum);
        for (int32_t i = 0; i < s->depth; ++i) {
            output[i] = input[i] / (length < 1e-6f ? 1e-6f : length);
        }
    }
}

void tk_float_ramps(const tk_float_ramp *r, const float *input, float *output)
{
    for (int32_t i = 0; i < r->count; ++i) {
        const float value = input[i] > 0.0f ? input[i] : input[i] * r->slope;
        output[i] = tk_float_clamp(value, r->low, r->high);
    }
}

#define EACH(name, result)                                                    \
    void tk_float_##name(const float *input, float *output, int32_t count)    \
    {                                                                         \
        for (int32_t i = 0; i < count; ++i) {                                 \
            const float x = input[i];                                         \
            output[i] = result;                                               \
        }                                                                     \
    }

EACH(logistic, tk_sigmoid_of(x))
EACH(tanh, tk_tanh_of(x))
EACH(hard_swish, x * tk_float_clamp(x + 3.0f, 0.0f, 6.0f) / 6.0f)
EACH(negate, -x)
EACH(absolute, __builtin_fabsf(x))
EACH(square, x * x)
EACH(root, tk_root_of(x))
EACH(reciprocal_root, 1.0f / tk_root_of(x))
EACH(exponential, tk_exp_of(x))
EACH(logarithm, tk_log_of(x))
EACH(elu, x < 0.0f ? tk_exp_less_one_of(x) : x)
EACH(floor, tk_floor_of(x))
EACH(ceiling, -tk_floor_of(-x))

/* Four neighbours, each by its share, added up in the order of TensorFlow Lite Micro. */
void tk_float_resize_bilinear(const tk_float_resizing *r, const float *input, float *output)
{
    for (int32_t row = 0; row < r->batches * r->out_rows; ++row) {
        const tk_float_place down = r->rows[row % r->out_rows];
        const float *image = input + row / r->out_rows * r->in_rows * r->in_columns * r->channels;
        const float *top = image + down.lower * r->in_columns * r->channels;
        const float *bottom = image + down.upper * r->in_columns * r->channels;
        for (int32_t column = 0; column < r->out_columns; ++column) {
            const tk_float_place along = r->columns[column];
            const int32_t left = along.lower * r->channels;
            const int32_t right = along.upper * r->channels;
            for (int32_t channel = 0; channel < r->channels; ++channel) {
                float sum = top[left + channel] * (1.0f - down.part) * (1.0f - along.part);
                sum += bottom[left + channel] * down.part * (1.0f - along.part);
                sum += top[right + channel] * (1.0f - down.part) * along.part;
                sum += bottom[right + channel] * down.part * along.part;
                *output++ = sum;
            }
        }
    }
}
