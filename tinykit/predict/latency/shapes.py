"""What an operator costs depends on its shape alone: `OperatorShape`, from a graph or from table rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tinykit.ground.errors import ModelError
from tinykit.ground.results import Result
from tinykit.model.graph import ModelGraph
from tinykit.model.graph import Operator as GraphOperator

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
_MOST_TAPS = 10_000
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OperatorShape(Result):
    """The shape of one operator: all that the instruction model looks at.

    Parameters
    ----------
    name : "CONV_2D", as in the model file.
    input_shape, output_shape : of the first input and the first output.
    weight_shape : of the weights, the second input of an element-wise operator, or a pool's filter (h, w).
    stride, dilation : (height, width).
    padding : "SAME", "VALID" or "".
    depth_multiplier : of a depthwise convolution, 0 elsewhere.
    dtype : of the output: "int8", "int16", "float32", …
    macs : multiply-accumulates of one invocation.
    """

    name: str
    input_shape: Shape
    weight_shape: Shape
    output_shape: Shape
    stride: tuple[int, int] = (1, 1)
    padding: str = ""
    dilation: tuple[int, int] = (1, 1)
    depth_multiplier: int = 0
    dtype: str = "int8"
    macs: int = 0


def from_graph(graph: ModelGraph) -> tuple[OperatorShape, ...]:
    """The operator shapes of a graph, in execution order."""
    return tuple(_of_operator(graph, operator) for operator in graph.operators)


def from_rows(rows: Iterable[Mapping[str, str]]) -> tuple[OperatorShape, ...]:
    """Operator shapes of one model from table rows.

    Parameters
    ----------
    rows : with the columns `operator, input, weights, output, dtype, stride, padding, dilation,
        depth_multiplier`; shapes are written 1x25x5x64, blank where the operator has none.

    Raises
    ------
    ModelError : a column is missing or a shape cannot be read.
    """
    return tuple(_of_row(row) for row in rows)


def count_macs(name: str, input_shape: Shape, weight_shape: Shape, output_shape: Shape) -> int:
    """Multiply-accumulates of an operator of weights, padding taps counted; 0 where there are none.

    CONV_2D weights are (out, h, w, in), DEPTHWISE_CONV_2D (1, h, w, channels), FULLY_CONNECTED (out, in),
    TRANSPOSE_CONV (out, h, w, in).
    """
    if name == "DEPTHWISE_CONV_2D" and len(weight_shape) == 4:
        return math.prod(output_shape) * weight_shape[1] * weight_shape[2]
    if name == "CONV_2D" and len(weight_shape) == 4:
        return math.prod(output_shape) * math.prod(weight_shape[1:])
    if name == "TRANSPOSE_CONV" and len(weight_shape) == 4:
        return math.prod(input_shape) * math.prod(weight_shape[:3])
    if name == "FULLY_CONNECTED" and weight_shape:
        return math.prod(output_shape) * weight_shape[-1]
    return 0


def taps_along(shape: OperatorShape, axis: int) -> int:
    """Pairs of output position and filter tap that fall inside the input along an axis (1: height, 2: width)."""
    size, outputs, taps = shape.input_shape[axis], shape.output_shape[axis], shape.weight_shape[axis]
    stride, dilation = shape.stride[axis - 1], shape.dilation[axis - 1]
    if shape.padding != "SAME" or taps == 1 or taps > _MOST_TAPS:
        return outputs * taps
    missing = max(0, (outputs - 1) * stride + (taps - 1) * dilation + 1 - size)
    inside = 0
    for tap in range(taps):
        offset = tap * dilation - missing // 2
        first = max(0, -(offset // stride))
        last = min(outputs - 1, (size - 1 - offset) // stride)
        inside += max(0, last - first + 1)
    return inside


def _of_operator(graph: ModelGraph, operator: GraphOperator) -> OperatorShape:
    def shape(position: int) -> Shape:
        index = operator.inputs[position] if position < len(operator.inputs) else -1
        return graph.tensors[index].shape if index >= 0 else ()

    transposed = operator.name == "TRANSPOSE_CONV"
    output = graph.tensors[operator.outputs[0]] if operator.outputs else None
    return OperatorShape(
        name=operator.name,
        input_shape=shape(2 if transposed else 0),
        weight_shape=operator.filter if any(operator.filter) else shape(1),
        output_shape=output.shape if output else (),
        stride=operator.stride,
        padding=operator.padding,
        dilation=operator.dilation,
        depth_multiplier=operator.depth_multiplier,
        dtype=output.dtype if output else "",
        macs=operator.macs,
    )


def _of_row(row: Mapping[str, str]) -> OperatorShape:
    try:
        name = row["operator"]
        inputs, weights, outputs = (_read_shape(row[column]) for column in ("input", "weights", "output"))
        stride, dilation = (_read_shape(row[column]) or (1, 1) for column in ("stride", "dilation"))
        return OperatorShape(
            name,
            inputs,
            weights,
            outputs,
            stride=(stride[0], stride[-1]),
            padding=row["padding"],
            dilation=(dilation[0], dilation[-1]),
            depth_multiplier=int(row["depth_multiplier"] or 0),
            dtype=row["dtype"].lower(),
            macs=count_macs(name, inputs, weights, outputs),
        )
    except (KeyError, ValueError) as error:
        raise ModelError(f"operator row {dict(row)} cannot be read ({error!r}); shapes look like 1x25x5x64") from error


def _read_shape(text: str) -> Shape:
    return tuple(int(part) for part in text.split("x")) if text else ()
