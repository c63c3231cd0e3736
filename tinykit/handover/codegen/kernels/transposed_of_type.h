/* Transposed convolution of one type of element, by the macros of windows_of_type.h and INPUT(w, value).
 * Each output gathers what TensorFlow Lite Micro scatters, in the same order: in row, in column, channel. */

static SUM KERNEL(gather)(const WINDOW *w, const ELEMENT *image, const WEIGHT *filter, int32_t top, int32_t left)
{
    SUM sum = 0;
    const int32_t first_row = top < w->tap_rows ? 0 : (top - w->tap_rows) / w->stride_rows + 1;
    const int32_t first_column = left < w->tap_columns ? 0 : (left - w->tap_columns) / w->stride_columns + 1;
    for (int32_t row = first_row; row < w->in_rows && row * w->stride_rows <= top; ++row) {
        const int32_t tap_row = top - row * w->stride_rows;
        for (int32_t column = first_column; column < w->in_columns && column * w->stride_columns <= left; ++column) {
            const int32_t tap = tap_row * w->tap_columns + left - column * w->stride_columns;
            const ELEMENT *input = image + (row * w->in_columns + column) * w->in_channels;
            for (int32_t channel = 0; channel < w->in_channels; ++channel) {
                sum += INPUT(w, input[channel]) * filter[tap * w->in_channels + channel];
            }
        }
    }
    return sum;
}

void KERNEL(transpose_conv)(const WINDOW *w, const ELEMENT *input, ELEMENT *output)
{
    const int32_t filter_size = w->tap_rows * w->tap_columns * w->in_channels;
    for (int32_t batch = 0; batch < w->batches; ++batch, input += w->in_rows * w->in_columns * w->in_channels) {
        for (int32_t row = 0; row < w->out_rows; ++row) {
            for (int32_t column = 0; column < w->out_columns; ++column) {
                for (int32_t channel = 0; channel < w->out_channels; ++channel) {
                    const WEIGHT *filter = w->weights + channel * filter_size;
                    const SUM sum = KERNEL(gather)(w, input, filter, row + w->pad_rows, column + w->pad_columns);
                    *output++ = FINISH(w, sum, channel);
                }
            }
        }
    }
}
