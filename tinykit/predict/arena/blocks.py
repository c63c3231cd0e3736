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
from tinykit.model.operators.table import row_of
from tinykit.predict.arena.plan import ArenaPlan, Sizes, align, list_buffers, plan_greedily, sum_alive

Pieces = tuple[tuple[int, int, float, float], ...]
"""Ranges of a block: begin, end [byte], first and last scope."""
Views = Mapping[int, tuple[int, int]]
"""Tensors that lie in others: in which one, and where in it [byte]."""
CUT, JOINED = "slice", "concatenation"
"""Kinds of operators that may lie onto what they read."""
_NO_VIEWS: Views = MappingProxyType({})
_MOST_BLOCKS = 256
"""Beyond that many the search does not go on from the ordered plans: a placement takes time squared."""
_MOST_JUDGED = 1024
"""Of a plan of more tensors nobody says which lie in others: to hold each against each takes time squared."""
_Meeting = Mapping[int, Mapping[int, Sequence[tuple[int, int]]]]
"""By block and other block: ranges in which the one's base less the other's must not lie."""


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

    def meet(self) -> _Meeting:
        """Where two blocks may not lie beside each other, of all that live at a time."""
        found: dict[int, dict[int, list[tuple[int, int]]]] = {block: {} for block in self.pieces}
        order = sorted(((min(one[2] for one in own), max(one[3] for one in own)), block)
                       for block, own in self.pieces.items() if own)  # fmt: skip
        alive: list[tuple[float, int]] = []
        for (first, last), block in order:
            alive = [one for one in alive if one[0] >= first]
            for _, other in alive:
                if closed := _close(self.pieces[block], self.pieces[other]):
                    found[block][other] = closed
                    found[other][block] = [(-high, -low) for low, high in reversed(closed)]
            alive.append((last, block))
        return found


def _close(own: Pieces, others: Pieces) -> list[tuple[int, int]]:
    """Ranges of the distance of two bases in which ranges that live at a time would meet, those that touch made one."""
    closed: list[tuple[int, int]] = []
    for low, high in sorted((low - end, high - begin) for begin, end, first, last in own
                            for low, high, since, until in others if first <= until and since <= last):  # fmt: skip
        if closed and low < closed[-1][1]:
            closed[-1] = closed[-1][0], max(high, closed[-1][1])
        else:
            closed.append((low, high))
    return closed


def find_views(graph: ModelGraph) -> Views:
    """Tensors that a model's own offline plan lays into others, {} where ranges that live at a time would meet.

    SLICEs of one run of bytes that lie where their source holds them, and parts that lie where a CONCATENATION wants
    them: whoever heeds the plan need not copy them.
    """
    offsets, views = graph.offline_offsets, dict[int, tuple[int, int]]()
    for operator in graph.operators if offsets else ():
        if len(operator.inputs) > 1 and operator.outputs and min(*operator.inputs, *operator.outputs) >= 0:
            for tensor, (whole, start) in _list_views(graph, operator):
                own, other = (offsets[one] if one < len(offsets) else -1 for one in (tensor, whole))
                views |= {tensor: (whole, start)} if min(own, other) >= 0 and own - other == start else {}
    return views if views and keeps_apart(graph, views) else _NO_VIEWS


def _list_views(graph: ModelGraph, operator: Operator) -> Iterator[tuple[int, tuple[int, int]]]:
    """What an operator's tensors could be views of: a SLICE of its source, parts of what is joined."""
    kind, (*parts, whole) = (
        row_of(operator.name).lowering,
        (graph.tensors[one] for one in (*operator.inputs, *operator.outputs[:1])),
    )
    if kind == CUT and not (parts[0].is_constant or parts[0].is_variable):
        if run := find_run(graph, operator):
            yield whole.index, (parts[0].index, run[0])
    elif kind == JOINED and operator.activation in ("", "NONE") and whole.shape:
        alike = len({(one.dtype, one.scales, one.zero_points) for one in (*parts, whole)}) == 1
        free = not any(one.is_constant or one.is_variable for one in parts) and len(set(operator.inputs)) == len(parts)
        dense = math.prod(whole.shape[: operator.axis % len(whole.shape)]) == 1
        if alike and free and dense and sum(one.nbytes for one in parts) == whole.nbytes:
            starts = itertools.accumulate((one.nbytes for one in parts), initial=0)
            yield from ((one.index, (whole.index, start)) for one, start in zip(parts, starts, strict=False))


def find_run(graph: ModelGraph, operator: Operator) -> tuple[int, int] | None:
    """The first byte that a SLICE takes of its source and the one behind its last, None where they are not one run."""
    if len(operator.inputs) < 2 or not operator.outputs or min(*operator.inputs, *operator.outputs) < 0:
        return None
    source, begins, made = (graph.tensors[one] for one in (*operator.inputs[:2], operator.outputs[0]))
    rank = len(source.shape)
    held = begins.is_constant and begins.data_bytes == begins.nbytes and begins.dtype in ("int32", "int64")
    if not held or not source.elements or (begins.elements, len(made.shape)) != (rank, rank):
        return None
    cut = max((axis for axis in range(rank) if made.shape[axis] != source.shape[axis]), default=0)
    steps = [math.prod(source.shape[axis + 1 :]) for axis in range(rank)]
    places = zip(graph.constant(begins.index).ravel(), steps, strict=True)
    first = source.nbytes // source.elements * sum(int(place) * step for place, step in places)
    inside = 0 <= first <= first + made.nbytes <= source.nbytes and source.dtype == made.dtype
    return (first, first + made.nbytes) if inside and math.prod(made.shape[:cut]) == 1 else None


def keeps_apart(graph: ModelGraph, views: Views = _NO_VIEWS) -> bool:
    """Whether no two ranges that live at a time meet in a model's own offline plan, of which some tensors are views."""
    made = [*graph.inputs, *(one for operator in graph.operators for one in operator.outputs)]
    if len(set(made)) < len(made) or len(made) > _MOST_JUDGED:
        return False
    blocks = find_blocks(graph, (), views)
    bases = {block: graph.offline_offsets[block] for block in blocks.pieces if 0 <= block < len(graph.offline_offsets)}
    return not any(
        low < bases[block] - bases[other] < high
        for block, meeting in blocks.meet().items() for other, closed in meeting.items() for low, high in closed
        if min(bases.get(block, -1), bases.get(other, -1)) >= 0
    )  # fmt: skip


def least_head(graph: ModelGraph, plan: ArenaPlan) -> int:
    """The least head of any plan [byte] in which the tensors lie in others that lie so in this one, made of `graph`."""
    if plan.lower_bound_bytes <= plan.head_bytes:
        return plan.lower_bound_bytes
    asked = [one.buffer for one in plan.placed if one.buffer.tensor < 0]
    scratch = tuple(tuple(one.nbytes for one in asked if one.first == scope) for scope in range(1, plan.scopes))
    return align(max(find_blocks(graph, scratch, find_views(graph)).live_bytes()))


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
            if (
                row_of(operator.name).lowering == CUT
                and operator.outputs[0] in views
                and (run := find_run(graph, operator))
            ):
                begin, end = (begin + one for one in run)
            uses[places[tensor][0]].append((begin, end, operator.index + 1))
    pieces = {block: _divide(used) for block, used in uses.items()}
    asked = [one for one in buffers if one.tensor < 0]
    pieces |= {-1 - place: ((0, one.nbytes, one.first, one.last),) for place, one in enumerate(asked)}
    return Blocks(places, pieces, len(graph.operators) + 1)


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
    orders, bases, meeting = list(_orders(blocks, live)), dict[int, int](), blocks.meet()
    for attempt in range(len(orders) + (tries if len(order) <= _MOST_BLOCKS else 0)):
        if best <= least or not order:
            break
        changed = orders[attempt] if attempt < len(orders) else _move_one_earlier(blocks, bases, order, chance)
        placed = _place(meeting, changed)
        ends = [base + blocks.pieces[block][-1][1] for block, base in placed.items() if block >= 0]
        if max(ends, default=0) > best:
            continue
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


def _place(meeting: _Meeting, order: Sequence[int]) -> dict[int, int]:
    """The lowest base of each block in turn where no range of it meets another that lives with it."""
    bases = dict[int, int]()
    for block in order:
        base, others = 0, meeting[block].items()
        closed = sorted((low + bases[one], high + bases[one]) for one, ranges in others if one in bases
                        for low, high in ranges)  # fmt: skip
        for low, high in closed:
            if low >= base:
                break
            base = max(base, align(high))
        bases[block] = base
    return bases
