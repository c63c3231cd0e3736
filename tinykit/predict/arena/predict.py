"""The tensor arena a model needs on a 32-bit microcontroller, and a plan of it made before the model runs.

TFLM takes offsets from the metadata entry `OfflineMemoryAllocation` as they are. Its own planner places buffers by
falling size, which leaves gaps where large buffers follow each other in a chain; other orders leave fewer.
"""

from dataclasses import dataclass, field, replace

from tinykit.ground.caches import remember
from tinykit.ground.errors import UnknownRuntimeError, keywords
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.model.graph.flatbuffer import write_offline_offsets
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph, read_subgraphs
from tinykit.model.operators.espressif import ESPRESSIF
from tinykit.model.operators.table import row_of
from tinykit.predict.arena import plan as layout
from tinykit.predict.arena.blocks import find_views, search_offsets
from tinykit.predict.st_memory import predict_st_memory
from tinykit.target.runtimes import default_runtime, list_runtimes, planner_of
from tinykit.target.target import Target, fill_in

_SCRATCH_EXTREMES = ("cortex-m4", "cortex-m55")
_VERIFIED_SLACK_BYTES = 64
_UNKNOWN_OPERATOR_SLACK_BYTES = 160
_OTHER_VERSIONS_FACTOR = 0.08
_ALLOCATOR_BYTES = 32
_ALLOCATION_INFO_BYTES = 24
_PLANNER_BUFFER_BYTES = 44
_SOURCE = (
    "TFLM's greedy plan and 32-bit tail reproduced from the graph; exact on 16 linked arenas "
    "(4 models, reference and CMSIS-NN, M4/M7/M33/M55, GCC 12.2, TFLM mid-2026)"
)


_ESP_NN_SOURCE = (
    "TFLM's greedy plan and 32-bit tail with reference kernels: without vector instructions ESP-NN's ask for scratch "
    "for softmax alone; on an ESP32 four arena_used_bytes() are met to the byte (avionicharshit-byte/mcufit-bench)"
)
_ESP_NN_BOUND = (
    "TFLM's greedy plan and 32-bit tail with reference kernels, and what the functions of ESP-NN 1.1 ask for, from "
    "none to the most of any version: a bound, no arena was published; take arena_used_bytes() on it"
)


@dataclass(frozen=True, slots=True)
class ArenaEstimate(Result):
    """The arena of a model on a 32-bit target, in bytes.

    Parameters
    ----------
    used : arena_used_bytes() after AllocateTensors, as an `Estimate` in bytes.
    to_start : the smallest arena that allocates: planning needs temporary memory too, in bytes.
    head_bytes, tail_bytes : non-persistent and persistent part of `used`.
    plan : the head, laid out.
    runtime, core : what it holds for.
    """

    LINE = ("runtime", "core", "used", "head_bytes", "tail_bytes")

    used: Estimate
    to_start: int
    head_bytes: int
    tail_bytes: int
    plan: layout.ArenaPlan = field(repr=False)
    runtime: str
    core: str

    @property
    def value(self) -> float:
        """arena_used in bytes."""
        return self.used.value

    @property
    def low(self) -> float:
        """Low end of the interval in bytes."""
        return self.used.low

    @property
    def high(self) -> float:
        """High end of the interval in bytes."""
        return self.used.high

    @property
    def head_array_bytes(self) -> int:
        """The smallest non-persistent array where TFLM is given two (`MicroAllocator::Create`): head or planning."""
        return self.to_start - self.tail_bytes

    @property
    def tail_array_bytes(self) -> int:
        """The smallest persistent array of the two; 32 bytes for the second allocator and 16 to align are assumed."""
        return self.tail_bytes + _ALLOCATOR_BYTES + layout.ALIGNMENT_BYTES

    @property
    def to_deploy(self) -> int:
        """The array to give it in firmware, in bytes: it starts, and other TFLM versions of the interval fit too."""
        return max(self.to_start, int(self.high))


@keywords
def predict_arena(
    graph: GraphOrFile, *, target: Target | None = None, runtime: str | None = None, core: str | None = None,
    runtime_version: str | None = None
) -> ArenaEstimate:  # fmt: skip
    """The tensor arena on a 32-bit target, from the graph alone.

    Head: TFLM's greedy plan, or the model's own offline plan, with the scratch buffers of the kernel set on this core.
    Tail: TFLM's persistent
    allocations with 32-bit structures. The interval covers other TFLM versions of the years 2023–2026, whose
    scratch and structures differ, and is wider where an operator's kernel data is not tabulated.
    Under X-CUBE-AI: the activations, inputs and outputs within; the tail is its runtime's RAM, no part of `used`.

    Parameters
    ----------
    graph : the model, or its file.
    target : whose runtime and core are meant, instead of them; what is given besides wins.
    runtime : one whose planner is TFLM's, or "x-cube-ai"; None for "tflm-cmsis-nn".
    core : lower-case core name; None for "cortex-m4".
    runtime_version : of X-CUBE-AI, None where unknown; for TFLM the interval covers the versions.

    Raises
    ------
    UnknownRuntimeError : a runtime whose planner is unknown, or one on a core that it is not for.
    ParameterError : a version of X-CUBE-AI that is no number.
    """
    runtime, core, version = fill_in(target, runtime=runtime, core=core, runtime_version=runtime_version)
    model, runtime, core = as_graph(graph), "tflm-cmsis-nn" if runtime is None else runtime, core or "cortex-m4"
    st = planner_of(runtime) == "st"
    return _predict_st(model, runtime, core, version) if st else _predict(model, runtime, core)


def _predict_st(graph: ModelGraph, runtime: str, core: str, version: str | None) -> ArenaEstimate:
    memory = predict_st_memory(graph, core, version)
    activations, own = int(memory.activations.value), int(memory.runtime_ram.value)
    plan = layout.plan_head(graph, ((),) * len(graph.operators))
    return ArenaEstimate(memory.activations, activations + own, activations, own, plan, runtime, core)


@remember
def _predict(graph: ModelGraph, runtime: str, core: str) -> ArenaEstimate:
    _check_known(runtime, core)
    reference = layout.list_scratch_bytes(graph, runtime, core)
    least = _plan(graph, reference, runtime, core)
    if runtime != "esp-nn":
        return least
    # the scratch of ESP-NN's vector kernels changes with the version: from none to the most that one asked for
    asked = (layout.list_espressif_scratch(graph, reference, core, lean=lean) for lean in (True, False))
    found, most = (_plan(graph, scratch, runtime, core) for scratch in asked)
    if core not in ESPRESSIF:
        return found
    low, high = min(least.low, found.low), max(most.high, found.high)
    return replace(found, used=replace(found.used, low=low, high=high, sources=(_ESP_NN_BOUND,)))


def _plan(graph: ModelGraph, scratch: layout.Sizes, runtime: str, core: str) -> ArenaEstimate:
    """Head and tail for given scratch buffers."""
    plan = layout.plan_head(graph, scratch)
    tail = layout.measure_tail(graph, scratch, runtime, core)
    used, graphs = plan.head_bytes + tail, read_subgraphs(graph)
    unknown = sum(row_of(operator.name).tail is None for one in graphs for operator in one.operators)
    slack = _VERIFIED_SLACK_BYTES + _UNKNOWN_OPERATOR_SLACK_BYTES * unknown
    planning = _ALLOCATION_INFO_BYTES * sum(map(len, (*(one.tensors for one in graphs), *scratch)))
    planning += _PLANNER_BUFFER_BYTES * len(plan.placed)
    high = used + slack + _OTHER_VERSIONS_FACTOR * tail + _of_other_builds(graph, runtime, core, plan)
    # where an operator calls others, their scratch is not planned, and the most of each subgraph lies at the high end
    called = (layout.list_scratch_bytes(one, runtime, core) for one in graphs[1:])
    high += sum(max(map(sum, sizes), default=0) for sizes in called)
    source = _ESP_NN_SOURCE if runtime == "esp-nn" else _SOURCE
    estimate = Estimate(used, max(0, used - slack), high, "byte", "modelled", runtime=runtime, sources=source)
    to_start = tail + max(plan.head_bytes, planning) + layout.ALIGNMENT_BYTES
    return ArenaEstimate(estimate, to_start, plan.head_bytes, tail, plan, runtime, core)


def arena_for_any_core(graph: GraphOrFile) -> int:
    """The array that firmware for a core not yet chosen should give TFLM with CMSIS-NN, in bytes.

    The larger need of cores with the DSP extension (pooling sums) and with Helium (patches, bias sums).
    """
    graph = as_graph(graph)
    return max(predict_arena(graph, runtime="tflm-cmsis-nn", core=core).to_deploy for core in _SCRATCH_EXTREMES)


def _check_known(runtime: str, core: str) -> None:
    known = _list_planned()
    if runtime not in known:
        raise UnknownRuntimeError(
            f"the arena of runtime {runtime!r} is unknown: its planner is not TFLM's; known: {', '.join(known)}"
        )
    if runtime == "esp-nn" and default_runtime(core) != runtime:
        raise UnknownRuntimeError(
            f"the arena of esp-nn on {core} is unknown: ESP-NN has kernels for Espressif's cores; take another runtime"
        )


def _list_planned() -> list[str]:
    """Runtimes whose arena TFLM's planner lays out."""
    return [one.name for one in list_runtimes() if one.planner == "tflm"]


def _of_other_builds(graph: ModelGraph, runtime: str, core: str, plan: layout.ArenaPlan) -> int:
    """Bytes beyond the plan's: head that kernels of older versions ask for, or weight sums kept in the tail."""
    if runtime != "tflm-cmsis-nn":
        return 0
    older = layout.list_scratch_bytes(graph, runtime, core, older=True)
    rest, kept = layout.keep_kernel_sums(graph, layout.list_scratch_bytes(graph, runtime, core), core)
    of_older, of_rest = (layout.plan_head(graph, scratch).head_bytes for scratch in (older, rest))
    return max(0, of_older - plan.head_bytes, of_rest + kept - plan.head_bytes)


@dataclass(frozen=True, slots=True)
class ArenaComparison(Result):
    """The greedy plan of a model's head and the offline one, buffers in the same order.

    Parameters
    ----------
    graph, runtime, core : what was asked.
    greedy : as TFLM would plan alone.
    offline : of `plan_offline`.
    """

    graph: ModelGraph
    runtime: str
    core: str
    greedy: layout.ArenaPlan
    offline: layout.ArenaPlan

    @property
    def saved_bytes(self) -> int:
        """Bytes of head that the offline plan saves, 0 or more."""
        return self.greedy.head_bytes - self.offline.head_bytes


def compare_plans(graph: GraphOrFile, *, runtime: str = "tflm-cmsis-nn", core: str = "cortex-m4") -> ArenaComparison:
    """The greedy and the offline plan of a model; a plan in the file counts for what it lays into other tensors."""
    graph = as_graph(graph)
    buffers = layout.list_buffers(graph, layout.list_scratch_bytes(graph, runtime, core))
    greedy = layout.plan_greedily(buffers, len(graph.operators) + 1)
    return ArenaComparison(graph, runtime, core, greedy, plan_offline(graph, runtime=runtime, core=core))


def plan_offline(graph: GraphOrFile, *, runtime: str = "tflm-cmsis-nn", core: str = "cortex-m4") -> layout.ArenaPlan:
    """The best plan of the head that a short search finds; never worse than TFLM's greedy plan.

    The result is what TFLM makes of the offsets that `search_offsets` finds. What the model's own plan lays into other
    tensors, as in a file in stripes, stays there.

    Parameters
    ----------
    graph : the model.
    runtime, core : whose scratch buffers to plan for, as in `predict_arena`.

    Raises
    ------
    UnknownRuntimeError : a runtime whose planner is not TFLM's.
    """
    if runtime not in (known := _list_planned()):
        told = f"no offline plan for runtime {runtime!r}: its planner is not TFLM's"
        raise UnknownRuntimeError(f"{told}; known: {', '.join(known)}")
    return _search_plan(as_graph(graph), runtime, core)


@remember
def _search_plan(graph: ModelGraph, runtime: str, core: str) -> layout.ArenaPlan:
    scratch, scopes = layout.list_scratch_bytes(graph, runtime, core), len(graph.operators) + 1
    buffers, views = layout.list_buffers(graph, scratch), find_views(graph)
    greedy = layout.plan_greedily(buffers, scopes)
    if greedy.head_bytes == greedy.lower_bound_bytes and not views:
        return greedy
    known = ((), search_offsets(graph, scratch, views), *((graph.offline_offsets,) if views else ()))
    return min((layout.plan_greedily(buffers, scopes, one) for one in known), key=lambda one: one.head_bytes)


def tensor_offsets(graph: ModelGraph, plan: layout.ArenaPlan) -> tuple[int, ...]:
    """Offset of each tensor of the graph in a plan, -1 for those that are not in the head."""
    placed = {one.buffer.tensor: one.offset for one in plan.placed if one.buffer.tensor >= 0}
    return tuple(placed.get(tensor.index, -1) for tensor in graph.tensors)


def with_offline_plan(graph: GraphOrFile, plan: layout.ArenaPlan) -> bytes:
    """The model file with a plan of its tensors written into it.

    Prove it before it goes anywhere (`tinykit.predict.prove_same`): an offset that is wrong overwrites a tensor.

    Raises
    ------
    ModelError : the file cannot be rewritten.
    """
    graph = as_graph(graph)
    return write_offline_offsets(graph.data, tensor_offsets(graph, plan))
