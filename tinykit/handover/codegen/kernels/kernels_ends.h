/* Between types: what each kernel takes. */
#ifndef TK_KERNELS_ENDS_H_
#define TK_KERNELS_ENDS_H_

#include "kernels.h"

/* value = scale * (code - zero_point) */
typedef struct {
    int32_t count, zero_point;
    float scale;
} tk_scaling;

void tk_rescale_8_16(const tk_rescale *rescale, const int8_t *input, int16_t *output);
void tk_rescale_8_32(const tk_rescale *rescale, const int8_t *input, int32_t *output);
void tk_rescale_16_8(const tk_rescale *rescale, const int16_t *input, int8_t *output);
void tk_rescale_16_16(const tk_rescale *rescale, const int16_t *input, int16_t *output);
void tk_rescale_16_32(const tk_rescale *rescale, const int16_t *input, int32_t *output);
void tk_rescale_32_8(const tk_rescale *rescale, const int32_t *input, int8_t *output);
void tk_rescale_32_16(const tk_rescale *rescale, const int32_t *input, int16_t *output);

void tk_quantize_to_int8(const tk_scaling *scaling, const float *input, int8_t *output);
void tk_quantize_to_uint8(const tk_scaling *scaling, const float *input, uint8_t *output);
void tk_quantize_to_int16(const tk_scaling *scaling, const float *input, int16_t *output);
void tk_dequantize_int8(const tk_scaling *scaling, const int8_t *input, float *output);
void tk_dequantize_uint8(const tk_scaling *scaling, const uint8_t *input, float *output);
void tk_dequantize_int16(const tk_scaling *scaling, const int16_t *input, float *output);

#endif
