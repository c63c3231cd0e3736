"""Scratch buffers that a kernel asks for while it runs, by kernel set and core.

CMSIS-NN's sizes follow its `*_get_buffer_size` functions (CMSIS-NN 4.0 and later, Source/ConvolutionFunctions,
FullyConnectedFunctions, PoolingFunctions): they differ between cores with Helium (MVE), with the DSP extension,
and with neither. Of TFLM's reference kernels reductions, transposed convolutions and SVDF need some, with either
kernel set; their sizes are those that the x86-64 interpreter records (tests/test_arena.py). Not tabulated: LSTM.
"""

from __future__ import annotations

import math

from tinykit.graph import ModelGraph, Operator

_MVE_CORES = ("cortex-m55", "cortex-m85")
_DSP_CORES = ("cortex-m4", "cortex-m7", "cortex-m33")
_MVE_CHANNEL_BLOCK = 124


def list_scratch_bytes(
    graph: ModelGraph, runtime: str, core: str, *, older: bool = False
) -> tuple[tuple[int, ...], ...]:
    """Sizes in bytes of the scratch buffers each operator asks for, in operator order.

    Parameters
    ----------
    graph : the model.
    runtime : "tflm-cmsis-nn" or "tflm-reference".
    core : lower-case Arm name, such as "cortex-m55".
    older : as CMSIS-NN before its depthwise 3 × 3 kernel went without a buffer on cores with the DSP extension
        (kws on an nRF52840: 24,164 bytes, with today's kernels 22,820).
    """
    sizes = tuple(_operator_scratch(graph, operator, runtime, core) for operator in graph.operators)
    if not older or runtime != "tflm-cmsis-nn" or core not in _DSP_CORES:
        return sizes
    pairs = zip(graph.operators, sizes, strict=True)
    return tuple(size or _older_depthwise(graph, operator) for operator, size in pairs)


def _older_depthwise(graph: ModelGraph, operator: Operator) -> tuple[int, ...]:
    if operator.name != "DEPTHWISE_CONV_2D" or operator.depth_multiplier != 1:
        return ()
    return (2 * math.prod(graph.tensors[operator.inputs[1]].shape[1:]),)


def _operator_scratch(graph: ModelGraph, operator: Operator, runtime: str, core: str) -> tuple[int, ...]:
    if operator.name in _REFERENCE_RULES:
        return _REFERENCE_RULES[operator.name](graph, operator)
    rule = _CMSIS_RULES.get(operator.name)
    if runtime != "tflm-cmsis-nn" or rule is None:
        return ()
    if graph.tensors[operator.inputs[0]].dtype != "int8":
        return ()
    size = rule(graph, operator, core)
    return (size,) if size else ()


def _conv(graph: ModelGraph, operator: Operator, core: str) -> int:
    height, width, channels = graph.tensors[operator.inputs[1]].shape[1:]
    if (height, width) == (1, 1) and operator.dilation == (1, 1):
        return 0
    columns = height * width * channels
    if core in _MVE_CORES:
        return 4 * 8 * math.ceil(columns / 8)
    return 2 * 2 * 4 * math.ceil(columns / 4)


def _depthwise(graph: ModelGraph, operator: Operator, core: str) -> int:
    height, width, channels = graph.tensors[operator.inputs[1]].shape[1:]
    if operator.depth_multiplier != 1 or operator.dilation != (1, 1):
        return 0
    if core in _MVE_CORES:
        return 4 * _MVE_CHANNEL_BLOCK * height * width
    if (height, width) == (3, 3) or core not in _DSP_CORES:
        return 0
    return 2 * channels * height * width


def _fully_connected(graph: ModelGraph, operator: Operator, core: str) -> int:
    return 4 * graph.tensors[operator.inputs[1]].shape[0] if core in _MVE_CORES else 0


def _average_pool(graph: ModelGraph, operator: Operator, core: str) -> int:
    return 4 * graph.tensors[operator.inputs[0]].shape[-1] if core in _DSP_CORES else 0


def _reduce(graph: ModelGraph, operator: Operator) -> tuple[int, ...]:
    """Index and axes of a reduction."""
    values, axes = (graph.tensors[index] for index in operator.inputs[:2])
    return 4 * len(values.shape), 4 * axes.elements


def _sum(graph: ModelGraph, operator: Operator) -> tuple[int, ...]:
    """Index and axes, and 32-bit sums of integers."""
    sums = () if _is_float(graph, operator.inputs[0]) else (4 * graph.tensors[operator.outputs[0]].elements,)
    return (*_reduce(graph, operator), *sums)


def _transpose_conv(graph: ModelGraph, operator: Operator) -> tuple[int, ...]:
    """Accumulators of the whole output: 32-bit for int8, 64-bit for int16."""
    if len(operator.inputs) < 3 or _is_float(graph, operator.inputs[2]):
        return ()
    output = graph.tensors[operator.outputs[0]]
    return ((8 if output.dtype == "int16" else 4) * output.elements,)


def _svdf(graph: ModelGraph, operator: Operator) -> tuple[int, ...]:
    """32-bit results of the filters, and of the units for int8."""
    values, features = (graph.tensors[index] for index in operator.inputs[:2])
    filters = 4 * values.shape[0] * features.shape[0]
    return (filters,) if values.dtype == "float32" else (filters, 4 * graph.tensors[operator.outputs[0]].elements)


def _is_float(graph: ModelGraph, index: int) -> bool:
    return graph.tensors[index].dtype == "float32"


_REFERENCE_RULES = {
    "MEAN": _sum,
    "SUM": _sum,
    "REDUCE_MAX": _reduce,
    "REDUCE_MIN": _reduce,
    "TRANSPOSE_CONV": _transpose_conv,
    "SVDF": _svdf,
}

_CMSIS_RULES = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _average_pool,
}
