{{ about }}
#include "model.h"

#include <stddef.h>

#include "kernels.h"
{% for header in headers %}
#include "{{ header }}"
{% endfor %}
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
{% if states %}

/* What is kept from one run to the next. */
static _Alignas(16) int8_t tk_state[{{ state_bytes }}];
static int tk_state_is_set;
{% for state in states %}
{% for tensor in state.tensors %}
#define STATE_{{ tensor }} (tk_state + {{ state.offset }})
{% endfor %}
{% endfor %}

void tk_reset(void)
{
{% for line in resets %}
    {{ line }}
{% endfor %}
    tk_state_is_set = 1;
}
{% endif %}

{% if row_bytes %}
/* Who delivers the input, row by row. */
static tk_row_source tk_source;
static void *tk_context;

{% endif %}
/* The operators, in the order in which they run. */
{% for part in parts %}
int {{ part.symbol }}(void);
{% endfor %}

{{ functions }}

int tk_invoke(void)
{
{% if states %}
    if (!tk_state_is_set) {
        tk_reset();
    }
{% endif %}
{% for part in parts %}
    if ({{ part.symbol }}() != 0) {
        return {{ loop.index }};
    }
{% endfor %}
    return 0;
}

{% if row_bytes %}
int tk_run_rows(tk_row_source source, void *context, {{ end }} *output)
{
    tk_source = source;
    tk_context = context;
{% else %}
int tk_run(const {{ end }} *input, {{ end }} *output)
{
{% for one in inputs %}
    (void)__builtin_memcpy({{ one.place }}, {{ "(const int8_t *)" if end == "void" }}input + {{ one.start }}, {{ one.nbytes }});
{% endfor %}
{% endif %}
    const int failed = tk_invoke();
    if (failed != 0) {
        return failed;
    }
{% for one in outputs %}
    (void)__builtin_memcpy({{ "(int8_t *)" if end == "void" }}output + {{ one.start }}, {{ one.place }}, {{ one.nbytes }});
{% endfor %}
    return 0;
}

{% if row_bytes %}
static int tk_take_rows(void *context, int32_t first, int32_t count, int8_t *to)
{
    (void)__builtin_memcpy(to, *(const int8_t **)context + first * TK_ROW_BYTES, (size_t)(count * TK_ROW_BYTES));
    return 0;
}

int tk_run(const {{ end }} *input, {{ end }} *output)
{
    const int8_t *rows = (const int8_t *)input;
    return tk_run_rows(tk_take_rows, &rows, output);
}
{% else %}
{{ end }} *tk_input(int index)
{
    static {{ end }} *const places[TK_INPUTS] = { {{- inputs | map(attribute="place") | join(", ") -}} };
    return index >= 0 && index < TK_INPUTS ? places[index] : NULL;
}
{% endif %}

const {{ end }} *tk_output(int index)
{
    static const {{ end }} *const places[TK_OUTPUTS] = { {{- outputs | map(attribute="place") | join(", ") -}} };
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
