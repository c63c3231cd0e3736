/* Copies of tensors of any type, byte by byte. */
#include "kernels_moves.h"

static void copy_bytes(const uint8_t *from, uint8_t *to, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        to[i] = from[i];
    }
}

void tk_move(const tk_moving *m, const void *input, void *output)
{
    const int last = TK_AXES - 1;
    const uint8_t *from = (const uint8_t *)input + m->start;
    uint8_t *to = (uint8_t *)output + m->to_start;
    int32_t index[TK_AXES] = {0};
    int axis = last;
    while (axis >= 0) {
        int32_t at = 0, there = 0;
        for (int32_t i = 0; i < m->shape[last]; ++i, at += m->steps[last], there += m->to_steps[last]) {
            copy_bytes(from + at, to + there, m->run);
        }
        for (axis = last - 1; axis >= 0; --axis) {
            if (++index[axis] < m->shape[axis]) {
                from += m->steps[axis];
                to += m->to_steps[axis];
                break;
            }
            from -= m->steps[axis] * (m->shape[axis] - 1);
            to -= m->to_steps[axis] * (m->shape[axis] - 1);
            index[axis] = 0;
        }
    }
}

void tk_fill(void *output, int32_t count, const uint8_t *value, int32_t size)
{
    uint8_t *to = output;
    for (int32_t i = 0; i < count; ++i, to += size) {
        copy_bytes(value, to, size);
    }
}

int tk_pick(const tk_picking *p, const int32_t *rows, const int32_t *columns, const void *input, void *output)
{
    const uint8_t *from = input;
    uint8_t *to = output;
    for (int32_t batch = 0; batch < p->batches; ++batch, from += p->in_rows * p->in_columns * p->run) {
        for (int32_t row = 0; row < p->out_rows; ++row) {
            if (rows[row] < 0 || rows[row] >= p->in_rows) {
                return 1;
            }
            const uint8_t *line = from + rows[row] * p->in_columns * p->run;
            for (int32_t column = 0; column < p->out_columns; ++column, to += p->run) {
                copy_bytes(line + columns[column] * p->run, to, p->run);
            }
        }
    }
    return 0;
}
