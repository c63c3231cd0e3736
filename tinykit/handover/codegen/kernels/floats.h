/* Arithmetic of the float32 kernels, without a library. Products and sums are rounded apart, as in TensorFlow Lite
 * Micro's reference kernels: no fused multiply-add. */
#ifndef TK_FLOATS_H_
#define TK_FLOATS_H_

#include <stdint.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

static inline float tk_float_clamp(float value, float low, float high)
{
    return value < low ? low : (value > high ? high : value);
}

static inline float tk_power_of_two(int32_t exponent)
{
    const union {
        uint32_t bits;
        float value;
    } power = {(uint32_t)(exponent + 127) << 23};
    return power.value;
}

/* sqrt(x), correctly rounded: bit by bit, of a mantissa of 50 bits with an even exponent. */
static inline float tk_root_of(float x)
{
    union {
        float value;
        uint32_t bits;
    } number = {x};
    if (!(x > 0.0f) || number.bits >= UINT32_C(0x7F800000)) {
        return x < 0.0f ? (x - x) / 0.0f : x;
    }
    int32_t exponent = (int32_t)(number.bits >> 23);
    uint64_t rest = number.bits & UINT32_C(0x7FFFFF);
    exponent += exponent == 0 ? 1 : 0;
    rest |= number.bits >> 23 ? UINT32_C(0x800000) : 0;
    for (; rest < UINT32_C(0x800000); --exponent) {
        rest <<= 1;
    }
    rest <<= exponent % 2 == 0 ? 26 : 25;
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 48; bit != 0; bit >>= 2) {
        const uint64_t trial = root + bit;
        root >>= 1;
        if (rest >= trial) {
            rest -= trial;
            root += bit;
        }
    }
    number.bits = (uint32_t)(root >> 1) + (uint32_t)(root & 1) + ((uint32_t)((exponent + 125) / 2) << 23);
    return number.value;
}

/* (exp(r) - 1 - r) / r^2 for r from -ln 2 / 2 to ln 2 / 2. */
static inline float tk_exp_tail(float r)
{
    return 0.5f + r * (0.166665763f + r * (0.0416664630f + r * (0.00836319290f + r * 0.00139336695f)));
}

/* exp(x), within 1.1 units in the last place: 2^n exp(r), r in [-ln 2 / 2, ln 2 / 2], exp(r) by a polynomial. */
static inline float tk_exp_of(float x)
{
    if (!(x > -104.0f)) {
        return x < 0.0f ? 0.0f : x;
    }
    if (x > 88.8f) {
        return tk_power_of_two(127) * x;
    }
    const int32_t n = (int32_t)(x * 1.44269504f + (x < 0.0f ? -0.5f : 0.5f));
    const float r = x - (float)n * 0.693145752f - (float)n * 1.42860677e-6f;
    return (1.0f + (r + r * r * tk_exp_tail(r))) * tk_power_of_two(n / 2) * tk_power_of_two(n - n / 2);
}

/* exp(x) - 1 for x <= 0, within 3 units in the last place. */
static inline float tk_exp_less_one_of(float x)
{
    return x < -0.34f ? tk_exp_of(x) - 1.0f : x + x * x * tk_exp_tail(x);
}

/* log(x), within 1 unit in the last place: n ln 2 + log(m), m from sqrt(1/2) to sqrt(2), by a series of
 * (m - 1) / (m + 1). */
static inline float tk_log_of(float x)
{
    union {
        float value;
        uint32_t bits;
    } number = {x};
    int32_t n = 0;
    if (!(x > 0.0f) || number.bits >= UINT32_C(0x7F800000)) {
        return x == 0.0f ? -1.0f / (x * x) : (x < 0.0f ? (x - x) / 0.0f : x);
    }
    if (number.bits < UINT32_C(0x800000)) {
        number.value *= 8388608.0f;
        n = -23;
    }
    const uint32_t offset = number.bits - UINT32_C(0x3F3504F3);
    n += (int32_t)offset >> 23;
    number.bits = (offset & UINT32_C(0x7FFFFF)) + UINT32_C(0x3F3504F3);
    const float f = number.value - 1.0f;
    const float s = f / (2.0f + f);
    const float z = s * s;
    const float tail = z * (0.666666667f + z * (0.4f + z * (0.285714286f + z * 0.222222222f)));
    const float half = 0.5f * f * f;
    return (float)n * 0.693145752f - ((half - (s * (half + tail) + (float)n * 1.42860677e-6f)) - f);
}

static inline float tk_floor_of(float x)
{
    if (!(__builtin_fabsf(x) < 8388608.0f)) {
        return x;
    }
    const float whole = (float)(int32_t)x;
    return __builtin_copysignf(whole > x ? whole - 1.0f : whole, x);
}

/* tanh(x), within 1.4 units in the last place. */
static inline float tk_tanh_of(float x)
{
    const float size = x < 0.0f ? -x : x;
    const float square = x * x;
    if (size > 9.1f) {
        return x < 0.0f ? -1.0f : 1.0f;
    }
    if (size < 0.625f) {
        const float tail = 0.0217657499f + square * (-0.00833322853f + square * 0.00228032004f);
        return x + x * (square * (-0.333333343f + square * (0.133333027f + square * (-0.0539588891f + square * tail))));
    }
    const float result = 1.0f - 2.0f / (1.0f + tk_exp_of(size + size));
    return x < 0.0f ? -result : result;
}

/* 1 / (1 + exp(-x)), with the limits of TensorFlow Lite Micro's kernel. */
static inline float tk_sigmoid_of(float x)
{
    if (x > 16.6190472f) {
        return 1.0f;
    }
    return x < -9.0f ? tk_exp_of(x) : 1.0f / (1.0f + tk_exp_of(-x));
}

#endif
