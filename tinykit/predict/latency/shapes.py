"""What an operator costs depends on its shape alone: `OperatorShape`, from a graph or from rows of tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import ModelError
from tinykit.ground.facts import Table, read_csv, shipped_path
from tinykit.ground.results import Result
from tinykit.model.graph.model import INT4, ModelGraph, Operator as GraphOperator
from tinykit.model.operators.rules import Shape
from tinykit.model.operators.table import row_of

_MOST_TAPS = 10_000


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
    elements : of all activations read or of all results, whichever are more, where there is not one result of the
        shape named; 0 elsewhere.
    int4 : whether its weights are of four bits.
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
    elements: int = 0
    int4: bool = False


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


def window_of(shape: OperatorShape) -> Shape:
    """Height and width of a pool's window."""
    return shape.weight_shape if len(shape.weight_shape) == 2 else shape.stride


def _of_operator(graph: ModelGraph, operator: GraphOperator) -> OperatorShape:
    def shape(position: int) -> Shape:
        index = operator.inputs[position] if position < len(operator.inputs) else -1
        return graph.tensors[index].shape if index >= 0 else ()

    output = graph.tensors[operator.outputs[0]] if operator.outputs else None
    return OperatorShape(
        operator.name, shape(row_of(operator.name).data or 0),
        operator.filter if any(operator.filter) else shape(1), output.shape if output else (),
        operator.stride, operator.padding, operator.dilation, operator.depth_multiplier,
        output.dtype if output else "", operator.macs, 0 if len(operator.outputs) == 1 else _elements(graph, operator),
        any(index >= 0 and graph.tensors[index].dtype == INT4 for index in operator.inputs[1:2]),
    )  # fmt: skip


def _elements(graph: ModelGraph, operator: GraphOperator) -> int:
    sides = (operator.inputs, operator.outputs)
    return max(sum(graph.tensors[index].elements for index in side if index >= 0) for side in sides)


def _of_row(row: Mapping[str, str]) -> OperatorShape:
    try:
        name, known = row["operator"], row_of(row["operator"])
        inputs, weights, outputs = (_read_shape(row[column]) for column in ("input", "weights", "output"))
        stride, dilation = (_read_shape(row[column]) or (1, 1) for column in ("stride", "dilation"))
        return OperatorShape(
            name, inputs, weights, outputs, (stride[0], stride[-1]), row["padding"], (dilation[0], dilation[-1]),
            int(row["depth_multiplier"] or 0), row["dtype"].lower(),
            known.count_macs(known.arrange(inputs, weights), outputs),
        )  # fmt: skip
    except (KeyError, ValueError) as error:
        raise ModelError(f"operator row {dict(row)} cannot be read ({error!r}); shapes look like 1x25x5x64") from error


def _read_shape(text: str) -> Shape:
    return tuple(int(part) for part in text.split("x")) if text else ()


@remember_table
def read_table(name: str) -> Table:
    """`data/latency/<name>.csv`; errors as `read_csv`."""
    return read_csv(shipped_path("data", "latency", f"{name}.csv"))
