"""Scratch buffers of ESP-NN's kernels with vector instructions (ESP32-S3, ESP32-P4): an upper bound.

Its `*_get_*_scratch_size` functions changed with the versions (espressif/esp-nn, src/convolution): a convolution asked
for filter and input as 16-bit numbers and eight pixels of its input at once, a depthwise one for filter and padded
input, both plus bytes to align. Newer versions ask for less where channels are a multiple of eight.
"""

from __future__ import annotations

from tinykit.model.graph import ModelGraph, Operator

_ALIGN_BYTES = 32
_PIXELS = 16


def list_espressif_scratch(graph: ModelGraph, reference: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    """The most bytes of scratch that any version asks for, by operator; only int8 convolutions have kernels that ask.

    Parameters
    ----------
    graph : the model. reference : scratch of the reference kernels, which run the other operators.
    """
    pairs = zip(graph.operators, reference, strict=True)
    return tuple(_most(graph, operator) or sizes for operator, sizes in pairs)


def _most(graph: ModelGraph, operator: Operator) -> tuple[int, ...]:
    if operator.name not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return ()
    image, kernel, output = (graph.tensors[index] for index in (*operator.inputs[:2], operator.outputs[0]))
    if image.dtype != "int8":
        return ()
    height, width, channels = image.shape[1:]
    rows, columns = kernel.shape[1:3]
    padded_rows = max(height, (output.shape[1] - 1) * operator.stride[0] + rows)
    padded_columns = max(width, (output.shape[2] - 1) * operator.stride[1] + columns)
    numbers = kernel.elements + padded_rows * padded_columns * channels
    return (2 * numbers + _PIXELS * channels + _ALIGN_BYTES,)
