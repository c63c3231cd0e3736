/* Operators that keep a state. */
#ifndef TK_KERNELS_RECURRENT_H_
#define TK_KERNELS_RECURRENT_H_

#include "kernels.h"

/* LSTM over a sequence; gates are those of input, forgetting, cell and output. */
typedef struct {
    const int8_t *in_weights, *state_weights;
    const int32_t *bias;
    int32_t in_multiplier, in_shift, state_multiplier, state_shift;
} tk_lstm_gate;

typedef struct {
    int32_t batches, steps, inputs, units, time_major, in_offset, hidden_zero, cell_clip;
    int32_t keep_multiplier, keep_shift, add_multiplier, add_shift, cell_multiplier, cell_shift;
    int32_t out_multiplier, out_shift;
    tk_lstm_gate gates[4];
    const int16_t *table;
} tk_lstm;

typedef struct {
    const float *in_weights, *state_weights, *bias;
} tk_float_lstm_gate;

typedef struct {
    int32_t batches, steps, inputs, units, time_major;
    float cell_clip;
    tk_float_lstm_gate gates[4];
} tk_float_lstm;

/* Filters over features, then over the last `memory` steps of time; `rank` filters make a unit. */
typedef struct {
    int32_t batches, inputs, units, rank, memory, in_offset, state_zero, out_offset;
    int32_t feature_multiplier, feature_shift, multiplier, shift;
    const int8_t *features;
    const int16_t *times;
    const int32_t *bias;
} tk_svdf_filters;

typedef struct {
    int32_t batches, inputs, units, rank, memory;
    float low, high;
    const float *features, *times, *bias;
} tk_float_svdf_filters;

void tk_lstm_sequence(const tk_lstm *lstm, const int8_t *input, int8_t *hidden, int16_t *cell, void *scratch,
                      int8_t *output);
void tk_svdf(const tk_svdf_filters *svdf, const int8_t *input, int16_t *state, int8_t *output);
void tk_float_lstm_sequence(const tk_float_lstm *lstm, const float *input, float *hidden, float *cell, void *scratch,
                            float *output);
void tk_float_svdf(const tk_float_svdf_filters *svdf, const float *input, float *state, float *output);

#endif
