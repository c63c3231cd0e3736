/* What becomes of each code of 8 bits stands in a table. */
#include "kernels_codes.h"

void tk_look_up(const uint8_t *table, const uint8_t *input, uint8_t *output, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        output[i] = table[input[i]];
    }
}
