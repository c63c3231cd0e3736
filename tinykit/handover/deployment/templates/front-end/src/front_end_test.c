/* Windows of raw samples, and the codes that the front end must make of them, computed in Python. */
{{ about }}
#include "front_end.h"

#define VECTORS {{ raw | length }}

static const int16_t windows[VECTORS][{{ guard }}_RAW_SAMPLES * {{ guard }}_RAW_CHANNELS] = {
{% for row in raw %}
    {
{{ numbers(row) }}
    },
{% endfor %}
};

static const int8_t expected[VECTORS][{{ guard }}_FRONT_END_BYTES] = {
{% for row in codes %}
    {
{{ numbers(row) }}
    },
{% endfor %}
};

int {{ name }}_front_end_self_test(void)
{
    static int8_t codes[{{ guard }}_FRONT_END_BYTES];
    int failed = 0;
    for (int32_t vector = 0; vector < VECTORS; ++vector) {
        int equal = 1;
        {{ name }}_front_end(windows[vector], codes);
        for (int32_t i = 0; i < {{ guard }}_FRONT_END_BYTES; ++i) {
            equal = equal && codes[i] == expected[vector][i];
        }
        failed += equal ? 0 : 1;
    }
    return failed;
}
