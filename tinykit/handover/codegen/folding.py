"""What depends on the file alone is worked out at export: the shape arithmetic of a Keras Reshape, copied weights.

A folded operator's outputs become constants, and its function has nothing left to do.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinykit.handover.codegen.layouts import PLANS
from tinykit.handover.codegen.moves import evaluate
from tinykit.handover.codegen.program import C_TYPES, Program, kind_of
from tinykit.model.graph.model import ModelGraph, Operator

_MOST_ELEMENTS = 1 << 20
"""Of what is worked out: larger constants stay as they are in the file."""

_SHAPE, _DEQUANTISE, _GATHER = "shape", "dequantise", "gather"
_ARITHMETIC: dict[str, Callable[[NDArray[np.generic], NDArray[np.generic]], NDArray[np.generic]]] = {
    "sum": np.add, "difference": np.subtract, "product": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
}  # fmt: skip
"""On whole numbers that are no codes: sizes and positions."""


def fold(graph: ModelGraph) -> tuple[ModelGraph, frozenset[int]]:
    """The graph with what is constant as constants, and the positions of the operators that made it.

    TensorFlow's converter leaves bytes beside the handle of a variable, which no kernel reads: a handle is no constant.
    """
    made = [replace(one, is_constant=False) if one.dtype == "resource" else one for one in graph.tensors]
    graph, folded = replace(graph, tensors=tuple(made)), set[int]()
    for operator in graph.operators:
        values = _work_out(graph, operator)
        if values is not None:
            folded.add(operator.index)
            for index, value in zip(operator.outputs, values, strict=True):
                graph = _add_constant(graph, index, value)
    return graph, frozenset(folded)


def _work_out(graph: ModelGraph, operator: Operator) -> list[NDArray[np.generic]] | None:
    """The outputs of an operator that reads constants only, None of another, and of one that does not go together."""
    outputs = [graph.tensors[index] for index in operator.outputs]
    if not outputs or not operator.inputs[:1] or operator.inputs[0] < 0 or outputs[0].dtype not in C_TYPES:
        return None
    if any(one.is_variable or one.elements > _MOST_ELEMENTS for one in outputs):
        return None
    try:
        values = _compute(graph, operator)
    except (ValueError, IndexError):
        return None
    if values is None or [one.dtype.name for one in values] != [one.dtype for one in outputs]:
        return None
    return values


def _compute(graph: ModelGraph, operator: Operator) -> list[NDArray[np.generic]] | None:
    kind, tensors = kind_of(operator), graph.tensors
    result = tensors[operator.outputs[0]]
    if kind == _SHAPE and result.dtype in ("int32", "int64"):
        return [np.asarray(tensors[operator.inputs[0]].shape, result.dtype)]
    given = [tensors[index] for index in operator.inputs if index >= 0]
    sound = all(one.is_constant and one.data_bytes == one.nbytes and one.dtype in C_TYPES for one in given)
    if not sound:
        return None
    values = [graph.constant(one.index) for one in given]
    if kind in PLANS:
        return evaluate(Program(graph, ""), operator)
    if kind in _ARITHMETIC and given[0].dtype in ("int32", "int64") and len(values) == 2:
        return [_ARITHMETIC[kind](*values)]
    if kind == _GATHER and len(values) == 2 and not operator.option("batch_dims"):
        return [np.take(values[0], values[1], int(operator.option("axis")))]
    if kind == _DEQUANTISE and len(given[0].scales) == 1 and result.dtype == "float32":
        centred = values[0].astype(np.int32) - np.int32(given[0].zero_points[0])
        return [(np.float64(given[0].scales[0]) * centred).astype(np.float32)]
    return None


def _add_constant(graph: ModelGraph, index: int, value: NDArray[np.generic]) -> ModelGraph:
    """A tensor made constant; its bytes go behind the file's."""
    content = np.ascontiguousarray(value).tobytes()
    data = graph.data + b"\0" * (-len(graph.data) % 16)
    tensor = replace(
        graph.tensors[index], shape=value.shape, nbytes=len(content), is_constant=True,
        data_start=len(data), data_bytes=len(content),
    )  # fmt: skip
    tensors = (*graph.tensors[:index], tensor, *graph.tensors[index + 1 :])
    return replace(graph, tensors=tensors, data=data + content)
