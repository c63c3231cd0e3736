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
#define TK_INPUT_BYTES {{ inputs | map("last") | sum }}
#define TK_OUTPUT_BYTES {{ outputs | map("last") | sum }}
#define TK_OPERATORS {{ parts | length }}
{{ arena }}

#ifdef __cplusplus
extern "C" {
#endif

/* Runs the model: TK_INPUT_BYTES in, TK_OUTPUT_BYTES out, the tensors one after the other.
 * Returns 0, or 1 + the position of the operator that failed. Not reentrant: there is one arena. */
int tk_run(const int8_t *input, int8_t *output);

/* The same without copies: write tk_input(i) before every call, read tk_output(i) after it. */
int tk_invoke(void);
int8_t *tk_input(int index);
const int8_t *tk_output(int index);

/* Asks the kernels how much scratch they want; 0, or 1 + the position of an operator that was given too little. */
int tk_scratch_check(void);

#ifdef __cplusplus
}
#endif

#endif
