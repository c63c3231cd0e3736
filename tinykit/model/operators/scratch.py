"""Scratch buffers that TFLM's reference kernels ask for while they run.

Reductions, mirrored padding, transposed convolutions, SVDF and LSTM need some; CMSIS-NN's set runs the same kernels
where it has none of its own. Sizes are those that the x86-64 interpreter records (tests/test_arena.py).
"""

from __future__ import annotations

from collections.abc import Callable

from tinykit.model.operators.call import Call

ScratchRule = Callable[[Call], tuple[int, ...]]
"""Bytes of each buffer, in the order in which the kernel asks for them."""

LSTM_CELL = 19
"""Position of the input that holds the state of an LSTM's cells."""


def _reduction(call: Call) -> tuple[int, ...]:
    """Index and axes of a reduction."""
    return 4 * len(call.read(0).shape), 4 * call.read(1).elements


def _sums(call: Call) -> tuple[int, ...]:
    """Index and axes, and 32-bit sums of integers."""
    sums = () if call.read(0).dtype == "float32" else (4 * call.outputs[0].elements,)
    return (*_reduction(call), *sums)


def _dimensions(call: Call) -> tuple[int, ...]:
    """Elements below each dimension, of the input and of the output."""
    return (4 * len(call.read(0).shape),) * 2


def accumulate_output(call: Call) -> tuple[int, ...]:
    """Accumulators of the whole output of a transposed convolution: 32-bit for int8, 64-bit for int16."""
    if call.read(2).dtype == "float32":
        return ()
    return ((8 if call.outputs[0].dtype == "int16" else 4) * call.outputs[0].elements,)


def _filters(call: Call) -> tuple[int, ...]:
    """32-bit results of an SVDF's filters, and of its units for int8."""
    values, features = call.read(0), call.read(1)
    filters = 4 * values.shape[0] * features.shape[0]
    return (filters,) if values.dtype == "float32" else (filters, 4 * call.outputs[0].elements)


def size_cells(call: Call) -> tuple[int, ...]:
    """Four buffers of the size of an LSTM's cells."""
    return (call.read(LSTM_CELL).nbytes,) * 4


RULES: dict[str, ScratchRule] = {
    "reduction": _reduction,
    "sums": _sums,
    "dimensions": _dimensions,
    "output": accumulate_output,
    "filters": _filters,
    "cells": size_cells,
}
