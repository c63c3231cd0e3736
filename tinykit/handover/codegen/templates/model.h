{{ about }}
#ifndef {{ guard }}_MODEL_H_
#define {{ guard }}_MODEL_H_

#include <stdint.h>

/* Which kernels the core runs decides how much scratch they need, and so the size of the arena. */
#if defined(__ARM_FEATURE_MVE) && __ARM_FEATURE_MVE
#define TK_MVE 1
#define TK_DSP 0
#elif defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
#define TK_MVE 0
#define TK_DSP 1
#else
#define TK_MVE 0
#define TK_DSP 0
#endif

#define TK_INPUTS {{ inputs | length }}
#define TK_OUTPUTS {{ outputs | length }}
#define TK_INPUT_BYTES {{ inputs | map(attribute="nbytes") | sum }}
#define TK_OUTPUT_BYTES {{ outputs | map(attribute="nbytes") | sum }}
#define TK_OPERATORS {{ parts | length }}
{{ arena }}
{% if named %}

/* Each input and output: its position, where it begins in the bytes of tk_run, and how many it has. */
{% for kind, ends in (("INPUT", inputs), ("OUTPUT", outputs)) %}
{% for one in ends %}
/* {{ one.about }} */
#define TK_{{ kind }}_{{ one.name }}_INDEX {{ loop.index0 }}
#define TK_{{ kind }}_{{ one.name }}_START {{ one.start }}
#define TK_{{ kind }}_{{ one.name }}_BYTES {{ one.nbytes }}
{% endfor %}
{% endfor %}
{% endif %}

#ifdef __cplusplus
extern "C" {
#endif

/* Runs the model: TK_INPUT_BYTES in, TK_OUTPUT_BYTES out, the tensors one after the other.
 * Returns 0, or 1 + the position of the operator that failed. Not reentrant: there is one arena. */
int tk_run(const {{ end }} *input, {{ end }} *output);

{% if row_bytes %}
/* Writes `count` rows of the input to `to`, from row `first` on, TK_ROW_BYTES each; 0, or another number to stop the run.
 * Asked for rows in rising order, for each once at most: those that nothing reads are left out. */
typedef int (*tk_row_source)(void *context, int32_t first, int32_t count, int8_t *to);
#define TK_ROW_BYTES {{ row_bytes }}

/* The same with an input that comes row by row, as from a camera; it is never whole in memory. */
int tk_run_rows(tk_row_source source, void *context, {{ end }} *output);

/* Goes on with the source of the last run; read tk_output(i) after it. */
int tk_invoke(void);
{% else %}
/* The same without copies: write tk_input(i) before every call, read tk_output(i) after it. */
int tk_invoke(void);
{{ end }} *tk_input(int index);
{% endif %}
const {{ end }} *tk_output(int index);
{% if states %}

/* Puts what is kept between two runs back to where it was before the first. */
void tk_reset(void);
{% endif %}

/* Asks the kernels how much scratch they want; 0, or 1 + the position of an operator that was given too little. */
int tk_scratch_check(void);

#ifdef __cplusplus
}
#endif

#endif
