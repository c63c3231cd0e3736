"""The persistent part of the arena (the tail) on a 32-bit target, allocation by allocation.

TFLM takes its persistent allocations from the end of the arena downward, each with its own alignment
(tensorflow/lite/micro/micro_allocator.cc): its own objects, one record a tensor and a node, the options and the
kernel data of each operator, per-channel multipliers, scratch handles, the input and output tensors.
The order was checked on the x86-64 interpreter; the 32-bit sizes below, members counted with pointers of 4 bytes
and enumerations of 1, reproduce the linked arenas of four models with reference and CMSIS-NN kernels on Cortex-M4,
M7, M33 and M55 (GCC 12.2, TFLM mid-2026).
"""

from __future__ import annotations

from collections.abc import Sequence

from tinykit.model.graph import ModelGraph, Operator
from tinykit.predict.arena.plan import ALIGNMENT_BYTES
from tinykit.predict.arena.scratch import goes_as_convolution, list_kept_sums

_OWN_OBJECTS_BYTES = 132
"""Two allocators (40 and 36), the planner (40), the builder of options (8), one subgraph's two arrays (8)."""
_EVAL_TENSOR_BYTES = 12
_NODE_BYTES = 32
_TENSOR_BYTES, _WIDE_TENSOR_BYTES = 32, 40
_AFFINE_BYTES = 12
_POINTER_BYTES = 4
_SOFTMAX_TABLE_BYTES = 1026

_OPTION_BYTES = {
    "CONV_2D": 28, "DEPTHWISE_CONV_2D": 28, "TRANSPOSE_CONV": 16, "FULLY_CONNECTED": 5, "SOFTMAX": 4, "ADD": 2,
    "SUB": 2, "MUL": 1, "DIV": 1, "AVERAGE_POOL_2D": 40, "MAX_POOL_2D": 40, "RESHAPE": 36, "SQUEEZE": 36, "PACK": 8,
    "UNPACK": 8, "CONCATENATION": 8, "SPLIT": 4, "SPLIT_V": 4, "GATHER": 8, "STRIDED_SLICE": 24, "LEAKY_RELU": 4,
    "SHAPE": 1, "CAST": 2, "ARG_MAX": 1, "ARG_MIN": 1, "MIRROR_PAD": 1, "L2_NORMALIZATION": 1, "CUMSUM": 2,
    "SPACE_TO_DEPTH": 4, "DEPTH_TO_SPACE": 4, "RESIZE_NEAREST_NEIGHBOR": 2, "RESIZE_BILINEAR": 2, "SVDF": 8,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 16, **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), 1),
}  # fmt: skip
"""Bytes of the parsed options of an operator (`TfLiteConvParams` and its like), as the Arm ABI packs them: an
enumeration takes one byte. Operators that `_KERNEL_BYTES` lists and this does not have none."""

_WIDE_OPTION_BYTES = {
    **_OPTION_BYTES, "TRANSPOSE_CONV": 20, "FULLY_CONNECTED": 16, "ADD": 8, "SUB": 8, "MUL": 4, "DIV": 4, "SHAPE": 4,
    "CAST": 8, "ARG_MAX": 4, "ARG_MIN": 4, "MIRROR_PAD": 4, "L2_NORMALIZATION": 4, "SVDF": 12,
}  # fmt: skip
"""The same where an enumeration takes four bytes, as on Xtensa and RISC-V: four arenas of an ESP32 are met to the byte
(mcufit-bench)."""

_KERNEL_BYTES = {
    "CONV_2D": 56, "DEPTHWISE_CONV_2D": 56, "TRANSPOSE_CONV": 72, "FULLY_CONNECTED": 48, "AVERAGE_POOL_2D": 32,
    "MAX_POOL_2D": 32, "SOFTMAX": 56, "ADD": 60, "SUB": 60, "MUL": 40, "DIV": 28, "LOGISTIC": 16, "TANH": 16,
    "QUANTIZE": 32, "DEQUANTIZE": 32, "PAD": 56, "PADV2": 56, "MIRROR_PAD": 20, "STRIDED_SLICE": 84,
    "CONCATENATION": 24, "RELU": 32, "RELU6": 8, "HARD_SWISH": 32, "ABS": 32, "RSQRT": 32, "LEAKY_RELU": 32,
    "PRELU": 32, "SQUARED_DIFFERENCE": 112, "ELU": 256, "L2_NORMALIZATION": 4, "SPACE_TO_BATCH_ND": 4, "CUMSUM": 36,
    "SVDF": 36, "UNIDIRECTIONAL_SEQUENCE_LSTM": 688,
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), 44),
    **dict.fromkeys((
        "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "SHAPE", "PACK", "UNPACK", "SPLIT", "SPLIT_V", "SLICE", "GATHER",
        "TRANSPOSE", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "CAST",
        "ARG_MAX", "ARG_MIN", "MAXIMUM", "MINIMUM", "NEG", "SQRT", "SQUARE", "FLOOR", "SIN", "LOG", "EXP",
        "CUSTOM:TFLM_DECODE",
    ), 0),
}  # fmt: skip
"""Bytes of a reference kernel's own data (`OpDataConv` and its like); where it holds no pointers, as the x86-64
interpreter records it."""

_DIMENSIONS_COPIED = ("GATHER", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE")
"""Kernels that write the output's shape: they keep a copy of it, a length and one int32 a dimension."""

_DECODE_STATE_BYTES = 40
"""One decoder of a DECODE operator, 36 or 40 bytes (72 or 80 on a 64-bit host, as the interpreter records there)."""

_CMSIS_KERNEL_BYTES = {
    "CONV_2D": 60, "DEPTHWISE_CONV_2D": 60, "TRANSPOSE_CONV": 76, "FULLY_CONNECTED": 76, "AVERAGE_POOL_2D": 36,
    "MAX_POOL_2D": 36, "SOFTMAX": 64, "SVDF": 40, "UNIDIRECTIONAL_SEQUENCE_LSTM": 908,
}  # fmt: skip
"""Kernels whose CMSIS-NN variant keeps more."""

_UNKNOWN_OPTION_BYTES, _UNKNOWN_KERNEL_BYTES = 32, 96


def unknown_operators(graph: ModelGraph) -> tuple[str, ...]:
    """Operators whose kernel data is not tabulated: the tail assumes a generous size for each."""
    return tuple(sorted({op.name for op in graph.operators if op.name not in _KERNEL_BYTES}))


def measure_tail(graph: ModelGraph, scratch_bytes: Sequence[Sequence[int]], runtime: str, core: str) -> int:
    """Bytes of the tail on a 32-bit target.

    Parameters
    ----------
    graph : the model.
    scratch_bytes : scratch requests per operator, as `list_scratch_bytes` gives them.
    runtime : "tflm-cmsis-nn" or "tflm-reference".
    core : lower-case Arm name: Helium's kernels keep more.
    """
    used = _OWN_OBJECTS_BYTES
    for nbytes, alignment in _list_allocations(graph, scratch_bytes, runtime, core):
        used = -(-(used + nbytes) // alignment) * alignment
    return used


def _list_allocations(
    graph: ModelGraph, scratch_bytes: Sequence[Sequence[int]], runtime: str, core: str
) -> list[tuple[int, int]]:
    operators = graph.operators
    allocations = [(_EVAL_TENSOR_BYTES * len(graph.tensors), 4), (_NODE_BYTES * len(operators), 4)]
    allocations += [(size, 1 if size % 4 else 4) for op in operators if (size := _option_bytes(op.name, core))]
    allocations += [(size, ALIGNMENT_BYTES) for op in operators if (size := _kernel_bytes(op.name, runtime))]
    allocations += [(size, ALIGNMENT_BYTES) for op in operators for size in _prepared_bytes(graph, op, runtime, core)]
    allocations += [(_POINTER_BYTES * sum(len(sizes) for sizes in scratch_bytes), 4)]
    allocations += [
        (tensor.nbytes, ALIGNMENT_BYTES) for tensor in graph.tensors if tensor.is_variable and not tensor.is_constant
    ]
    return allocations + _list_ends(graph, core)


def _packs_enumerations(core: str) -> bool:
    return core.startswith("cortex")


def _option_bytes(name: str, core: str) -> int:
    known = _OPTION_BYTES if _packs_enumerations(core) else _WIDE_OPTION_BYTES
    return known.get(name, 0 if name in _KERNEL_BYTES else _UNKNOWN_OPTION_BYTES)


def _kernel_bytes(name: str, runtime: str) -> int:
    known = _KERNEL_BYTES.get(name, _UNKNOWN_KERNEL_BYTES)
    return _CMSIS_KERNEL_BYTES.get(name, known) if runtime == "tflm-cmsis-nn" else known


def _prepared_bytes(graph: ModelGraph, operator: Operator, runtime: str, core: str) -> tuple[int, ...]:
    """What a kernel allocates when it is prepared: multipliers and shifts per channel, tables, sums, decoders."""
    output, name, optimised = graph.tensors[operator.outputs[0]], operator.name, runtime == "tflm-cmsis-nn"
    if name == "CUSTOM:TFLM_DECODE":
        return (_POINTER_BYTES * len(operator.outputs), *(_DECODE_STATE_BYTES for _ in operator.outputs))
    if name == "TRANSPOSE_CONV" or (
        name in ("CONV_2D", "DEPTHWISE_CONV_2D") and not (optimised and output.dtype == "float32")
    ):
        return (4 * output.shape[-1],) * 2
    if name == "FULLY_CONNECTED":
        own = len(graph.tensors[operator.inputs[1]].scales) > 1
        handed_on = optimised and goes_as_convolution(graph, operator)
        return (4 * output.shape[-1],) * 2 * (own + handed_on)
    if name == "CONCATENATION" and output.dtype == "int8":
        return (4 * len(operator.inputs),) * 2
    if name == "SOFTMAX" and graph.tensors[operator.inputs[0]].dtype == "int16":
        return (_SOFTMAX_TABLE_BYTES,) * 2
    if name in _DIMENSIONS_COPIED:
        return (4 + 4 * len(output.shape),)
    return list_kept_sums(graph, operator, core) if optimised else ()


def _list_ends(graph: ModelGraph, core: str) -> list[tuple[int, int]]:
    """The interpreter's input and output tensors with their quantisation."""
    allocations = []
    tensor_bytes = _TENSOR_BYTES if _packs_enumerations(core) else _WIDE_TENSOR_BYTES
    for indices in (graph.inputs, graph.outputs):
        allocations.append((_POINTER_BYTES * len(indices), ALIGNMENT_BYTES))
        for index in indices:
            allocations.append((tensor_bytes, _POINTER_BYTES))
            scales = len(graph.tensors[index].scales)
            if scales:
                allocations += [(_AFFINE_BYTES, _POINTER_BYTES), (4 + 4 * scales, 4)]
    return allocations
