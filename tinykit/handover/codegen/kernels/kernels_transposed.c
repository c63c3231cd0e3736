/* Transposed convolution of int8, int16 and float32. */
#include "kernels_transposed.h"

#include "floats.h"
#include "sixteen.h"

#define ELEMENT int8_t
#define WEIGHT int8_t
#define SUM int32_t
#define WINDOW tk_window
#define KERNEL(name) tk_narrow_##name
#define INPUT(w, value) ((value) + (w)->in_offset)
#define FINISH(w, sum, c) \
    tk_clamp(tk_requantize((sum) + (w)->bias[c], (w)->multiplier[c], (w)->shift[c]) + (w)->out_offset, \
             (w)->low, (w)->high)
#include "transposed_of_type.h"

#undef ELEMENT
#undef SUM
#undef WINDOW
#undef KERNEL
#undef INPUT
#undef FINISH
#define ELEMENT int16_t
#define SUM int64_t
#define WINDOW tk_wide_window
#define KERNEL(name) tk_wide_##name
#define INPUT(w, value) (value)
#define FINISH(w, sum, c) \
    tk_clamp_wide(tk_requantize_wide((sum) + (w)->wide_bias[c], (w)->multiplier[c], (w)->shift[c]), (w)->low, (w)->high)
#include "transposed_of_type.h"

#undef ELEMENT
#undef WEIGHT
#undef SUM
#undef WINDOW
#undef KERNEL
#undef FINISH
#define ELEMENT float
#define WEIGHT float
#define SUM float
#define WINDOW tk_float_window
#define KERNEL(name) tk_float_##name
#define FINISH(w, sum, c) tk_float_clamp((sum) + (w)->bias[c], (w)->low, (w)->high)
#include "transposed_of_type.h"
