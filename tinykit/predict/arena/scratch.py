"""Scratch buffers that a kernel asks for while it runs, by kernel set and core.

CMSIS-NN's sizes follow its `*_get_buffer_size` functions as they are in 2026 (CMSIS-NN Source/ConvolutionFunctions,
PoolingFunctions; TFLM tensorflow/lite/micro/kernels/cmsis_nn): they differ between cores with Helium (MVE), with the
DSP extension, and with neither. Of TFLM's reference kernels reductions, mirrored padding, transposed convolutions,
SVDF and LSTM need some, with either kernel set; their sizes are those that the x86-64 interpreter records
(tests/test_arena.py).
"""

from __future__ import annotations

import math

from tinykit.model.graph import ModelGraph, Operator

_MVE_CORES = ("cortex-m55", "cortex-m85")
_DSP_CORES = ("cortex-m4", "cortex-m7", "cortex-m33")
_MVE_CHANNEL_BLOCK = 124
_LSTM_CELL = 19
_REVERSE_CHANNELS = 16
"""A transposed convolution of more input channels is computed as a convolution with its filter reversed."""


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
        (kws on an nRF52840: 24,164 bytes, with today's kernels 22,820), and before it had transposed convolutions.
    """
    sizes = tuple(_operator_scratch(graph, operator, runtime, core) for operator in graph.operators)
    if not older or runtime != "tflm-cmsis-nn":
        return sizes
    pairs = zip(graph.operators, sizes, strict=True)
    return tuple(_older_scratch(graph, operator, core) or size for operator, size in pairs)


def keep_kernel_sums(
    graph: ModelGraph, scratch_bytes: tuple[tuple[int, ...], ...], core: str
) -> tuple[tuple[tuple[int, ...], ...], int]:
    """Scratch and tail where TFLM keeps the weight sums of fully connected kernels, which Helium's kernels need.

    Built for speed (`KERNELS_OPTIMIZED_FOR_SPEED`, its makefile's default) they lie in the tail; the builds that were
    linked sum again at each call, into scratch.

    Parameters
    ----------
    graph, core : the model and its core. scratch_bytes : of `list_scratch_bytes`.
    """
    if core not in _MVE_CORES:
        return scratch_bytes, 0
    dense = [operator.name == "FULLY_CONNECTED" for operator in graph.operators]
    kept = sum(sum(sizes) for sizes, is_dense in zip(scratch_bytes, dense, strict=True) if is_dense)
    rest = tuple(() if is_dense else sizes for sizes, is_dense in zip(scratch_bytes, dense, strict=True))
    return rest, kept


def list_kept_sums(graph: ModelGraph, operator: Operator, core: str) -> tuple[int, ...]:
    """Weight sums that CMSIS-NN's kernels of recurrent layers keep in the tail, in bytes.

    SVDF: one a filter with Helium. LSTM: on every core one a unit for the input and the state of each of four gates.
    """
    if _input_dtype(graph, operator) not in ("int8", "int16"):
        return ()
    if operator.name == "SVDF" and core in _MVE_CORES:
        return (4 * graph.tensors[operator.inputs[1]].shape[0],)
    if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        sums = 8 if _input_dtype(graph, operator) == "int16" else 4
        return (sums * graph.tensors[operator.outputs[0]].shape[-1],) * 8
    return ()


def goes_as_convolution(graph: ModelGraph, operator: Operator) -> bool:
    """Whether CMSIS-NN computes a fully connected operator as a 1 × 1 convolution: rank above 2, depth of 4 n."""
    rank, depth = len(graph.tensors[operator.outputs[0]].shape), graph.tensors[operator.inputs[1]].shape[-1]
    return rank > 2 and depth % 4 == 0 and graph.tensors[operator.inputs[0]].dtype == "int8"


def _older_scratch(graph: ModelGraph, operator: Operator, core: str) -> tuple[int, ...]:
    if operator.name == "TRANSPOSE_CONV":
        return _transpose_conv(graph, operator)
    if operator.name != "DEPTHWISE_CONV_2D" or operator.depth_multiplier != 1 or core not in _DSP_CORES:
        return ()
    return (2 * math.prod(graph.tensors[operator.inputs[1]].shape[1:]),)


def _operator_scratch(graph: ModelGraph, operator: Operator, runtime: str, core: str) -> tuple[int, ...]:
    if runtime == "tflm-cmsis-nn" and operator.name == "TRANSPOSE_CONV" and _input_dtype(graph, operator) == "int8":
        return _reversed_conv(graph, operator, core)
    if operator.name in _REFERENCE_RULES:
        sizes = _REFERENCE_RULES[operator.name](graph, operator)
        # CMSIS-NN computes the integer LSTM in three buffers, the reference in four.
        return sizes[:3] if runtime == "tflm-cmsis-nn" and list_kept_sums(graph, operator, "") else sizes
    rules = {"int8": _CMSIS_RULES, "int16": _CMSIS_RULES_INT16}.get(_input_dtype(graph, operator), {})
    rule = rules.get(operator.name)
    if runtime != "tflm-cmsis-nn" or rule is None:
        return ()
    size = rule(graph, operator, core)
    return (size,) if size else ()


def _input_dtype(graph: ModelGraph, operator: Operator) -> str:
    """Of the activations: a transposed convolution has them third."""
    place = 2 if operator.name == "TRANSPOSE_CONV" else 0
    return graph.tensors[operator.inputs[place]].dtype if len(operator.inputs) > place else ""


def _conv(graph: ModelGraph, operator: Operator, core: str) -> int:
    """None for 1 × 1; patches of all input channels, though the filters of a grouped convolution see fewer."""
    height, width, filtered = graph.tensors[operator.inputs[1]].shape[1:]
    channels = graph.tensors[operator.inputs[0]].shape[-1]
    if (height, width) == (1, 1) and operator.dilation == (1, 1) and channels == filtered:
        return 0
    if core in _MVE_CORES and _is_one_by_n(graph, operator):
        return _one_by_n(graph, operator, width, channels)
    return _patches(height * width * channels, core)


def _patches(columns: int, core: str) -> int:
    """Patches of the input laid out as columns: four in whole vectors of 16 with Helium, two of int16 elsewhere."""
    return 4 * 16 * math.ceil(columns / 16) if core in _MVE_CORES else 2 * 2 * 4 * math.ceil(columns / 4)


def _is_one_by_n(graph: ModelGraph, operator: Operator) -> bool:
    shape, filter_shape = (graph.tensors[index].shape for index in operator.inputs[:2])
    in_rows = shape[1] == filter_shape[1] == operator.dilation[1] == 1 and shape[-1] == filter_shape[-1]
    return in_rows and operator.stride[1] * shape[-1] % 4 == 0


def _one_by_n(graph: ModelGraph, operator: Operator, width: int, channels: int) -> int:
    """One padded row at the left or right end; the general buffer where padding takes more than the whole row."""
    inside, outside = (graph.tensors[index].shape[2] for index in (operator.inputs[0], operator.outputs[0]))
    stride, total = operator.stride[1], (outside - 1) * operator.stride[1] + width - inside
    pad = max(0, total) // 2 if operator.padding == "SAME" else 0
    odd = math.fmod(total, 2) != 0
    right = max(1, -(-(pad + odd) // stride)) if pad + odd else 0
    left = max(1, -(-pad // stride)) if pad else 0
    if left + right > outside:
        return _patches(width * channels, "cortex-m55")
    return max(width + pad, width - 1 + (right if odd else pad)) * channels


def _conv_int16(graph: ModelGraph, operator: Operator, core: str) -> int:
    columns = math.prod(graph.tensors[operator.inputs[1]].shape[1:3]) * graph.tensors[operator.inputs[0]].shape[-1]
    return 4 * 2 * 8 * math.ceil(columns / 8) if core in _MVE_CORES else 2 * 2 * columns


def _reversed_conv(graph: ModelGraph, operator: Operator, core: str) -> tuple[int, ...]:
    """Patches and the reversed filter for many channels, 32-bit rows of the output for few."""
    values, weights = (graph.tensors[operator.inputs[place]].shape for place in (2, 1))
    filters, height, width, channels = weights
    if max(operator.stride) <= 2 and channels > _REVERSE_CHANNELS:
        return _patches(height * width * channels, core), filters * height * width * channels
    across = (values[2] - 1) * operator.stride[1] + max(width, operator.stride[0])
    return (4 * across * filters * max(height, operator.stride[0]),)


def _depthwise(graph: ModelGraph, operator: Operator, core: str) -> int:
    height, width, channels = graph.tensors[operator.inputs[1]].shape[1:]
    values = graph.tensors[operator.inputs[0]].shape
    if values[-1] != channels or values[0] != 1 or operator.dilation != (1, 1):
        return 0
    if core in _MVE_CORES:
        return 4 * _MVE_CHANNEL_BLOCK * height * width
    if (height, width) == (3, 3) or core not in _DSP_CORES:
        return 0
    return 2 * channels * height * width


def _fully_connected(graph: ModelGraph, operator: Operator, core: str) -> int:
    if core not in _MVE_CORES or goes_as_convolution(graph, operator):
        return 0
    return 4 * graph.tensors[operator.inputs[1]].shape[0]


def _average_pool(graph: ModelGraph, operator: Operator, core: str) -> int:
    return 4 * graph.tensors[operator.inputs[0]].shape[-1] if core in _DSP_CORES else 0


def _reduce(graph: ModelGraph, operator: Operator) -> tuple[int, ...]:
    """Index and axes of a reduction."""
    values, axes = (graph.tensors[index] for index in operator.inputs[:2])
    return 4 * len(values.shape), 4 * axes.elements


def _mirror_pad(graph: ModelGraph, operator: Operator) -> tuple[int, ...]:
    """Elements below each dimension, of the input and of the output."""
    return (4 * len(graph.tensors[operator.inputs[0]].shape),) * 2


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


def _lstm(graph: ModelGraph, operator: Operator) -> tuple[int, ...]:
    """Four buffers of the size of the cell's state, input 19."""
    return (graph.tensors[operator.inputs[_LSTM_CELL]].nbytes,) * 4


def _is_float(graph: ModelGraph, index: int) -> bool:
    return graph.tensors[index].dtype == "float32"


_REFERENCE_RULES = {
    "MEAN": _sum,
    "SUM": _sum,
    "REDUCE_MAX": _reduce,
    "REDUCE_MIN": _reduce,
    "MIRROR_PAD": _mirror_pad,
    "TRANSPOSE_CONV": _transpose_conv,
    "SVDF": _svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}

_CMSIS_RULES = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _average_pool,
}

_CMSIS_RULES_INT16 = {"CONV_2D": _conv_int16, "AVERAGE_POOL_2D": _average_pool}
