/* Element by element: add and multiply two tensors, rescale one. */
#include "kernels.h"

#include "fixed_point.h"

#define ADD_LEFT_SHIFT 20

static inline int8_t add_one(const tk_pair *p, int32_t a, int32_t b)
{
    const int32_t wide_a = (a + p->offset_a) * (1 << ADD_LEFT_SHIFT);
    const int32_t wide_b = (b + p->offset_b) * (1 << ADD_LEFT_SHIFT);
    const int32_t scaled_a = tk_divide_by_power(tk_high_multiply(wide_a, p->multiplier_a), p->shift_a);
    const int32_t scaled_b = tk_divide_by_power(tk_high_multiply(wide_b, p->multiplier_b), p->shift_b);
    const int32_t sum = tk_divide_by_power(tk_high_multiply(scaled_a + scaled_b, p->multiplier), p->shift);
    return tk_clamp(sum + p->out_offset, p->low, p->high);
}

static inline int8_t multiply_one(const tk_pair *p, int32_t a, int32_t b)
{
    const int32_t product = (a + p->offset_a) * (b + p->offset_b);
    return tk_clamp(tk_requantize(product, p->multiplier, p->shift) + p->out_offset, p->low, p->high);
}

/* Steps to the next row (all axes but the last); 0 when there is none. */
static int next_row(const tk_pair *p, int32_t index[TK_AXES], int32_t *start_a, int32_t *start_b)
{
    for (int axis = TK_AXES - 2; axis >= 0; --axis) {
        *start_a += p->step_a[axis];
        *start_b += p->step_b[axis];
        if (++index[axis] < p->shape[axis]) {
            return 1;
        }
        index[axis] = 0;
        *start_a -= p->step_a[axis] * p->shape[axis];
        *start_b -= p->step_b[axis] * p->shape[axis];
    }
    return 0;
}

void tk_add(const tk_pair *p, const int8_t *a, const int8_t *b, int8_t *output)
{
    const tk_pair pair = *p;
    const int32_t count = p->shape[TK_AXES - 1];
    int32_t index[TK_AXES] = {0};
    int32_t start_a = 0;
    int32_t start_b = 0;
    do {
        const int8_t *from_a = a + start_a;
        const int8_t *from_b = b + start_b;
        for (int32_t i = 0; i < count; ++i) {
            *output++ = add_one(&pair, *from_a, *from_b);
            from_a += pair.step_a[TK_AXES - 1];
            from_b += pair.step_b[TK_AXES - 1];
        }
    } while (next_row(p, index, &start_a, &start_b));
}

void tk_mul(const tk_pair *p, const int8_t *a, const int8_t *b, int8_t *output)
{
    const tk_pair pair = *p;
    const int32_t count = p->shape[TK_AXES - 1];
    int32_t index[TK_AXES] = {0};
    int32_t start_a = 0;
    int32_t start_b = 0;
    do {
        const int8_t *from_a = a + start_a;
        const int8_t *from_b = b + start_b;
        for (int32_t i = 0; i < count; ++i) {
            *output++ = multiply_one(&pair, *from_a, *from_b);
            from_a += pair.step_a[TK_AXES - 1];
            from_b += pair.step_b[TK_AXES - 1];
        }
    } while (next_row(p, index, &start_a, &start_b));
}

void tk_quantize(const tk_rescale *r, const int8_t *input, int8_t *output)
{
    for (int32_t i = 0; i < r->count; ++i) {
        const int32_t value = tk_requantize(input[i] + r->in_offset, r->multiplier, r->shift);
        output[i] = tk_clamp(value + r->out_offset, INT8_MIN, INT8_MAX);
    }
}
