{{ about }}
#include "model.h"

#include <stddef.h>

#include "kernels.h"
{% if library %}
#include "arm_nnfunctions.h"
#include "arm_nnsupportfunctions.h"
{% endif %}

#if defined(__clang__)
#define TK_OPERATOR __attribute__((noinline))
#else
#define TK_OPERATOR __attribute__((noinline, noclone, no_icf))
#endif

extern int8_t tk_arena[TK_ARENA_BYTES];
_Alignas(16) int8_t tk_arena[TK_ARENA_BYTES];

/* Constants of weights.c. */
{% for key, (kind, data) in arrays.items() %}
extern const {{ kind }} {{ key }}[{{ data.size }}];
{% else %}

{% endfor %}

/* Where each tensor and each operator's scratch lies. */
{{ places }}

/* The operators, in the order in which they run. */
{% for part in parts %}
int {{ part.symbol }}(void);
{% endfor %}

{{ functions }}

int tk_invoke(void)
{
{% for part in parts %}
    if ({{ part.symbol }}() != 0) {
        return {{ loop.index }};
    }
{% endfor %}
    return 0;
}

int tk_run(const int8_t *input, int8_t *output)
{
{% for place, start, count in inputs %}
    (void)__builtin_memcpy({{ place }}, input + {{ start }}, {{ count }});
{% endfor %}
    const int failed = tk_invoke();
    if (failed != 0) {
        return failed;
    }
{% for place, start, count in outputs %}
    (void)__builtin_memcpy(output + {{ start }}, {{ place }}, {{ count }});
{% endfor %}
    return 0;
}

int8_t *tk_input(int index)
{
    static int8_t *const places[TK_INPUTS] = { {{- inputs | map("first") | join(", ") -}} };
    return index >= 0 && index < TK_INPUTS ? places[index] : NULL;
}

const int8_t *tk_output(int index)
{
    static const int8_t *const places[TK_OUTPUTS] = { {{- outputs | map("first") | join(", ") -}} };
    return index >= 0 && index < TK_OUTPUTS ? places[index] : NULL;
}

int tk_scratch_check(void)
{
{% for index, code in checks %}
    if ({{ code.scratch_call }} > {{ "SCRATCH_BYTES_%d" % index if code.scratch | select | list else 0 }}) {
        return {{ index + 1 }};
    }
{% else %}

{% endfor %}
    return 0;
}
