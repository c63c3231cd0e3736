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
    default: /* squared difference */
        return (a - b) * (a - b);
    }
}

void tk_float_pairs(const tk_float_pair *p, const float *a, const float *b, float *output)
{
    int32_t index[TK_AXES] = {0};
    for (int axis = 0; axis >= 0;) {
        *output++ = tk_float_clamp(combine(p->kind, *a, *b), p->low, p->high);
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

void tk_float_softmax(const tk_float_softmax_rows *s, const float *input, float *output)
{
    for (int32_t row = 0; row < s->rows; ++row, input += s->depth, output += s->depth) {
        float highest = -FLT_MAX;
        for (int32_t i = 0; i < s->depth; ++i) {
            highest = input[i] > highest ? input[i] : highest;
        }
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
