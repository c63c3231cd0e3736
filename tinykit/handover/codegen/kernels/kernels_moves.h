/* Copies of tensors of any type: what each kernel takes. */
#ifndef TK_KERNELS_MOVES_H_
#define TK_KERNELS_MOVES_H_

#include "kernels.h"

/* A grid of runs of bytes: its shape, and in bytes the step along each axis and the first run, of the source and of the target. */
typedef struct {
    int32_t shape[TK_AXES], steps[TK_AXES], to_steps[TK_AXES];
    int32_t start, to_start, run;
} tk_moving;

/* Rows and columns of an image (or entries of an axis: rows of one column) by their numbers; run is in bytes. */
typedef struct {
    int32_t batches, in_rows, in_columns, out_rows, out_columns, run;
} tk_picking;

void tk_move(const tk_moving *moving, const void *input, void *output);
void tk_fill(void *output, int32_t count, const uint8_t *value, int32_t size);
int tk_pick(const tk_picking *picking, const int32_t *rows, const int32_t *columns, const void *input, void *output);

#endif
