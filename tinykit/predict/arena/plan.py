"""Where TFLM's greedy planner puts each buffer of the non-persistent arena (the head).

The rules are those of TFLM's `AllocationInfoBuilder` and `GreedyMemoryPlanner`
(tensorflow/lite/micro/micro_allocation_info.cc and memory_planner/greedy_memory_planner.cc):
a tensor lives from the operator that makes it to the last that reads it, a scratch buffer during its
operator; buffers are placed by falling size, each in the lowest gap among those alive with it.
"""

import bisect
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph

ALIGNMENT_BYTES = 16
"""TFLM's MicroArenaBufferAlignment()."""


@dataclass(frozen=True, slots=True)
class Buffer(Result):
    """One buffer of the head before it has a place.

    Parameters
    ----------
    tensor : index of the tensor it holds, -1 for a scratch buffer.
    nbytes : size, a multiple of 16.
    first, last : scope in which it is written first and read last: 0 before the first operator,
        i + 1 while operator i runs.
    """

    tensor: int
    nbytes: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class PlacedBuffer(Result):
    """A buffer and the offset in the arena that it got, in bytes."""

    buffer: Buffer
    offset: int

    @property
    def end(self) -> int:
        """First byte behind it."""
        return self.offset + self.buffer.nbytes


@dataclass(frozen=True, slots=True)
class ArenaPlan(Result):
    """The head of the arena, laid out.

    Parameters
    ----------
    placed : every buffer with its offset, in the order the planner was given them.
    scopes : number of scopes: operators + 1.
    """

    placed: tuple[PlacedBuffer, ...]
    scopes: int

    @property
    def head_bytes(self) -> int:
        """Size of the head in bytes: the highest end of any buffer."""
        return max((placed.end for placed in self.placed), default=0)

    def live_bytes(self) -> tuple[int, ...]:
        """Bytes alive in each scope: their maximum is a lower bound of any plan's head."""
        changes = [0] * (self.scopes + 1)
        for placed in self.placed:
            changes[placed.buffer.first] += placed.buffer.nbytes
            changes[placed.buffer.last + 1] -= placed.buffer.nbytes
        return tuple(itertools.accumulate(changes[:-1]))

    @property
    def lower_bound_bytes(self) -> int:
        """The largest sum of buffers alive together, in bytes."""
        return max(self.live_bytes(), default=0)


def align(nbytes: int) -> int:
    """Round up to the arena's 16-byte alignment."""
    return -(-nbytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def list_buffers(graph: ModelGraph, scratch_bytes: Sequence[Sequence[int]] = ()) -> tuple[Buffer, ...]:
    """Buffers of the head with their lifetimes, in TFLM's order: tensors, then scratch.

    Parameters
    ----------
    graph : the model.
    scratch_bytes : per operator, the sizes of the scratch buffers its kernel asks for, in bytes.
    """
    first, last = _mark_lifetimes(graph)
    buffers = [
        Buffer(tensor.index, align(tensor.nbytes), first[tensor.index], last[tensor.index])
        for tensor in graph.tensors
        if tensor.index in first and tensor.nbytes and not tensor.is_constant and not tensor.is_variable
    ]
    for index, sizes in enumerate(scratch_bytes):
        buffers += [Buffer(-1, align(size), index + 1, index + 1) for size in sizes if size]
    return tuple(buffers)


def _mark_lifetimes(graph: ModelGraph) -> tuple[dict[int, int], dict[int, int]]:
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.inputs, 0)
    for operator in graph.operators:
        scope = operator.index + 1
        for tensor in operator.outputs:
            first.setdefault(tensor, scope)
            last[tensor] = scope
        for tensor in operator.inputs:
            if tensor in first:
                last[tensor] = scope
    for tensor in graph.outputs:
        if tensor in first:
            last[tensor] = len(graph.operators)
    return first, last


def plan_greedily(buffers: Sequence[Buffer], scopes: int, offsets: Sequence[int] = ()) -> ArenaPlan:
    """Place buffers as TFLM's greedy planner does.

    Parameters
    ----------
    buffers : as `list_buffers` gives them; of equal sizes the later is placed first, as in TFLM.
    scopes : operators + 1.
    offsets : an offline plan: the offset of each tensor in bytes, -1 or absent where the planner is to place it.
        What is planned offline is taken as it is, and first.
    """
    fixed = {
        index: offsets[buffer.tensor]
        for index, buffer in enumerate(buffers)
        if 0 <= buffer.tensor < len(offsets) and offsets[buffer.tensor] >= 0
    }
    order = sorted(set(range(len(buffers))) - set(fixed), key=lambda index: (-buffers[index].nbytes, -index))
    return place_in_order(buffers, order, scopes, fixed)


def place_in_order(
    buffers: Sequence[Buffer], order: Iterable[int], scopes: int, fixed: dict[int, int] | None = None
) -> ArenaPlan:
    """Place the buffers at these positions one by one, each in the lowest gap among those alive with it.

    `fixed` are the offsets of those that have their place already, by position.
    """
    offsets = dict(fixed or {})
    by_offset = sorted(offsets, key=offsets.__getitem__)
    for index in order:
        offset = _lowest_gap(buffers, offsets, by_offset, buffers[index])
        offsets[index] = offset
        bisect.insort_right(by_offset, index, key=offsets.__getitem__)
    return ArenaPlan(tuple(PlacedBuffer(buffer, offsets[index]) for index, buffer in enumerate(buffers)), scopes)


def _lowest_gap(buffers: Sequence[Buffer], offsets: dict[int, int], by_offset: Sequence[int], wanted: Buffer) -> int:
    candidate = 0
    for other in by_offset:
        placed = buffers[other]
        if placed.first > wanted.last or placed.last < wanted.first:
            continue
        if offsets[other] - candidate >= wanted.nbytes:
            break
        candidate = max(candidate, offsets[other] + placed.nbytes)
    return candidate
