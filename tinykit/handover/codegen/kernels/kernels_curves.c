/* Softmax and logistic in fixed point; no floating point and no table at run time.
 * Qm.n below is a signed number of m integer and n = 31 - m fractional bits. */
#include "kernels.h"

#include "fixed_point.h"

#define SOFTMAX_INPUT_BITS 5
#define SOFTMAX_SUM_BITS 12
#define LOGISTIC_INPUT_BITS 4

static int32_t multiply(int32_t a, int32_t b)
{
    return a == INT32_MIN && b == INT32_MIN ? INT32_MAX : tk_high_multiply(a, b);
}

static int32_t shift_left_saturated(int32_t value, int32_t bits)
{
    const int32_t limit = (int32_t)((UINT32_C(1) << (31 - bits)) - 1u);
    if (value > limit) {
        return INT32_MAX;
    }
    return value < -limit ? INT32_MIN : (int32_t)((uint32_t)value << bits);
}

/* exp(a) for a in [-1/4, 0), Q0 to Q0: the Taylor polynomial of degree 4 about -1/8. */
static int32_t exp_near_zero(int32_t a)
{
    const int32_t exp_of_minus_eighth = 1895147668;
    const int32_t third = 715827883;
    const int32_t x = a + (1 << 28);
    const int32_t x2 = multiply(x, x);
    const int32_t x3 = multiply(x2, x);
    const int32_t x4 = multiply(x2, x2);
    const int32_t inner = multiply(tk_divide_by_power(x4, 2) + x3, third) + x2;
    return exp_of_minus_eighth + multiply(exp_of_minus_eighth, x + tk_divide_by_power(inner, 1));
}

/* exp(a) for a <= 0, from integer_bits integer bits to Q0: factors exp(-1/4), exp(-1/2) ... exp(-16) by the bits of a. */
static int32_t exp_of_negative(int32_t a, int32_t integer_bits)
{
    static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter_bit = 31 - integer_bits - 2;
    const int32_t quarter = (int32_t)1 << quarter_bit;
    const int32_t rest = (a & (quarter - 1)) - quarter;
    const int32_t quarters = rest - a;
    int32_t result = exp_near_zero(shift_left_saturated(rest, integer_bits));
    for (int32_t bit = 0; bit < integer_bits + 2; ++bit) {
        if (quarters & ((int32_t)1 << (quarter_bit + bit))) {
            result = multiply(result, factors[bit]);
        }
    }
    return a == 0 ? INT32_MAX : result;
}

/* 1 / (1 + a) for a in [0, 1), Q0 to Q0: three steps of Newton and Raphson. */
static int32_t reciprocal_of_one_plus(int32_t a)
{
    const int32_t half_denominator = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
    int32_t x = 1515870810 + multiply(half_denominator, -1010580540);
    for (int step = 0; step < 3; ++step) {
        const int32_t error = (1 << 29) - multiply(half_denominator, x);
        x += shift_left_saturated(multiply(x, error), 2);
    }
    return shift_left_saturated(x, 1);
}

static int32_t exp_of_difference(const tk_softmax_rows *s, int32_t difference)
{
    const int32_t wide = (int32_t)((uint32_t)difference << s->left_shift);
    return exp_of_negative(multiply(wide, s->multiplier), SOFTMAX_INPUT_BITS);
}

static void softmax_row(const tk_softmax_rows *s, const int8_t *input, int8_t *output)
{
    int32_t highest = INT8_MIN;
    for (int32_t i = 0; i < s->depth; ++i) {
        highest = input[i] > highest ? input[i] : highest;
    }
    int32_t sum = 0;
    for (int32_t i = 0; i < s->depth; ++i) {
        if (input[i] - highest >= s->lowest_difference) {
            sum += tk_divide_by_power(exp_of_difference(s, input[i] - highest), SOFTMAX_SUM_BITS);
        }
    }
    uint32_t mantissa = (uint32_t)sum;
    int32_t headroom = 0;
    while (headroom < 31 && (mantissa & UINT32_C(0x80000000)) == 0) {
        mantissa <<= 1;
        ++headroom;
    }
    const int32_t scale = reciprocal_of_one_plus((int32_t)(mantissa - UINT32_C(0x80000000)));
    for (int32_t i = 0; i < s->depth; ++i) {
        int32_t value = INT8_MIN;
        if (input[i] - highest >= s->lowest_difference) {
            const int32_t share = multiply(scale, exp_of_difference(s, input[i] - highest));
            value += tk_divide_by_power(share, SOFTMAX_SUM_BITS - headroom + 31 - 8);
        }
        output[i] = tk_clamp(value, INT8_MIN, INT8_MAX);
    }
}

void tk_softmax(const tk_softmax_rows *s, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < s->rows; ++row) {
        softmax_row(s, input + row * s->depth, output + row * s->depth);
    }
}

static int32_t logistic_of(int32_t a)
{
    if (a == 0) {
        return (int32_t)1 << 30;
    }
    const int32_t of_positive = reciprocal_of_one_plus(exp_of_negative(a > 0 ? -a : a, LOGISTIC_INPUT_BITS));
    return a > 0 ? of_positive : INT32_MAX - of_positive;
}

void tk_logistic(const tk_logistic_curve *c, const int8_t *input, int8_t *output)
{
    for (int32_t i = 0; i < c->count; ++i) {
        const int32_t value = input[i] + c->in_offset;
        if (value <= -c->radius) {
            output[i] = INT8_MIN;
        } else if (value >= c->radius) {
            output[i] = INT8_MAX;
        } else {
            const int32_t wide = tk_requantize(value, c->multiplier, c->left_shift);
            output[i] = tk_clamp(tk_divide_by_power(logistic_of(wide), 23) + INT8_MIN, INT8_MIN, INT8_MAX);
        }
    }
}
