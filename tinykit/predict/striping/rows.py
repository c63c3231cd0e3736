"""What of a graph can be computed in stripes, and the rows that a stripe holds of every tensor on the way.

A stripe runs the operators as they are, SAME and VALID unchanged. Rows at its edges come out wrong where a window met
the edge of the stripe and not that of the map; they are computed and dropped. A row is good where its window sees the
same rows in the stripe as in the whole map, all of them good.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.operators.table import row_of

_WINDOWS, _EACH = ("conv", "depthwise", "pool", "max_pool"), ("add", "mul", "rescale", "nonlinear")
_MOST_WIDENED = 8


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows lo…hi of a map that a stripe holds, counted in the whole map, and those of them that are right."""

    lo: int
    hi: int
    good_lo: int = 0
    good_hi: int = 0


Held = dict[int, Rows]
"""What a stripe holds of each tensor."""


@dataclass(frozen=True, slots=True)
class Region:
    """Operators with one map that comes in, one that goes out, and the axis along which to cut."""

    graph: ModelGraph
    operators: tuple[Operator, ...]
    source: int
    sink: int
    axis: int

    def length(self, tensor: int) -> int:
        """Rows of a whole map."""
        return self.graph.tensors[tensor].shape[self.axis]

    def cut(self, stripes: int) -> list[tuple[int, int]]:
        """The rows of the sink that each of so many stripes gives."""
        ends = [round(self.length(self.sink) * one / stripes) for one in range(stripes + 1)]
        return list(itertools.pairwise(ends))

    def hold(self, first: int, behind: int) -> Held | None:
        """The rows of each tensor of the least stripe that gives these rows of the sink; None where none does."""
        wanted = {self.sink: (first, behind)}
        for operator in reversed(self.operators):
            low, high = wanted.get(operator.outputs[0], (0, 0))
            reach, step, before = self.window(operator)
            seen = (max(0, low * step - before), (high - 1) * step - before + reach)
            for one in maps_of(self.graph, operator) if low < high else ():
                old = wanted.get(one, seen)
                wanted[one] = (min(seen[0], old[0]), min(self.length(one), max(seen[1], old[1])))
        low, high = wanted.get(self.source, (0, 0))
        tries = sorted((down + up, down) for down in range(_MOST_WIDENED) for up in range(_MOST_WIDENED))
        for lo, hi in ((low - down, high + both - down) for both, down in tries):
            held = self._compute(Rows(lo, hi, lo, hi)) if 0 <= lo < hi <= self.length(self.source) else None
            if held and held[self.sink].good_lo <= first and held[self.sink].good_hi >= behind:
                return held
        return None

    def _compute(self, source: Rows) -> Held | None:
        held = {self.source: source}
        for operator in self.operators:
            made = self._step(operator, crop([held[one] for one in maps_of(self.graph, operator)]))
            if made is None or made.good_lo >= made.good_hi:
                return None
            held[operator.outputs[0]] = made
        return held

    def _step(self, operator: Operator, rows: Rows) -> Rows | None:
        if row_of(operator.name).latency in _EACH:
            return rows
        reach, step, before = self.window(operator)
        if row_of(operator.name).lowering == "padding":
            top, bottom = self.pads(operator, rows)
            lo, hi = rows.lo + before - top, rows.hi + before + bottom
            return Rows(lo, hi, lo if top else rows.good_lo + before, hi if bottom else rows.good_hi + before)
        count = rows.hi - rows.lo
        made = -(-count // step) if operator.padding == "SAME" else (count - reach) // step + 1
        first, rest = divmod(rows.lo + before - _pad_before(operator, reach, step, count), step)
        low, high = -(-(rows.good_lo + before) // step), (rows.good_hi + before - reach) // step + 1
        low = max(first, 0, 0 if rows.lo == rows.good_lo == 0 else low)
        whole = rows.hi == rows.good_hi == self.length(operator.inputs[0])
        high = min(first + made, self.length(operator.outputs[0]), first + made if whole else high)
        return Rows(first, first + made, low, high) if low < high and not rest else None

    def window(self, operator: Operator) -> tuple[int, int, int]:
        """Rows that an output row sees, the step between two, and how far above row 0 the first window begins."""
        kind, place = row_of(operator.name), self.axis - 1
        if kind.lowering == "padding":
            return 1, 1, int(self.graph.constant(operator.inputs[1])[self.axis][0])
        if kind.latency not in _WINDOWS:
            return 1, 1, 0
        size = operator.filter[place] or self.graph.tensors[operator.inputs[1]].shape[self.axis]
        reach, step = (size - 1) * operator.dilation[place] + 1, operator.stride[place]
        return reach, step, _pad_before(operator, reach, step, self.length(operator.inputs[0]))

    def pads(self, operator: Operator, rows: Rows) -> tuple[int, int]:
        """Rows that a PAD adds to a stripe: above the map's first row, and below its last."""
        before, behind = (int(one) for one in self.graph.constant(operator.inputs[1])[self.axis])
        return before * (rows.lo == 0), behind * (rows.hi == self.length(operator.inputs[0]))


def crop(given: Sequence[Rows]) -> Rows:
    """The rows that all of them hold."""
    low, high = max(one.lo for one in given), min(one.hi for one in given)
    return Rows(low, high, max(one.good_lo for one in given), min(one.good_hi for one in given))


def maps_of(graph: ModelGraph, operator: Operator) -> list[int]:
    """Inputs that no file holds."""
    return [one for one in operator.inputs if one >= 0 and not graph.tensors[one].is_constant]


def _pad_before(operator: Operator, reach: int, step: int, count: int) -> int:
    return max(0, (-(-count // step) - 1) * step + reach - count) // 2 if operator.padding == "SAME" else 0


def find_region(graph: ModelGraph, first: int, last: int) -> Region | None:
    """The region of these operators, None where they are none."""
    inside = graph.operators[first : last + 1]
    made = [one for operator in inside for one in operator.outputs]
    later = {one for operator in graph.operators[last + 1 :] for one in operator.inputs} | set(graph.outputs)
    outer = {one for operator in inside for one in maps_of(graph, operator)} - set(made)
    maps = [graph.tensors[one] for one in (*outer, *made)]
    if len(outer) != 1 or [one for one in made if one in later] != made[-1:] or outer & later:
        return None
    if any(len(one.shape) != 4 or one.shape[0] != 1 or one.is_variable for one in maps):
        return None
    axis = 2 if all(one.shape[1] == 1 for one in maps) else 1
    good = all(_is_striped(graph, operator, axis) for operator in inside)
    return Region(graph, inside, outer.pop(), made[-1], axis) if good else None


def _is_striped(graph: ModelGraph, operator: Operator, axis: int) -> bool:
    kind, maps = row_of(operator.name), maps_of(graph, operator)
    held = [graph.tensors[one] for one in operator.inputs if one >= 0 and graph.tensors[one].is_constant]
    if kind.lowering == "padding":
        return len(maps) == 1 and not graph.constant(operator.inputs[1])[0].any()
    if kind.latency in _WINDOWS:
        return maps == [operator.inputs[0]]
    lengths = {one.shape[axis - 4] for one in held if len(one.shape) >= 4 - axis}
    shapes = {graph.tensors[one].shape for one in (*maps, *operator.outputs)}
    return kind.latency in _EACH and lengths <= {1} and len(shapes) == 1
