"""Where TFLM's greedy planner puts each buffer of the non-persistent arena (the head), and what kernels ask for.

The rules are those of TFLM's `AllocationInfoBuilder` and `GreedyMemoryPlanner`
(tensorflow/lite/micro/micro_allocation_info.cc and memory_planner/greedy_memory_planner.cc):
a tensor lives from the operator that makes it to the last that reads it, a scratch buffer during its
operator; buffers are placed by falling size, each in the lowest gap among those alive with it.

TFLM takes its persistent allocations (the tail) from the end of the arena downward, each with its own alignment
(tensorflow/lite/micro/micro_allocator.cc): its own objects, one record a tensor and a node, the options and the
kernel data of each operator, per-channel multipliers, scratch handles, the input and output tensors.
The order was checked on the x86-64 interpreter; the 32-bit sizes below, members counted with pointers of 4 bytes
and enumerations of 1, reproduce the linked arenas of four models with reference and CMSIS-NN kernels on Cortex-M4,
M7, M33 and M55 (GCC 12.2, TFLM mid-2026).
"""

import bisect
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tinykit.ground.caches import remember
from tinykit.ground.errors import ModelError
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read_subgraphs
from tinykit.model.operators.espressif import ESPRESSIF
from tinykit.model.operators.rules import EARLIER, NEWEST, Kernels
from tinykit.model.operators.table import Tail, row_of
from tinykit.target.boards.record import core_family

ALIGNMENT_BYTES = 16
"""TFLM's MicroArenaBufferAlignment()."""

Sizes = tuple[tuple[int, ...], ...]
_DEEPEST, _MOST_SCOPES = 16, 100_000


@dataclass(frozen=True, slots=True)
class Buffer(Result):
    """One buffer of the head before it has a place.

    Parameters
    ----------
    tensor : index of the tensor it holds, -1 for a scratch buffer, and for a tensor of another subgraph.
    nbytes : size, a multiple of 16.
    first, last : scope in which it is written first and read last: 0 before the first operator,
        i + 1 while operator i runs, fractions while subgraphs run that it calls; -1 where that never happens.
    """

    tensor: int
    nbytes: int
    first: float
    last: float


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
        return sum_alive(((one.buffer.nbytes, one.buffer.first, one.buffer.last) for one in self.placed), self.scopes)

    @property
    def lower_bound_bytes(self) -> int:
        """The largest sum of buffers alive together, in bytes."""
        return max(self.live_bytes(), default=0)


def sum_alive(lives: Iterable[tuple[int, float, float]], scopes: int) -> tuple[int, ...]:
    """The most bytes alive in each scope, of what takes so many bytes from its first scope to its last."""
    known = [(nbytes, max(0, first), last) for nbytes, first, last in lives if first <= last]
    times = sorted({*range(scopes), *(first for _, first, _ in known)})
    changes, most = [0] * (len(times) + 1), [0] * scopes
    for nbytes, first, last in known:
        changes[bisect.bisect_left(times, first)] += nbytes
        changes[bisect.bisect_right(times, last)] -= nbytes
    for time, alive in zip(times, itertools.accumulate(changes[:-1]), strict=True):
        most[int(time)] = max(most[int(time)], alive)
    return tuple(most)


def align(nbytes: int) -> int:
    """Round up to the arena's 16-byte alignment."""
    return -(-nbytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def list_buffers(graph: ModelGraph, scratch: Sizes = (), offsets: Sequence[int] = ()) -> tuple[Buffer, ...]:
    """Buffers of the head with their lifetimes, in TFLM's order: tensors, then scratch (by operator, bytes of each).

    TFLM keeps room for what nothing writes or reads, for the tensors of other subgraphs, called or not, and for
    variables where an offline plan, `offsets`, places them.
    """
    graphs, planned = read_subgraphs(graph), {place for place, offset in enumerate(offsets) if offset >= 0}
    buffers = [
        Buffer(tensor.index if one is graph else -1, align(tensor.nbytes), first, last)
        for one, spans in zip(graphs, _mark_lifetimes(graphs), strict=True)
        for tensor, (first, last) in zip(one.tensors, spans, strict=True)
        if tensor.nbytes and not (tensor.is_constant or (tensor.is_variable and tensor.index not in planned))
    ]
    for index, sizes in enumerate(scratch):
        buffers += [Buffer(-1, align(size), index + 1, index + 1) for size in sizes if size]
    return tuple(buffers)


def _mark_lifetimes(graphs: Sequence[ModelGraph]) -> list[list[list[float]]]:
    """First and last scope of each tensor of each subgraph."""
    spans: list[list[list[float]]] = [[[-1, -1] for _ in one.tensors] for one in graphs]
    starts = [0]
    end = _visit(graphs, (0,), 0, spans, starts)
    if end < len(starts):
        return spans
    ends = [*starts[1:], end + 1]
    for pair in itertools.chain.from_iterable(spans):
        for place, scope in enumerate(pair):
            if scope >= 0:
                at = bisect.bisect_right(starts, scope) - 1
                pair[place] = at + (scope - starts[at]) / (ends[at] - starts[at])
    return spans


def _visit(
    graphs: Sequence[ModelGraph], path: tuple[int, ...], scope: int, spans: list[list[list[float]]], starts: list[int]
) -> int:
    """Mark what the subgraph at the end of a path of calls uses, from a scope of TFLM's on; returns its last scope."""
    graph, uses, main = graphs[path[-1]], spans[path[-1]], len(path) == 1
    if len(path) > _DEEPEST or scope > _MOST_SCOPES:
        raise ModelError(f"subgraphs call each other {_DEEPEST} deep or {_MOST_SCOPES:,} times: damaged; convert again")
    for tensor in graph.inputs:
        uses[tensor] = [scope if uses[tensor][0] < 0 else uses[tensor][0], scope if main else uses[tensor][1]]
    for operator in graph.operators:
        scope += 1
        starts += [scope] * main
        for tensor in operator.outputs:
            uses[tensor][0] = scope if uses[tensor][0] < 0 else uses[tensor][0]
        for called in operator.list_calls():
            if 0 < called < len(graphs):
                scope = _visit(graphs, (*path, called), scope + 1, spans, starts)
        for tensor in (*operator.inputs, *operator.outputs):
            if tensor >= 0:
                uses[tensor][1] = scope
    for tensor in graph.outputs:
        uses[tensor] = [scope if uses[tensor][0] < 0 else uses[tensor][0], scope]
    return scope


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


@remember
def plan_head(graph: ModelGraph, scratch_bytes: Sizes) -> ArenaPlan:
    """The greedy plan of a model's head, its own offline plan heeded, given what `list_scratch_bytes` says."""
    offsets = graph.offline_offsets
    return plan_greedily(list_buffers(graph, scratch_bytes, offsets), len(graph.operators) + 1, offsets)


def place_in_order(
    buffers: Sequence[Buffer], order: Iterable[int], scopes: int, fixed: dict[int, int] | None = None
) -> ArenaPlan:
    """Place buffers, by position, each in the lowest gap among those alive with it; `fixed` have their offset."""
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


def list_scratch_bytes(graph: ModelGraph, runtime: str, core: str, *, older: bool = False) -> Sizes:
    """Sizes in bytes of the scratch buffers each operator asks for, in operator order.

    Of TFLM's runtimes; `older`: as with CMSIS-NN of 2023 (`model.operators.EARLIER`).
    """
    return _ask_kernels(graph, kernels_of(runtime, core, EARLIER if older else NEWEST))


@remember
def _ask_kernels(graph: ModelGraph, kernels: Kernels) -> Sizes:
    rules = ((row_of(one.name).scratch, one) for one in graph.operators)
    return tuple(rule(graph.call(one), kernels) if rule else () for rule, one in rules)


def list_espressif_scratch(graph: ModelGraph, others: Sizes, core: str = "xtensa-lx7", *, lean: bool = False) -> Sizes:
    """The most that any version of ESP-NN asks for, or what 1.1 does, beside what the reference kernels ask for."""
    kinds = ESPRESSIF.get(core, ESPRESSIF[""])[0 if lean else 1]
    rules = ((kinds.get(row_of(one.name).latency or ""), one) for one in graph.operators)
    asked = (rule(graph.call(one), Kernels("plain")) if rule else () for rule, one in rules)
    return tuple((*sizes, *own) for own, sizes in zip(asked, others, strict=True))


def kernels_of(runtime: str, core: str, version: str = NEWEST) -> Kernels:
    """Whose kernels a runtime takes on a core."""
    return Kernels(core_family(core), version if runtime == "tflm-cmsis-nn" else "")


def keep_kernel_sums(graph: ModelGraph, scratch_bytes: Sizes, core: str) -> tuple[Sizes, int]:
    """Scratch and tail where TFLM keeps the weight sums of fully connected kernels, which Helium's kernels need.

    Built for speed (`KERNELS_OPTIMIZED_FOR_SPEED`, its makefile's default) they lie in the tail; the builds that were
    linked sum again at each call, into scratch.
    """
    if core_family(core) != "mve":
        return scratch_bytes, 0
    sums = [row_of(operator.name).lowering == "dense" for operator in graph.operators]
    kept = sum(sum(sizes) for sizes, own in zip(scratch_bytes, sums, strict=True) if own)
    return tuple(() if own else sizes for sizes, own in zip(scratch_bytes, sums, strict=True)), kept


_OWN_OBJECTS_BYTES = 132
"""Two allocators (40 and 36), the planner (40), the builder of options (8), one subgraph's two arrays (8)."""
_SUBGRAPH_BYTES = 8
_EVAL_TENSOR_BYTES = 12
_NODE_BYTES = 32
_TENSOR_BYTES, _WIDE_TENSOR_BYTES = 32, 40
_AFFINE_BYTES = 12
_POINTER_BYTES = 4
_UNKNOWN = Tail(32, 32, 96, 96)  # generous, for an operator whose sizes are not tabulated


def measure_tail(graph: ModelGraph, scratch_bytes: Sequence[Sequence[int]], runtime: str, core: str) -> int:
    """Bytes of the tail on a 32-bit target, given what `list_scratch_bytes` says; Helium's kernels keep more."""
    used = _OWN_OBJECTS_BYTES + _SUBGRAPH_BYTES * (graph.subgraphs - 1)
    for nbytes, alignment in _list_allocations(graph, scratch_bytes, runtime, core):
        used = -(-(used + nbytes) // alignment) * alignment
    return used


def _list_allocations(
    graph: ModelGraph, scratch_bytes: Sequence[Sequence[int]], runtime: str, core: str
) -> list[tuple[int, int]]:
    kernels, graphs = kernels_of(runtime, core), read_subgraphs(graph)
    operators = [(one.call(operator), row_of(operator.name)) for one in graphs for operator in one.operators]
    allocations = [(_EVAL_TENSOR_BYTES * len(one.tensors), 4) for one in graphs]
    allocations += [(_NODE_BYTES * len(one.operators), 4) for one in graphs]
    tails = [row.tail or _UNKNOWN for _, row in operators]
    options = (one.options if _packs_enumerations(core) else one.wide_options for one in tails)
    allocations += [(size, 1 if size % 4 else 4) for size in options if size]
    own = (one.cmsis_kernel if kernels.cmsis else one.kernel for one in tails)
    allocations += [(size, ALIGNMENT_BYTES) for size in own if size]
    rules = ((row.prepared, call) for call, row in operators)
    allocations += [(size, ALIGNMENT_BYTES) for rule, call in rules if rule for size in rule(call, kernels)]
    allocations += [(_POINTER_BYTES * sum(len(sizes) for sizes in scratch_bytes), 4)]
    offsets = itertools.chain(graph.offline_offsets or [-1] * len(graph.tensors), itertools.repeat(-1))
    tensors = zip(itertools.chain.from_iterable(one.tensors for one in graphs), offsets, strict=False)
    allocations += [(one.nbytes, ALIGNMENT_BYTES) for one, offset in tensors if one.is_variable and offset < 0]
    return allocations + _list_ends(graph, core)


def _packs_enumerations(core: str) -> bool:
    return core.startswith("cortex")


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
