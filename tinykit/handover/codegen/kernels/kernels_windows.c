/* Kernels that slide a window over rows and columns. Taps outside the input are left out. */
#include "kernels.h"

#include "fixed_point.h"

static int32_t first_tap(int32_t origin, int32_t dilation)
{
    return origin < 0 ? (dilation - 1 - origin) / dilation : 0;
}

static int32_t end_tap(int32_t origin, int32_t dilation, int32_t taps, int32_t size)
{
    const int32_t room = size - origin;
    const int32_t inside = room > 0 ? (room + dilation - 1) / dilation : 0;
    return inside < taps ? inside : taps;
}

/* Where one output position reads: the taps inside the input, and the element under the first of them. */
typedef struct {
    int32_t row, row_end, column, column_end;
    const int8_t *start;
} taps_inside;

static taps_inside find_taps(const tk_window *w, const int8_t *image, int32_t out_row, int32_t out_column)
{
    const int32_t top = out_row * w->stride_rows - w->pad_rows;
    const int32_t left = out_column * w->stride_columns - w->pad_columns;
    taps_inside taps;
    taps.row = first_tap(top, w->dilation_rows);
    taps.row_end = end_tap(top, w->dilation_rows, w->tap_rows, w->in_rows);
    taps.column = first_tap(left, w->dilation_columns);
    taps.column_end = end_tap(left, w->dilation_columns, w->tap_columns, w->in_columns);
    taps.start = image + ((top + taps.row * w->dilation_rows) * w->in_columns + left
                          + taps.column * w->dilation_columns) * w->in_channels;
    return taps;
}

static int8_t finish(const tk_window *w, int32_t sum, int32_t channel)
{
    return tk_clamp(tk_requantize(sum, w->multiplier[channel], w->shift[channel]) + w->out_offset, w->low, w->high);
}

static int32_t multiply_taps(const tk_window *w, const taps_inside *taps, const int8_t *start, const int8_t *filter)
{
    const int32_t row_step = w->dilation_rows * w->in_columns * w->in_channels;
    const int32_t column_step = w->dilation_columns * w->in_channels;
    const int32_t channels = w->tap_channels;
    const int32_t offset = w->in_offset;
    int32_t sum = 0;
    for (int32_t row = taps->row; row < taps->row_end; ++row, start += row_step) {
        const int8_t *input = start;
        const int8_t *weight = filter + (row * w->tap_columns + taps->column) * channels;
        for (int32_t column = taps->column; column < taps->column_end; ++column, input += column_step) {
            for (int32_t channel = 0; channel < channels; ++channel) {
                sum += (input[channel] + offset) * *weight++;
            }
        }
    }
    return sum;
}

void tk_conv_2d(const tk_window *w, const int8_t *input, int8_t *output)
{
    const int32_t filter_size = w->tap_rows * w->tap_columns * w->tap_channels;
    const int32_t outputs_in_group = w->out_channels / (w->in_channels / w->tap_channels);
    for (int32_t batch = 0; batch < w->batches; ++batch, input += w->in_rows * w->in_columns * w->in_channels) {
        for (int32_t row = 0; row < w->out_rows; ++row) {
            for (int32_t column = 0; column < w->out_columns; ++column) {
                const taps_inside taps = find_taps(w, input, row, column);
                for (int32_t channel = 0; channel < w->out_channels; ++channel) {
                    const int8_t *start = taps.start + channel / outputs_in_group * w->tap_channels;
                    const int8_t *filter = w->weights + channel * filter_size;
                    *output++ = finish(w, w->bias[channel] + multiply_taps(w, &taps, start, filter), channel);
                }
            }
        }
    }
}

static int32_t multiply_channel(const tk_window *w, const taps_inside *taps, const int8_t *start, const int8_t *filter)
{
    const int32_t row_step = w->dilation_rows * w->in_columns * w->in_channels;
    const int32_t column_step = w->dilation_columns * w->in_channels;
    const int32_t filter_step = w->out_channels;
    const int32_t offset = w->in_offset;
    int32_t sum = 0;
    for (int32_t row = taps->row; row < taps->row_end; ++row, start += row_step) {
        const int8_t *input = start;
        const int8_t *weight = filter + (row * w->tap_columns + taps->column) * filter_step;
        for (int32_t column = taps->column; column < taps->column_end; ++column) {
            sum += (*input + offset) * *weight;
            input += column_step;
            weight += filter_step;
        }
    }
    return sum;
}

void tk_depthwise_conv_2d(const tk_window *w, const int8_t *input, int8_t *output)
{
    const int32_t multiplier = w->out_channels / w->in_channels;
    for (int32_t batch = 0; batch < w->batches; ++batch, input += w->in_rows * w->in_columns * w->in_channels) {
        for (int32_t row = 0; row < w->out_rows; ++row) {
            for (int32_t column = 0; column < w->out_columns; ++column) {
                const taps_inside taps = find_taps(w, input, row, column);
                int32_t out_channel = 0;
                for (int32_t channel = 0; channel < w->in_channels; ++channel) {
                    for (int32_t copy = 0; copy < multiplier; ++copy, ++out_channel) {
                        const int32_t sum =
                            multiply_channel(w, &taps, taps.start + channel, w->weights + out_channel);
                        *output++ = finish(w, w->bias[out_channel] + sum, out_channel);
                    }
                }
            }
        }
    }
}

/* Mean of the taps inside, halves away from zero. */
static int32_t average(const tk_window *w, const taps_inside *taps, const int8_t *start)
{
    const int32_t count = (taps->row_end - taps->row) * (taps->column_end - taps->column);
    int32_t sum = 0;
    for (int32_t row = taps->row; row < taps->row_end; ++row, start += w->in_columns * w->in_channels) {
        const int8_t *input = start;
        for (int32_t column = taps->column; column < taps->column_end; ++column, input += w->in_channels) {
            sum += *input;
        }
    }
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

static int32_t largest(const tk_window *w, const taps_inside *taps, const int8_t *start)
{
    int32_t found = INT8_MIN;
    for (int32_t row = taps->row; row < taps->row_end; ++row, start += w->in_columns * w->in_channels) {
        const int8_t *input = start;
        for (int32_t column = taps->column; column < taps->column_end; ++column, input += w->in_channels) {
            found = *input > found ? *input : found;
        }
    }
    return found;
}

typedef int32_t pool_of(const tk_window *w, const taps_inside *taps, const int8_t *start);

static void pool_2d(const tk_window *w, const int8_t *input, int8_t *output, pool_of *reduce)
{
    for (int32_t batch = 0; batch < w->batches; ++batch, input += w->in_rows * w->in_columns * w->in_channels) {
        for (int32_t row = 0; row < w->out_rows; ++row) {
            for (int32_t column = 0; column < w->out_columns; ++column) {
                const taps_inside taps = find_taps(w, input, row, column);
                for (int32_t channel = 0; channel < w->in_channels; ++channel) {
                    *output++ = tk_clamp(reduce(w, &taps, taps.start + channel), w->low, w->high);
                }
            }
        }
    }
}

void tk_average_pool_2d(const tk_window *w, const int8_t *input, int8_t *output)
{
    pool_2d(w, input, output, average);
}

void tk_max_pool_2d(const tk_window *w, const int8_t *input, int8_t *output)
{
    pool_2d(w, input, output, largest);
}
