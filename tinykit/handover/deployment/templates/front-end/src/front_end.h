/* From samples of the sensor to the network's input, in whole numbers: the same codes as on the computer that trained. */
{{ about }}
#ifndef {{ guard }}_FRONT_END_H_
#define {{ guard }}_FRONT_END_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A window as it is recorded: samples of all channels, one time after the other, 32768 standing for {{ front.full_scale }}. */
#define {{ guard }}_RAW_SAMPLES {{ front.samples * front.factor }}
#define {{ guard }}_RAW_CHANNELS {{ front.recorded }}
/* What it becomes: {{ front.shape | join(" x ") }} codes for the network. */
#define {{ guard }}_FRONT_END_BYTES {{ front.shape[0] * front.shape[1] * front.shape[2] }}

/* {{ words }} */
void {{ name }}_front_end(const int16_t *raw, int8_t *codes);

/* Computes the golden windows again; returns how many come out otherwise. */
int {{ name }}_front_end_self_test(void);

#ifdef __cplusplus
}
#endif

#endif
