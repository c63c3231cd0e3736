/* Arithmetic of the int16 kernels, as TensorFlow Lite Micro's reference kernels do it. */
#ifndef TK_SIXTEEN_H_
#define TK_SIXTEEN_H_

#include "fixed_point.h"

static inline int16_t tk_clamp_wide(int32_t value, int32_t low, int32_t high)
{
    return (int16_t)(value < low ? low : (value > high ? high : value));
}

/* value * multiplier / 2^31 * 2^shift for sums of more than 32 bits: the multiplier is cut to 16 bits, one rounding. */
static inline int32_t tk_requantize_wide(int64_t value, int32_t multiplier, int32_t shift)
{
    const int32_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
    return (int32_t)((value * reduced + (INT64_C(1) << (14 - shift))) >> (15 - shift));
}

/* The table is that of 2^16 / (1 + exp(-i / 24)) - 2^15, i from 0 to 255; between two entries lie 2^bits steps of x. */
static inline int32_t tk_look_up(const int16_t *table, uint32_t x, int32_t bits)
{
    const uint32_t place = x >> bits;
    const uint32_t rest = x & ((UINT32_C(1) << bits) - 1u);
    const int32_t low = table[place];
    return ((low + (1 << 15)) << bits) + (int32_t)rest * (table[place + 1] - low);
}

/* Q0.15 from x in 1 / (3 * 4096). */
static inline int16_t tk_sigmoid_wide(const int16_t *table, int32_t x)
{
    const uint32_t size = (uint32_t)(x < 0 ? -x : x);
    const int32_t whole = size >> 9 >= 255 ? 0x7FFF << 10 : tk_look_up(table, size, 9);
    return (int16_t)((x >= 0 ? whole + (1 << 9) : (1 << 25) - whole + (1 << 9) - 1) >> 10);
}

static inline int16_t tk_tanh_wide(const int16_t *table, int32_t x)
{
    const uint32_t size = (uint32_t)(x < 0 ? -x : x);
    const int32_t whole = size >> 8 >= 255 ? 0xFFFF << 8 : tk_look_up(table, size, 8);
    return (int16_t)((x >= 0 ? whole - (1 << 23) + (1 << 7) : -whole + (1 << 23) + (1 << 7) - 1) >> 8);
}

/* An input brought to 1 / (3 * 4096). */
static inline int32_t tk_to_table(int32_t value, int32_t multiplier, int32_t shift)
{
    return (value * multiplier + (shift > 0 ? 1 << (shift - 1) : 0)) >> shift;
}

#endif
