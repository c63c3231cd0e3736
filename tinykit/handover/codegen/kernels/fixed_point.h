/* Fixed-point arithmetic of the int8 kernels, with the double rounding of TensorFlow Lite Micro. */
#ifndef TK_FIXED_POINT_H_
#define TK_FIXED_POINT_H_

#include <stdint.h>

/* round(a * b / 2^31), halves up; a right shift of a negative number is taken to be arithmetic. */
static inline int32_t tk_high_multiply(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* round(value / 2^exponent), halves away from zero; exponent 0 to 31. */
static inline int32_t tk_divide_by_power(int32_t value, int32_t exponent)
{
    const int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1u);
    const int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
    return (value >> exponent) + ((value & mask) > threshold ? 1 : 0);
}

/* value * multiplier / 2^31 * 2^shift in two roundings. */
static inline int32_t tk_requantize(int32_t value, int32_t multiplier, int32_t shift)
{
    if (shift > 0) {
        return tk_high_multiply((int32_t)((uint32_t)value << shift), multiplier);
    }
    return tk_divide_by_power(tk_high_multiply(value, multiplier), -shift);
}

static inline int8_t tk_clamp(int32_t value, int32_t low, int32_t high)
{
    return (int8_t)(value < low ? low : (value > high ? high : value));
}

#endif
