"""Orders of a plan that are tried before the model runs, and views: tensors that lie inside others.

TFLM's kernels of SLICE and CONCATENATION copy what lies together, and neither looks whether input and output are one
memory. So a SLICE of whole rows may lie where its source holds them, and a part where its CONCATENATION wants it. What
lies in one place is a block; each range of its bytes lives from its first writer to its last reader, and blocks may
overlap wherever no two ranges live at a time.
"""

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.predict.arena.plan import Sizes, align, list_buffers, plan_greedily, sum_alive

Pieces = tuple[tuple[int, int, float, float], ...]
"""Ranges of a block: begin, end [byte], first and last scope."""
Views = Mapping[int, tuple[int, int]]
"""Tensors that lie in others: in which one, and where in it [byte]."""
_NO_VIEWS: Views = MappingProxyType({})
_MOST_BLOCKS = 256
"""Beyond that many the search does not go on from the ordered plans: a placement takes time squared."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Block and offset of each tensor, and the pieces of each block: by tensor, scratch below 0."""

    places: Mapping[int, tuple[int, int]]
    pieces: Mapping[int, Pieces]
    scopes: int

    def live_bytes(self) -> tuple[int, ...]:
        """Bytes alive in each scope: their maximum is a lower bound of any plan's head."""
        pieces = itertools.chain.from_iterable(self.pieces.values())
        return sum_alive(((end - begin, first, last) for begin, end, first, last in pieces), self.scopes)


def find_blocks(graph: ModelGraph, scratch: Sizes, views: Views = _NO_VIEWS) -> Blocks:
    """The blocks of a model's head; a SLICE that is a view, or makes one, reads no more than its rows."""
    buffers = list_buffers(graph, scratch)
    places = {one.tensor: _resolve(one.tensor, views) for one in buffers if one.tensor >= 0}
    spans = {tensor: (begin, begin + graph.tensors[tensor].nbytes) for tensor, (_, begin) in places.items()}
    uses: dict[int, list[tuple[int, int, float]]] = {}
    for buffer in (one for one in buffers if one.tensor >= 0):
        ends = {buffer.first, buffer.last if buffer.tensor in graph.outputs else buffer.first}
        uses.setdefault(places[buffer.tensor][0], []).extend((*spans[buffer.tensor], scope) for scope in ends)
    for operator in graph.operators:
        for tensor in {one for one in operator.inputs if one in places}:
            begin, end = spans[tensor]
            if operator.name == "SLICE" and operator.outputs[0] in views:
                begin += _skipped(graph, operator)
                end = begin + graph.tensors[operator.outputs[0]].nbytes
            uses[places[tensor][0]].append((begin, end, operator.index + 1))
    pieces = {block: _divide(used) for block, used in uses.items()}
    asked = [one for one in buffers if one.tensor < 0]
    pieces |= {-1 - place: ((0, one.nbytes, one.first, one.last),) for place, one in enumerate(asked)}
    return Blocks(places, pieces, len(graph.operators) + 1)


def _skipped(graph: ModelGraph, operator: Operator) -> int:
    """Bytes before those that a SLICE of rows takes."""
    begin, shape = graph.constant(operator.inputs[1]).ravel(), graph.tensors[operator.inputs[0]].shape
    item = graph.tensors[operator.inputs[0]].nbytes // math.prod(shape)
    return item * sum(int(one) * math.prod(shape[axis + 1 :]) for axis, one in enumerate(begin))


def _resolve(tensor: int, views: Views) -> tuple[int, int]:
    offset = 0
    while tensor in views:
        tensor, more = views[tensor]
        offset += more
    return tensor, offset


def _divide(uses: Sequence[tuple[int, int, float]]) -> Pieces:
    """The ranges of a block between the ends of its uses, from the first use of each to its last."""
    ends = sorted({one for begin, end, _ in uses for one in (begin, end)})
    found = [(*pair, [scope for low, high, scope in uses if low <= pair[0] and pair[1] <= high])
             for pair in itertools.pairwise(ends)]  # fmt: skip
    return tuple((begin, end, min(scopes), max(scopes)) for begin, end, scopes in found if scopes)


def search_offsets(graph: ModelGraph, scratch: Sizes, views: Views = _NO_VIEWS, *, tries: int = 200) -> tuple[int, ...]:
    """The offset of each tensor [byte] in the least head found, -1 for what is not in it.

    Every order of `_orders` is tried, then changes of the best one; the search ends at the lower bound. A head is what
    TFLM makes of the offsets: scratch, which cannot be planned offline, in what they leave.

    Parameters
    ----------
    graph, scratch : the model, and what `list_scratch_bytes` gives for it.
    views : tensors that lie in others.
    tries : changes of the best order.
    """
    blocks, buffers, chance = find_blocks(graph, scratch, views), list_buffers(graph, scratch), random.Random(0)
    live = blocks.live_bytes()
    least, best, order, offsets = align(max(live, default=0)), math.inf, list(blocks.pieces), (-1,) * len(graph.tensors)
    orders, bases = list(_orders(blocks, live)), dict[int, int]()
    for attempt in range(len(orders) + (tries if len(order) <= _MOST_BLOCKS else 0)):
        if best <= least or not order:
            break
        changed = orders[attempt] if attempt < len(orders) else _move_one_earlier(blocks, bases, order, chance)
        placed = _place(blocks, changed)
        held = {tensor: placed[block] + offset for tensor, (block, offset) in blocks.places.items()}
        tried = tuple(held.get(tensor.index, -1) for tensor in graph.tensors)
        head = plan_greedily(buffers, blocks.scopes, tried).head_bytes
        if head <= best:
            best, order, offsets, bases = head, changed, tried, placed
    return offsets


def _orders(blocks: Blocks, live: Sequence[int]) -> Iterator[list[int]]:
    """Blocks by lifetime, by size, by the fullest scope they live in, and by size × lifetime."""
    rows = {
        block: (pieces[-1][1], first, last, max(live[max(0, int(first)) : int(last) + 1], default=0))
        for block, pieces in blocks.pieces.items()
        for first, last in [(min(one[2] for one in pieces), max(one[3] for one in pieces))]
    }
    keys = (
        lambda size, first, last, full: (first, -size),
        lambda size, first, last, full: (-last, -size),
        lambda size, first, last, full: (-full, -size),
        lambda size, first, last, full: (-full, size),
        lambda size, first, last, full: (first - last, -size),
        lambda size, first, last, full: ((first - last - 1) * size,),
    )
    for key in keys:
        yield sorted(rows, key=lambda block: key(*rows[block]))


def _move_one_earlier(blocks: Blocks, bases: Mapping[int, int], order: list[int], chance: random.Random) -> list[int]:
    """The order with one of the blocks that end at the top placed at some earlier time, and two changed about."""
    ends = {block: base + blocks.pieces[block][-1][1] for block, base in bases.items()}
    chosen = chance.choice([block for block in order if align(ends[block]) == align(max(ends.values()))])
    changed = [block for block in order if block != chosen]
    changed.insert(chance.randrange(order.index(chosen) + 1), chosen)
    first, second = (chance.randrange(len(order)) for _ in range(2))
    changed[first], changed[second] = changed[second], changed[first]
    return changed


def _place(blocks: Blocks, order: Sequence[int]) -> dict[int, int]:
    """The lowest base of each block in turn where no range of it meets another that lives with it."""
    placed: list[tuple[int, int, float, float]] = []
    bases = {}
    for block in order:
        own, base = blocks.pieces[block], 0
        closed = sorted((low - end, high - begin) for begin, end, first, last in own
                        for low, high, since, until in placed if first <= until and since <= last)  # fmt: skip
        for low, high in closed:
            if low >= base:
                break
            base = max(base, align(high))
        bases[block] = base
        placed += [(begin + base, end + base, first, last) for begin, end, first, last in own]
    return bases
