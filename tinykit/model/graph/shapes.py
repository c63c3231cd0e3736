"""What shape each tensor must have, from its operator, against what the file says; and what is known before it runs.

A converter writes the shapes of an open batch as if it were 1. That harms nothing until an operator moves the batch:
then what the file says contradicts its operator, and TFLM, which believes the file, computes on a part of the data.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinykit.ground.caches import remember
from tinykit.ground.errors import ModelError
from tinykit.ground.results import Result
from tinykit.model.graph import schema
from tinykit.model.graph.flatbuffer import FlatBuffer, Table
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.operators.rules import Shape
from tinykit.model.operators.shape_table import MOST_NUMBERS, ShapeRow, list_shape_rows
from tinykit.model.operators.shapes import SENSELESS, Numbers, Shapes, Site

_WHOLE = ("int32", "int64")
_LAYOUTS = {"keep_dims": "<b", "adj_x": "<b", "adj_y": "<b", "offset": "<b"}
"""Of options that are no 32-bit integers; `_VECTORS` are those that are lists."""
_VECTORS = ("new_shape", "squeeze_dims")


@dataclass(frozen=True, slots=True)
class Contradiction(Result):
    """An output whose stored shape is not what its operator makes of the stored shapes of its inputs.

    Position and name of the operator, index of its output; the shape in the file, and what follows from the operator.
    """

    operator: int
    name: str
    tensor: int
    stored: Shape
    computed: Shape

    def __str__(self) -> str:
        stored, computed = ("×".join(map(str, shape)) or "a scalar" for shape in (self.stored, self.computed))
        return f"operator {self.operator} ({self.name}): the file says {stored}, the operator makes {computed}"


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """Shapes of all tensors as they follow from the inputs, and the whole numbers known before the model runs."""

    shapes: tuple[Shape, ...]
    known: Mapping[int, Numbers]


@remember
def find_contradictions(graph: ModelGraph) -> tuple[Contradiction, ...]:
    """Outputs whose stored shape contradicts their operator, in the order of execution; empty for a sound file.

    Each operator is held against the stored shapes of its inputs. Axes of one element do not count: kernels that care
    for the order of elements alone run the same with or without them. An operator without a rule, or of which something
    is not known before it runs, says nothing.
    """
    stored = [tensor.shape for tensor in graph.tensors]
    known = _constants(graph)
    found: list[Contradiction] = []
    for operator, options in _with_options(graph):
        for tensor, shape in zip(operator.outputs, _infer(operator, options, stored, known), strict=False):
            if without_ones(shape) != without_ones(stored[tensor]):
                found.append(Contradiction(operator.index, operator.name, tensor, stored[tensor], shape))
    return tuple(found)


def infer(graph: ModelGraph, inputs: Mapping[int, Shape] | None = None) -> Inference:
    """Shapes and known numbers of a whole graph, each from those before it; the stored shape where no rule tells one.

    `inputs` are shapes of inputs to start from, by tensor, where they are not those of the file.
    """
    shapes = [tensor.shape for tensor in graph.tensors]
    for index, shape in (inputs or {}).items():
        shapes[index] = shape
    known = _constants(graph)
    for operator, options in _with_options(graph):
        for tensor, shape in zip(operator.outputs, _infer(operator, options, shapes, known), strict=False):
            if min(shape, default=1) > 0 and without_ones(shape) != without_ones(shapes[tensor]):
                shapes[tensor] = shape
    return Inference(tuple(shapes), known)


def without_ones(shape: Shape) -> Shape:
    """A shape less its axes of one element, which change no order."""
    return tuple(size for size in shape if size != 1)


def _infer(
    operator: Operator, options: Mapping[str, Any], shapes: list[Shape], known: dict[int, Numbers]
) -> Shapes:  # fmt: skip
    """Shapes of the outputs, none where nothing can be said; what the first of them holds goes into `known`."""
    row = list_shape_rows().get(operator.name)
    if row is None or not operator.outputs:
        return ()
    site = Site(
        tuple(shapes[index] if index >= 0 else None for index in operator.inputs),
        tuple(known.get(index) for index in operator.inputs),
        tuple(shapes[index] for index in operator.outputs),
        options,
    )
    try:
        with np.errstate(all="ignore"):
            found = [tuple(int(size) for size in shape) for shape in row.shape(site)]
            if row.value and math.prod(found[0]) <= MOST_NUMBERS:
                _learn(row, site, operator.outputs[0], known)
    except SENSELESS:
        return ()
    return found


def _learn(row: ShapeRow, site: Site, tensor: int, known: dict[int, Numbers]) -> None:
    try:
        value = np.asarray(row.value(site) if row.value else None)
        known[tensor] = value.reshape(site.stored[0])
    except SENSELESS:
        return


def _constants(graph: ModelGraph) -> dict[int, Numbers]:
    found = {}
    for tensor in graph.tensors:
        if tensor.is_constant and tensor.dtype in _WHOLE and tensor.elements <= MOST_NUMBERS:
            try:
                found[tensor.index] = graph.constant(tensor.index)
            except ModelError:
                continue
    return found


def _with_options(graph: ModelGraph) -> Iterator[tuple[Operator, Mapping[str, Any]]]:
    """Operators with the options that the rules of their shape read."""
    main = FlatBuffer(graph.data).root(schema.IDENTIFIER).tables(schema.Model.SUBGRAPHS)[0]
    for operator, table in zip(graph.operators, main.tables(schema.SubGraph.OPERATORS), strict=True):
        row = list_shape_rows().get(operator.name)
        told = table.table(schema.Operator.OPTIONS)
        own = {name: _read(told, name, slot) for name, slot in row.options.items()} if row else {}
        window = {"stride": operator.stride, "dilation": operator.dilation, "filter": operator.filter}
        yield operator, {**window, "padding": operator.padding, **own}


def _read(table: Table | None, name: str, slot: int) -> Any:
    if name in _VECTORS:
        return table.array(slot, "<i4").tolist() if table else ()
    return table.number(slot, _LAYOUTS.get(name, "<i")) if table else 0
