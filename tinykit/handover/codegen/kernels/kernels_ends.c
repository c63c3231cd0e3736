/* Between types: integers to integers of another width, floats to codes and back. */
#include "kernels_ends.h"

#include "fixed_point.h"

#define RESCALE(name, from, to, low, high)                                                                  \
    void name(const tk_rescale *r, const from *input, to *output)                                           \
    {                                                                                                       \
        for (int32_t i = 0; i < r->count; ++i) {                                                            \
            const int32_t centred = (int32_t)((uint32_t)input[i] + (uint32_t)r->in_offset);                 \
            const int64_t value = (int64_t)tk_requantize(centred, r->multiplier, r->shift) + r->out_offset; \
            output[i] = (to)(value < low ? low : (value > high ? high : value));                            \
        }                                                                                                   \
    }

RESCALE(tk_rescale_8_16, int8_t, int16_t, INT16_MIN, INT16_MAX)
RESCALE(tk_rescale_8_32, int8_t, int32_t, INT32_MIN, INT32_MAX)
RESCALE(tk_rescale_16_8, int16_t, int8_t, INT8_MIN, INT8_MAX)
RESCALE(tk_rescale_16_16, int16_t, int16_t, INT16_MIN, INT16_MAX)
RESCALE(tk_rescale_16_32, int16_t, int32_t, INT32_MIN, INT32_MAX)
RESCALE(tk_rescale_32_8, int32_t, int8_t, INT8_MIN, INT8_MAX)
RESCALE(tk_rescale_32_16, int32_t, int16_t, INT16_MIN, INT16_MAX)

/* The nearest integer, halves away from zero, plus the zero point, cut off at the ends of the range; not a number is 0. */
static int32_t code_of(float steps, int32_t zero_point, int32_t low, int32_t high)
{
    if (steps > 65536.0f) {
        return high;
    }
    if (steps < -65536.0f) {
        return low;
    }
    int32_t whole = steps == steps ? (int32_t)steps : 0;
    const float rest = steps - (float)whole;
    whole += rest >= 0.5f ? 1 : (rest <= -0.5f ? -1 : 0);
    whole += zero_point;
    return whole < low ? low : (whole > high ? high : whole);
}

#define QUANTIZE(name, to, low, high)                                             \
    void name(const tk_scaling *s, const float *input, to *output)                \
    {                                                                             \
        for (int32_t i = 0; i < s->count; ++i) {                                  \
            output[i] = (to)code_of(input[i] / s->scale, s->zero_point, low, high); \
        }                                                                         \
    }

QUANTIZE(tk_quantize_to_int8, int8_t, INT8_MIN, INT8_MAX)
QUANTIZE(tk_quantize_to_uint8, uint8_t, 0, UINT8_MAX)
QUANTIZE(tk_quantize_to_int16, int16_t, INT16_MIN, INT16_MAX)

#define DEQUANTIZE(name, from)                                     \
    void name(const tk_scaling *s, const from *input, float *output) \
    {                                                              \
        for (int32_t i = 0; i < s->count; ++i) {                   \
            output[i] = s->scale * (float)(input[i] - s->zero_point); \
        }                                                          \
    }

DEQUANTIZE(tk_dequantize_int8, int8_t)
DEQUANTIZE(tk_dequantize_uint8, uint8_t)
DEQUANTIZE(tk_dequantize_int16, int16_t)
