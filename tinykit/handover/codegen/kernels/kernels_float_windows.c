/* Convolutions and pools of float32. */
#include "kernels_float_windows.h"

#include <float.h>

#include "floats.h"

#define ELEMENT float
#define WEIGHT float
#define SUM float
#define WINDOW tk_float_window
#define KERNEL(name) tk_float_##name
#define LOWEST (-FLT_MAX)
#define CLAMP(w, value) tk_float_clamp(value, (w)->low, (w)->high)
#define FINISH(w, sum, channel) CLAMP(w, (sum) + (w)->bias[channel])
#define AVERAGE(sum, count) ((sum) / (float)(count))
#include "windows_of_type.h"
