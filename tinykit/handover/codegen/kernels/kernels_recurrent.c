/* Operators that keep a state: LSTM over a sequence, SVDF. */
#include "kernels_recurrent.h"

#include "floats.h"
#include "sixteen.h"

#define INPUT_GATE 0
#define FORGET_GATE 1
#define CELL_GATE 2
#define OUTPUT_GATE 3

static int32_t product_of(const int8_t *weights, const int8_t *values, int32_t offset, int32_t count)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; ++i) {
        sum += (values[i] + offset) * weights[i];
    }
    return sum;
}

static int32_t saturate(int32_t value)
{
    return tk_clamp_wide(value, INT16_MIN, INT16_MAX);
}

/* A gate of one unit in Q3.12 before its curve. */
static int32_t gate_of(const tk_lstm *l, const tk_lstm_gate *g, const int8_t *input, const int8_t *hidden, int32_t unit)
{
    const int32_t from_input =
        product_of(g->in_weights + unit * l->inputs, input, l->in_offset, l->inputs) + g->bias[unit];
    const int32_t from_state = product_of(g->state_weights + unit * l->units, hidden, -l->hidden_zero, l->units);
    return saturate(saturate(tk_requantize(from_input, g->in_multiplier, g->in_shift))
                    + saturate(tk_requantize(from_state, g->state_multiplier, g->state_shift)));
}

static int32_t clip(int32_t value, int32_t limit)
{
    return limit == 0 ? value : (value < -limit ? -limit : (value > limit ? limit : value));
}

static void lstm_step(const tk_lstm *l, const int8_t *input, int8_t *hidden, int16_t *cell, int16_t *gates)
{
    for (int32_t unit = 0; unit < l->units; ++unit) {
        for (int32_t gate = 0; gate < 4; ++gate) {
            const int32_t x = 3 * gate_of(l, &l->gates[gate], input, hidden, unit);
            gates[4 * unit + gate] = gate == CELL_GATE ? tk_tanh_wide(l->table, x) : tk_sigmoid_wide(l->table, x);
        }
    }
    for (int32_t unit = 0; unit < l->units; ++unit, gates += 4) {
        const int32_t kept =
            saturate(tk_requantize(gates[FORGET_GATE] * cell[unit], l->keep_multiplier, l->keep_shift));
        const int32_t added =
            saturate(tk_requantize(gates[INPUT_GATE] * gates[CELL_GATE], l->add_multiplier, l->add_shift));
        cell[unit] = (int16_t)clip(saturate(kept + added), l->cell_clip);
        const int32_t curve = tk_tanh_wide(l->table, tk_to_table(cell[unit], l->cell_multiplier, l->cell_shift));
        const int32_t shown = tk_requantize(curve * gates[OUTPUT_GATE], l->out_multiplier, l->out_shift);
        hidden[unit] = tk_clamp(shown + l->hidden_zero, INT8_MIN, INT8_MAX);
    }
}

void tk_lstm_sequence(const tk_lstm *l, const int8_t *input, int8_t *hidden, int16_t *cell, void *scratch,
                      int8_t *output)
{
    for (int32_t batch = 0; batch < l->batches; ++batch) {
        for (int32_t step = 0; step < l->steps; ++step) {
            const int32_t place = l->time_major ? step * l->batches + batch : batch * l->steps + step;
            lstm_step(l, input + place * l->inputs, hidden, cell, scratch);
            for (int32_t unit = 0; unit < l->units; ++unit) {
                output[place * l->units + unit] = hidden[unit];
            }
        }
        hidden += l->units;
        cell += l->units;
    }
}

static float float_product_of(const float *weights, const float *values, int32_t count)
{
    float sum = 0.0f;
    for (int32_t i = 0; i < count; ++i) {
        sum += values[i] * weights[i];
    }
    return sum;
}

static void float_lstm_step(const tk_float_lstm *l, const float *input, float *hidden, float *cell, float *gates)
{
    for (int32_t unit = 0; unit < l->units; ++unit) {
        for (int32_t gate = 0; gate < 4; ++gate) {
            const tk_float_lstm_gate *g = &l->gates[gate];
            const float from_input = float_product_of(g->in_weights + unit * l->inputs, input, l->inputs);
            const float from_state = float_product_of(g->state_weights + unit * l->units, hidden, l->units);
            const float x = from_input + g->bias[unit] + from_state;
            gates[4 * unit + gate] = gate == CELL_GATE ? tk_tanh_of(x) : tk_sigmoid_of(x);
        }
    }
    for (int32_t unit = 0; unit < l->units; ++unit, gates += 4) {
        const float kept = gates[FORGET_GATE] * cell[unit];
        const float added = gates[INPUT_GATE] * gates[CELL_GATE];
        cell[unit] = tk_float_clamp(kept + added, -l->cell_clip, l->cell_clip);
        hidden[unit] = tk_tanh_of(cell[unit]) * gates[OUTPUT_GATE];
    }
}

void tk_float_lstm_sequence(const tk_float_lstm *l, const float *input, float *hidden, float *cell, void *scratch,
                            float *output)
{
    for (int32_t batch = 0; batch < l->batches; ++batch) {
        for (int32_t step = 0; step < l->steps; ++step) {
            const int32_t place = l->time_major ? step * l->batches + batch : batch * l->steps + step;
            float_lstm_step(l, input + place * l->inputs, hidden, cell, scratch);
            for (int32_t unit = 0; unit < l->units; ++unit) {
                output[place * l->units + unit] = hidden[unit];
            }
        }
        hidden += l->units;
        cell += l->units;
    }
}

void tk_svdf(const tk_svdf_filters *s, const int8_t *input, int16_t *state, int8_t *output)
{
    for (int32_t batch = 0; batch < s->batches; ++batch, input += s->inputs) {
        const int8_t *features = s->features;
        const int16_t *times = s->times;
        for (int32_t unit = 0; unit < s->units; ++unit) {
            int32_t sum = s->bias[unit];
            for (int32_t rank = 0; rank < s->rank; ++rank, features += s->inputs) {
                const int32_t feature = product_of(features, input, s->in_offset, s->inputs);
                const int32_t newest = tk_requantize(feature, s->feature_multiplier, s->feature_shift) + s->state_zero;
                for (int32_t past = 0; past < s->memory; ++past, ++times, ++state) {
                    *state = past + 1 < s->memory ? state[1] : tk_clamp_wide(newest, INT16_MIN, INT16_MAX);
                    sum += *times * (*state - s->state_zero);
                }
            }
            const int32_t value = tk_requantize(sum, s->multiplier, s->shift) + s->out_offset;
            *output++ = tk_clamp(value, INT8_MIN, INT8_MAX);
        }
    }
}

void tk_float_svdf(const tk_float_svdf_filters *s, const float *input, float *state, float *output)
{
    for (int32_t batch = 0; batch < s->batches; ++batch, input += s->inputs) {
        const float *features = s->features;
        const float *times = s->times;
        for (int32_t unit = 0; unit < s->units; ++unit) {
            float sum = s->bias[unit];
            for (int32_t rank = 0; rank < s->rank; ++rank, features += s->inputs) {
                const float newest = float_product_of(features, input, s->inputs);
                float filtered = 0.0f;
                for (int32_t past = 0; past < s->memory; ++past, ++times, ++state) {
                    *state = past + 1 < s->memory ? state[1] : newest;
                    filtered += *times * *state;
                }
                sum += filtered;
            }
            *output++ = tk_float_clamp(sum, s->low, s->high);
        }
    }
}
