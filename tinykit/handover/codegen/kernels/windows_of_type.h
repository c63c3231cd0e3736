/* Convolutions and pools of one type of element. Who includes this defines ELEMENT, WEIGHT, SUM (of products), WINDOW
 * (the struct), KERNEL(name), LOWEST, FINISH(w, sum, channel), AVERAGE(sum, count) and CLAMP(w, value).
 * Sums run in the order row, column, channel; taps outside the input are left out. */

/* Where one output position reads: the taps inside the input, and the element under the first of them. */
typedef struct {
    int32_t row, row_end, column, column_end;
    const ELEMENT *start;
} taps_inside;

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

static taps_inside find_taps(const WINDOW *w, const ELEMENT *image, int32_t out_row, int32_t out_column)
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

/* Makes the channels of one output position. */
typedef void position_of(const WINDOW *w, const taps_inside *taps, ELEMENT *output);

static inline void for_each_position(const WINDOW *w, const ELEMENT *input, ELEMENT *output, position_of *make)
{
    for (int32_t batch = 0; batch < w->batches; ++batch, input += w->in_rows * w->in_columns * w->in_channels) {
        for (int32_t row = 0; row < w->out_rows; ++row) {
            for (int32_t column = 0; column < w->out_columns; ++column, output += w->out_channels) {
                const taps_inside taps = find_taps(w, input, row, column);
                make(w, &taps, output);
            }
        }
    }
}

/* Products of some channels under each tap with as many weights; filter_step is from tap to tap. */
static inline SUM multiply_taps(const WINDOW *w, const taps_inside *taps, const ELEMENT *start, const WEIGHT *filter,
                                int32_t channels, int32_t filter_step)
{
    const int32_t row_step = w->dilation_rows * w->in_columns * w->in_channels;
    const int32_t column_step = w->dilation_columns * w->in_channels;
    SUM sum = 0;
    for (int32_t row = taps->row; row < taps->row_end; ++row, start += row_step) {
        const ELEMENT *input = start;
        const WEIGHT *weight = filter + (row * w->tap_columns + taps->column) * filter_step;
        for (int32_t column = taps->column; column < taps->column_end; ++column) {
            for (int32_t channel = 0; channel < channels; ++channel) {
                sum += input[channel] * weight[channel];
            }
            input += column_step;
            weight += filter_step;
        }
    }
    return sum;
}

static void convolve(const WINDOW *w, const taps_inside *taps, ELEMENT *output)
{
    const int32_t filter_size = w->tap_rows * w->tap_columns * w->tap_channels;
    const int32_t outputs_in_group = w->out_channels / (w->in_channels / w->tap_channels);
    for (int32_t channel = 0; channel < w->out_channels; ++channel) {
        const ELEMENT *start = taps->start + channel / outputs_in_group * w->tap_channels;
        const WEIGHT *filter = w->weights + channel * filter_size;
        output[channel] = FINISH(w, multiply_taps(w, taps, start, filter, w->tap_channels, w->tap_channels), channel);
    }
}

static void convolve_depthwise(const WINDOW *w, const taps_inside *taps, ELEMENT *output)
{
    const int32_t multiplier = w->out_channels / w->in_channels;
    for (int32_t channel = 0; channel < w->out_channels; ++channel) {
        const ELEMENT *start = taps->start + channel / multiplier;
        output[channel] = FINISH(w, multiply_taps(w, taps, start, w->weights + channel, 1, w->out_channels), channel);
    }
}

static void average(const WINDOW *w, const taps_inside *taps, ELEMENT *output)
{
    const int32_t count = (taps->row_end - taps->row) * (taps->column_end - taps->column);
    for (int32_t channel = 0; channel < w->in_channels; ++channel) {
        const ELEMENT *start = taps->start + channel;
        SUM sum = 0;
        for (int32_t row = taps->row; row < taps->row_end; ++row, start += w->in_columns * w->in_channels) {
            for (int32_t column = 0; column < taps->column_end - taps->column; ++column) {
                sum += start[column * w->in_channels];
            }
        }
        output[channel] = CLAMP(w, AVERAGE(sum, count));
    }
}

static void find_largest(const WINDOW *w, const taps_inside *taps, ELEMENT *output)
{
    for (int32_t channel = 0; channel < w->in_channels; ++channel) {
        const ELEMENT *start = taps->start + channel;
        ELEMENT found = LOWEST;
        for (int32_t row = taps->row; row < taps->row_end; ++row, start += w->in_columns * w->in_channels) {
            for (int32_t column = 0; column < taps->column_end - taps->column; ++column) {
                const ELEMENT value = start[column * w->in_channels];
                found = value > found ? value : found;
            }
        }
        output[channel] = CLAMP(w, found);
    }
}

void KERNEL(conv_2d)(const WINDOW *w, const ELEMENT *input, ELEMENT *output)
{
    for_each_position(w, input, output, convolve);
}

void KERNEL(depthwise_conv_2d)(const WINDOW *w, const ELEMENT *input, ELEMENT *output)
{
    for_each_position(w, input, output, convolve_depthwise);
}

void KERNEL(average_pool_2d)(const WINDOW *w, const ELEMENT *input, ELEMENT *output)
{
    for_each_position(w, input, output, average);
}

void KERNEL(max_pool_2d)(const WINDOW *w, const ELEMENT *input, ELEMENT *output)
{
    for_each_position(w, input, output, find_largest);
}
