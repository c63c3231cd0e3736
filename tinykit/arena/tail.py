"""The persistent part of the arena (the tail) on a 32-bit target, allocation by allocation.

TFLM takes its persistent allocations from the end of the arena downward, each with its own alignment
(tensorflow/lite/micro/micro_allocator.cc): its own objects, one record a tensor and a node, the options and the
kernel data of each operator, per-channel multipliers, scratch handles, the input and output tensors.
The order was checked on the x86-64 interpreter; the 32-bit sizes below reproduce the linked arenas of four
models with reference and CMSIS-NN kernels on Cortex-M4, M7, M33 and M55 (GCC 12.2, TFLM mid-2026).
"""

from __future__ import annotations

from collections.abc import Sequence

from tinykit.arena.plan import ALIGNMENT_BYTES
from tinykit.arena.scratch import goes_as_convolution
from tinykit.graph import ModelGraph, Operator

_OWN_OBJECTS_BYTES = 144
_EVAL_TENSOR_BYTES = 12
_NODE_BYTES = 32
_TENSOR_BYTES = 32
_AFFINE_BYTES = 12
_POINTER_BYTES = 4
_SOFTMAX_TABLE_BYTES = 1026

_OPTION_BYTES = {
    "CONV_2D": 28, "DEPTHWISE_CONV_2D": 28, "FULLY_CONNECTED": 20, "AVERAGE_POOL_2D": 40, "MAX_POOL_2D": 40,
    "SOFTMAX": 4, "RESHAPE": 36, "ADD": 8, "SUB": 8, "MUL": 4, "MEAN": 4, "CONCATENATION": 8, "PACK": 8,
    "STRIDED_SLICE": 24, "TRANSPOSE_CONV": 20, "LEAKY_RELU": 4, "SPLIT": 4, "GATHER": 8,
    "LOGISTIC": 0, "QUANTIZE": 0, "DEQUANTIZE": 0, "PAD": 0, "SHAPE": 4, "TRANSPOSE": 0, "TANH": 0,
    "REDUCE_MAX": 4, "SUM": 4, "RESIZE_NEAREST_NEIGHBOR": 2, "RESIZE_BILINEAR": 2, "PADV2": 0, "RELU": 0, "RELU6": 0,
    "HARD_SWISH": 0, "ABS": 0, "NEG": 0, "SQRT": 0, "RSQRT": 0, "SQUARE": 0, "FLOOR": 0, "SIN": 0, "LOG": 0,
    "MAXIMUM": 0, "MINIMUM": 0, "SQUARED_DIFFERENCE": 0, "PRELU": 0, "ELU": 0, "CUSTOM:TFLM_DECODE": 0,
}  # fmt: skip
"""Bytes of the parsed options of an operator (`TfLiteConvParams` and its like)."""

_KERNEL_BYTES = {
    "CONV_2D": 64, "DEPTHWISE_CONV_2D": 64, "FULLY_CONNECTED": 28, "AVERAGE_POOL_2D": 32, "MAX_POOL_2D": 32,
    "SOFTMAX": 48, "RESHAPE": 0, "ADD": 60, "SUB": 60, "MUL": 40, "MEAN": 44, "LOGISTIC": 16, "TANH": 16,
    "QUANTIZE": 32, "DEQUANTIZE": 24, "PAD": 56, "PADV2": 56, "STRIDED_SLICE": 84, "SHAPE": 0, "PACK": 0,
    "TRANSPOSE": 0, "CONCATENATION": 24, "REDUCE_MAX": 44, "SUM": 44, "RESIZE_NEAREST_NEIGHBOR": 0,
    "RESIZE_BILINEAR": 0, "RELU": 32, "RELU6": 2, "HARD_SWISH": 32, "ABS": 32, "NEG": 0, "SQRT": 0, "RSQRT": 32,
    "SQUARE": 0, "FLOOR": 0, "SIN": 0, "LOG": 0, "LEAKY_RELU": 32, "MAXIMUM": 0, "MINIMUM": 0, "PRELU": 32,
    "SQUARED_DIFFERENCE": 112, "ELU": 256, "CUSTOM:TFLM_DECODE": 0,
}  # fmt: skip
"""Bytes of a reference kernel's own data (`OpDataConv` and its like); where it holds no pointers, as the x86-64
interpreter records it."""

_DECODE_STATE_BYTES = 40
"""One decoder of a DECODE operator, 36 or 40 bytes (72 or 80 on a 64-bit host, as the interpreter records there)."""

_CMSIS_KERNEL_BYTES = {"FULLY_CONNECTED": 64, "AVERAGE_POOL_2D": 36, "MAX_POOL_2D": 36}
"""Kernels whose CMSIS-NN variant keeps more."""

_UNKNOWN_OPTION_BYTES, _UNKNOWN_KERNEL_BYTES = 32, 96


def unknown_operators(graph: ModelGraph) -> tuple[str, ...]:
    """Operators whose kernel data is not tabulated: the tail assumes a generous size for each."""
    return tuple(sorted({op.name for op in graph.operators if op.name not in _KERNEL_BYTES}))


def measure_tail(graph: ModelGraph, scratch_bytes: Sequence[Sequence[int]], runtime: str) -> int:
    """Bytes of the tail on a 32-bit target.

    Parameters
    ----------
    graph : the model.
    scratch_bytes : scratch requests per operator, as `list_scratch_bytes` gives them.
    runtime : "tflm-cmsis-nn" or "tflm-reference".
    """
    used = _OWN_OBJECTS_BYTES
    for nbytes, alignment in _list_allocations(graph, scratch_bytes, runtime):
        used = -(-(used + nbytes) // alignment) * alignment
    return used


def _list_allocations(
    graph: ModelGraph, scratch_bytes: Sequence[Sequence[int]], runtime: str
) -> list[tuple[int, int]]:
    operators = graph.operators
    allocations = [(_EVAL_TENSOR_BYTES * len(graph.tensors), 4), (_NODE_BYTES * len(operators), 4)]
    allocations += [(_OPTION_BYTES.get(op.name, _UNKNOWN_OPTION_BYTES), 4) for op in operators]
    allocations += [(size, ALIGNMENT_BYTES) for op in operators if (size := _kernel_bytes(op.name, runtime))]
    allocations += [(size, ALIGNMENT_BYTES) for op in operators for size in _prepared_bytes(graph, op, runtime)]
    allocations += [(_POINTER_BYTES * sum(len(sizes) for sizes in scratch_bytes), 4)]
    allocations += [
        (tensor.nbytes, ALIGNMENT_BYTES) for tensor in graph.tensors if tensor.is_variable and not tensor.is_constant
    ]
    return allocations + _list_ends(graph)


def _kernel_bytes(name: str, runtime: str) -> int:
    known = _KERNEL_BYTES.get(name, _UNKNOWN_KERNEL_BYTES)
    return _CMSIS_KERNEL_BYTES.get(name, known) if runtime == "tflm-cmsis-nn" else known


def _prepared_bytes(graph: ModelGraph, operator: Operator, runtime: str) -> tuple[int, ...]:
    """What a kernel allocates when it is prepared: multipliers and shifts per channel, softmax tables, decoders."""
    tensors = graph.tensors
    if operator.name == "CUSTOM:TFLM_DECODE":
        return (_POINTER_BYTES * len(operator.outputs), *(_DECODE_STATE_BYTES for _ in operator.outputs))
    if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"):
        channels = tensors[operator.outputs[0]].shape[-1]
        return (4 * channels, 4 * channels)
    if operator.name == "FULLY_CONNECTED":
        channels = tensors[operator.outputs[0]].shape[-1]
        own = 2 * (len(tensors[operator.inputs[1]].scales) > 1)
        handed_on = 2 * (runtime == "tflm-cmsis-nn" and goes_as_convolution(graph, operator))
        return (4 * channels,) * (own + handed_on)
    if operator.name == "CONCATENATION" and tensors[operator.outputs[0]].dtype == "int8":
        return (4 * len(operator.inputs), 4 * len(operator.inputs))
    if operator.name == "SOFTMAX" and tensors[operator.inputs[0]].dtype == "int16":
        return (_SOFTMAX_TABLE_BYTES, _SOFTMAX_TABLE_BYTES)
    return ()


def _list_ends(graph: ModelGraph) -> list[tuple[int, int]]:
    """The interpreter's input and output tensors with their quantisation."""
    allocations = []
    for indices in (graph.inputs, graph.outputs):
        allocations.append((_POINTER_BYTES * len(indices), ALIGNMENT_BYTES))
        for index in indices:
            allocations.append((_TENSOR_BYTES, _POINTER_BYTES))
            scales = len(graph.tensors[index].scales)
            if scales:
                allocations += [(_AFFINE_BYTES, _POINTER_BYTES), (4 + 4 * scales, 4)]
    return allocations
