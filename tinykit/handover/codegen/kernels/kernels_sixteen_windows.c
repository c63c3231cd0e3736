/* Convolutions and pools of int16 activations with int8 weights. */
#include "kernels_sixteen_windows.h"

#include "sixteen.h"

#define ELEMENT int16_t
#define WEIGHT int8_t
#define SUM int64_t
#define WINDOW tk_wide_window
#define KERNEL(name) tk_wide_##name
#define LOWEST INT16_MIN
#define CLAMP(w, value) tk_clamp_wide((int32_t)(value), (w)->low, (w)->high)
#define FINISH(w, sum, channel) finish(w, sum, channel)
#define AVERAGE(sum, count) (((sum) > 0 ? (sum) + (count) / 2 : (sum) - (count) / 2) / (count))

/* A bias of 64 bits goes with sums of 64 bits, a bias of 32 bits with sums of 32. */
static int16_t finish(const tk_wide_window *w, int64_t sum, int32_t channel)
{
    const int32_t multiplier = w->multiplier[channel];
    const int32_t shift = w->shift[channel];
    const int32_t value = w->wide_bias ? tk_requantize_wide(sum + w->wide_bias[channel], multiplier, shift)
                                       : tk_requantize((int32_t)sum + w->bias[channel], multiplier, shift);
    return tk_clamp_wide(value, w->low, w->high);
}

#include "windows_of_type.h"
