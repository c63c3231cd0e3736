"""A region computed in stripes: SLICE, the region's own operators, CONCATENATION, one stripe after the other."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.model.graph.tree import CodeNode, ModelTree, OperatorNode, Options, TensorNode
from tinykit.model.graph.writing import write_tree
from tinykit.model.operators.table import row_of
from tinykit.predict.arena.blocks import Views
from tinykit.predict.striping.rows import Held, Region, Rows, crop, maps_of

_SLICE, _CONCATENATION, _CONCATENATION_OPTIONS, _INT32 = 65, 2, 10, 2
_TAIL_BYTES = 120
"""About what an operator takes of the tail besides 8 bytes a channel: node, options, kernel data, tensors."""


def foresee(region: Region, stripes: Sequence[Held]) -> tuple[int, int, float]:
    """About the bytes that a region takes in stripes and what the tail grows by, and the MACs it executes.

    Of the source live the rows that later stripes read, of the sink those that are made; the rest is a stripe's own.
    """
    widths = {one: math.prod(region.graph.tensors[one].shape) // region.length(one) for one in stripes[0]}
    most, ends = 0, region.cut(len(stripes))
    for (made, _), held in zip(ends, stripes, strict=True):
        size = {one: (rows.hi - rows.lo) * widths[one] for one, rows in held.items()} | {region.source: 0}
        own = max(sum(size[one] for one in (*maps_of(region.graph, it), *it.outputs)) for it in region.operators)
        waiting = (region.length(region.source) - held[region.source].lo) * widths[region.source]
        most = max(most, waiting + made * widths[region.sink] + own)
    channels = sum(region.graph.tensors[one.outputs[0]].shape[-1] for one in region.operators if one.macs)
    rows = {one: sum(held[one].hi - held[one].lo for held in stripes) / region.length(one) for one in stripes[0]}
    macs = sum(one.macs * rows[one.outputs[0]] for one in region.operators)
    return most, (len(stripes) - 1) * (_TAIL_BYTES * len(region.operators) + 8 * channels), macs


def rewrite(region: Region, stripes: Sequence[Held], tree: ModelTree) -> tuple[ModelGraph, Views]:
    """The model with a region in stripes, and which of its new tensors can lie in others.

    What is outside keeps its tensors, and what an offline plan said is gone.
    """
    writer, ends = _Writer(region, tree), region.cut(len(stripes))
    parts = [writer.write(held, Rows(*rows)) for held, rows in zip(stripes, ends, strict=True)]
    row = region.graph.tensors[region.sink].nbytes // region.length(region.sink)
    writer.views |= {part: (region.sink, first * row) for part, (first, _) in zip(parts, ends, strict=True)}
    options = Options(_CONCATENATION_OPTIONS, ((0, "i", region.axis), (1, "b", 0)))
    writer.operators.append(OperatorNode(writer.code(_CONCATENATION), tuple(parts), (region.sink,), options))
    own, inside = tree.main.operators, region.operators
    operators = (*own[: inside[0].index], *writer.operators, *own[inside[-1].index + 1 :])
    main = replace(tree.main, tensors=tuple(writer.tensors), operators=operators)
    codes, buffers = tuple(writer.codes), tuple(writer.buffers)
    made = replace(tree, graphs=(main,), buffers=buffers, codes=codes, plans=())
    return read(write_tree(made), f"{region.graph.path.removesuffix(' (striped)')} (striped)"), writer.views


class _Writer:
    """The tensors, buffers and codes of a tree, to which the operators of stripes are added."""

    def __init__(self, region: Region, tree: ModelTree) -> None:
        self._region, self._own, self._taken = region, tree.main.operators, {region.source, region.sink}
        self.tensors, self.buffers, self.codes = [*tree.main.tensors], [*tree.buffers], [*tree.codes]
        self.operators: list[OperatorNode] = []
        self.views: dict[int, tuple[int, int]] = {}

    def code(self, builtin: int) -> int:
        """Index of an operator code, which is added where the model has none."""
        if builtin not in (known := [one.builtin for one in self.codes]):
            self.codes.append(CodeNode(builtin))
        return known.index(builtin) if builtin in known else len(known)

    def write(self, held: Held, wanted: Rows) -> int:
        """One stripe; the tensor with the rows of the sink that are wanted."""
        region, source = self._region, self._region.source
        made = {source: (source, Rows(0, region.length(source)))}
        made[source] = (self._slice(source, *made[source], held[source]), held[source])
        for operator in region.operators:
            node, (result,) = self._own[operator.index], operator.outputs
            rows = crop([made[one][1] for one in maps_of(region.graph, operator)])
            inputs = [self._slice(one, *made[one], rows) if one in made else one for one in node.inputs]
            if row_of(operator.name).lowering == "padding":
                pads = region.graph.constant(operator.inputs[1]).copy()
                pads[region.axis] = region.pads(operator, rows)
                inputs[1] = self._constant(pads)
            made[result] = (self._tensor(result, held[result]), held[result])
            self.operators.append(replace(node, inputs=tuple(inputs), outputs=(made[result][0],)))
        return self._slice(region.sink, *made[region.sink], wanted)

    def _tensor(self, model: int, rows: Rows) -> int:
        """A tensor as another, of so many rows; the first is that one itself, for which TFLM would keep room."""
        shape, axis = self.tensors[model].shape, self._region.axis
        made = replace(self.tensors[model], shape=(*shape[:axis], rows.hi - rows.lo, *shape[axis + 1 :]))
        place = len(self.tensors) if model in self._taken else model
        self.tensors[place : place + 1] = [made]
        self._taken.add(place)
        return place

    def _constant(self, values: np.ndarray) -> int:
        self.buffers.append(values.astype("<i4").tobytes())
        self.tensors.append(TensorNode(values.shape, _INT32, len(self.buffers) - 1))
        return len(self.tensors) - 1

    def _slice(self, model: int, tensor: int, held: Rows, wanted: Rows) -> int:
        if (held.lo, held.hi) == (wanted.lo, wanted.hi):
            return tensor
        result, first = self._tensor(tensor, wanted), wanted.lo - held.lo
        begin = np.eye(4)[self._region.axis] * first
        inputs = (tensor, self._constant(begin), self._constant(np.array(self.tensors[result].shape)))
        self.operators.append(OperatorNode(self.code(_SLICE), inputs, (result,)))
        self.views[result] = (tensor, first * self._region.graph.tensors[model].nbytes // self._region.length(model))
        return result
