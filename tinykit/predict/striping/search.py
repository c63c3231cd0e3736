"""Which operators to compute in how many stripes, for the least arena at a latency that is allowed."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tinykit.ground.caches import remember
from tinykit.ground.errors import EngineError, ParameterError, keywords
from tinykit.ground.results import Result
from tinykit.model.graph.flatbuffer import write_offline_offsets
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph, read
from tinykit.model.graph.tree import read_tree
from tinykit.predict.arena.blocks import Views, find_blocks, find_views, search_offsets
from tinykit.predict.arena.plan import Sizes, align, list_scratch_bytes
from tinykit.predict.arena.predict import ArenaEstimate, plan_offline, predict_arena, with_offline_plan
from tinykit.predict.latency.instructions import predict_instructions
from tinykit.predict.packing.ends import cut_ends, prove_ends
from tinykit.predict.runtime.proving import SameProof, prove_same
from tinykit.predict.runtime.reference import require_tflm
from tinykit.predict.striping.rewriting import foresee, rewrite
from tinykit.predict.striping.rows import Held, Region, find_region
from tinykit.target.target import Target, fill_in

_COUNTS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 16)
_MOST_OPERATORS, _MOST_REGIONS, _MOST_TRIED, _FOLLOWED, _MOST_PLANNED = 8, 3, 16, 4, 8
_TRIES, _BUILD = 2000, "-O3"
_LITTLE = 0.05
_FLAT = 0.9
"""Of the peak: operators that take as much are as wide as it."""


@dataclass(frozen=True, slots=True, eq=False)
class Striped(Result):
    """A model and what became of it in stripes.

    Parameters
    ----------
    before, graph : the model as it came, and as it is now; the same where nothing is gained.
    regions : (first operator, last operator, stripes) of each step, numbered as before it.
    arena_before, arena : in TFLM, by the plan that each file holds or TFLM's own.
    unplanned_bytes : the arena of `graph` where a runtime heeds no offline plan [byte].
    latency : instructions that one inference takes more, as a share of those before.
    reason : why nothing is gained, "" where something is.
    proof : both run on the same inputs; None where nothing is gained.
    front : what is worth a choice, of rising arena and falling latency, unproven; the first is what `graph` is.
    ends : what was cut off first, since floats at the ends were the floor: `graph` takes and gives integers; "" if not.
    """

    LINE = ("regions", "arena_before", "arena", "latency", "reason")

    before: ModelGraph = field(repr=False)
    graph: ModelGraph = field(repr=False)
    regions: tuple[tuple[int, int, int], ...]
    arena_before: ArenaEstimate
    arena: ArenaEstimate
    unplanned_bytes: int = 0
    latency: float = 0.0
    reason: str = ""
    proof: SameProof | None = None
    front: "tuple[Striped, ...]" = field(default=(), repr=False)
    ends: str = ""

    @property
    def saved_bytes(self) -> int:
        """Bytes of arena that the stripes and their plan save."""
        return round(self.arena_before.value - self.arena.value)

    def __str__(self) -> str:
        if self.reason:
            return f"no stripes: {self.reason}"
        steps = [f"operators {first}..{last} in {count} stripes" for first, last, count in self.regions]
        share = self.saved_bytes / self.arena_before.value
        return (
            f"{', then '.join([*filter(None, [self.ends]), *steps])}: arena {self.arena_before.value:,.0f} -> "
            f"{self.arena.value:,.0f} bytes ({share:.0%} less) for {self.latency:.1%} more instructions, modelled on "
            f"{self.arena.core}"
        )


@keywords
def stripe(
    graph: GraphOrFile, target: Target | None = None, *,
    most_latency: float = 0.05, runtime: str | None = None, core: str | None = None, planned: bool = True,
) -> Striped:  # fmt: skip
    """Compute the widest part of a convolutional network in stripes, so that it takes less arena than any plan of it.

    The result is a `.tflite` of plain operators with an offline plan, in which SLICE and CONCATENATION copy each byte
    onto itself. Every TFLM that heeds such plans runs it; LiteRT runs it too, and heeds none. It is handed out only
    when TFLM answers both files with the same bytes. Float ends that would be the floor of the arena are cut off first.

    Parameters
    ----------
    graph : the model, or its file.
    target : whose runtime and core are meant, instead of them; what is given besides wins.
    most_latency : instructions that one inference may take more, as a share (0–1).
    runtime, core : whose scratch buffers and instructions, as in `predict_arena`; None for CMSIS-NN on a Cortex-M4.
    planned : False for an interpreter that heeds no offline plan: what gains by TFLM's own plan, SLICE and
        CONCATENATION copying for real, without a plan in the file.

    Raises
    ------
    ParameterError : a negative share. ModelError : the file cannot be rewritten, or TFLM refuses it.
    EngineError : TFLM is not installed, or its answers differ or prove nothing.
    UnknownRuntimeError : as `predict_arena` and `predict_instructions`.
    """
    if not 0 <= most_latency < math.inf:
        raise ParameterError(f"most_latency={most_latency:g} is no share; give 0.05 for 5 % more instructions, or 0")
    runtime, core = fill_in(target, runtime=runtime, core=core)
    model, how = as_graph(graph), (runtime or "tflm-cmsis-nn", core or "cortex-m4", most_latency, planned)
    base, found = _find_without_floor(model, *how) or (model, find_stripes(model, *how))
    if found.reason:
        return found
    require_tflm("a file in stripes")
    proof = prove_same(base.data, found.graph.data)
    if not proof.equal:
        raise EngineError(f"the stripes are not handed out: {proof};\ncheck the model, and report it where it is sound")
    if found.ends:
        prove_ends(model, base, proof.n)
    return replace(found, proof=proof)


def _find_without_floor(
    model: ModelGraph, runtime: str, core: str, most_latency: float, planned: bool
) -> tuple[ModelGraph, Striped] | None:
    """The model without its float ends, and that in stripes; None where they are not the floor of its arena."""
    cut = cut_ends(model)
    if cut is None:
        return None
    base, said, floor = cut
    found = find_stripes(base, runtime, core, most_latency, planned)
    if found.reason or floor < found.arena.head_bytes:
        return None
    before = predict_arena(model, runtime=runtime, core=core)
    return base, replace(found, before=model, arena_before=before, ends=said)


@remember
def find_stripes(graph: ModelGraph, runtime: str, core: str, most_latency: float, planned: bool = True) -> Striped:
    """A model in stripes as `stripe` makes it, unproven and with its ends: for looking at, not for handing out."""
    return _Search(graph, runtime, core, most_latency, planned).run()


@dataclass(frozen=True, slots=True)
class _State:
    """A model in stripes: its arena [byte], which is the least that a plan can take while it has none.

    `gap`: by how much the last plan missed what it could have been, as plans of what is made of it will [byte].
    """

    graph: ModelGraph
    views: Views
    regions: tuple[tuple[int, int, int], ...]
    size: float
    latency: float
    gap: float = 0.0


@dataclass(frozen=True, slots=True)
class _Search:
    graph: ModelGraph
    runtime: str
    core: str
    most_latency: float
    planned: bool

    def run(self) -> Striped:
        """Step by step: the widest region first, then what is widest after it; of all what is worth a choice."""
        before = self._measure(self.graph)
        start = Striped(self.graph, self.graph, (), before, before, reason=self._refuse_shape())
        if start.reason:
            return start
        least = before.value
        if self.planned:
            offline = with_offline_plan(self.graph, plan_offline(self.graph, runtime=self.runtime, core=self.core))
            least = min(least, self._measure(read(offline)).value)
        state = _State(self.graph, find_views(self.graph), (), least, 0.0)
        # where much is allowed what costs little is searched for as well: dear regions lead elsewhere
        prices = {min(_LITTLE, self.most_latency), self.most_latency}
        found = [one for price in prices for one in replace(self, most_latency=price)._explore(state)]
        front = [self._plan(one, _TRIES) for one in _front(found, _rank) if one.size < least]
        front = _front(front, _rank)
        if not front:
            return replace(start, reason=self._refuse(state))
        choices = tuple(replace(start, graph=one.graph, regions=one.regions, arena=self._measure(one.graph),
                                latency=one.latency) for one in front)  # fmt: skip
        plain = self._measure(_write_plan(front[0].graph, ()))
        return replace(choices[0], front=choices, unplanned_bytes=round(plain.value))

    def _explore(self, start: _State) -> list[_State]:
        """All that were planned, step by step: each time the least of what may come, and what is worth a choice."""
        states, found = [start], list[_State]()
        for _ in range(_MOST_REGIONS):
            made = [one for state in states for one in self._step(state)]
            chosen = _choose(made, _MOST_PLANNED, lambda one: (one.size + one.gap, one.latency))
            planned = [self._plan(one, _TRIES // 10) for one in chosen]
            states = _choose(planned, _FOLLOWED, _rank)
            found += planned
        return found

    def _measure(self, graph: ModelGraph) -> ArenaEstimate:
        return predict_arena(graph, runtime=self.runtime, core=self.core)

    def _plan(self, state: _State, tries: int) -> _State:
        if not self.planned:
            return state
        offsets = search_offsets(state.graph, self._scratch(state.graph), state.views, tries=tries)
        planned = _write_plan(state.graph, offsets)
        size = self._measure(planned).value
        return replace(state, graph=planned, size=size, gap=size - state.size)

    def _scratch(self, graph: ModelGraph) -> Sizes:
        return list_scratch_bytes(graph, self.runtime, self.core)

    def _live(self, graph: ModelGraph, views: Views) -> tuple[int, ...]:
        return find_blocks(graph, self._scratch(graph), views).live_bytes()

    def _count(self, graph: ModelGraph) -> float:
        return predict_instructions(graph, core=self.core, runtime=self.runtime, build=_BUILD).total.value

    def _refuse_shape(self) -> str:
        if self.graph.subgraphs != 1:
            return f"the model has {self.graph.subgraphs} subgraphs, a plan is made for models of one"
        if any(find_region(self.graph, one.index, one.index) for one in self.graph.operators):
            return ""
        return "no operator computes an image or a sequence row by row (convolution, pool, addition of batch 1)"

    def _refuse(self, state: _State) -> str:
        """Why nothing was found: what the least costs, or that the arena is as wide at too many operators."""
        live = self._live(self.graph, state.views)
        peak = max(0, live.index(max(live)) - 1)
        told = f"the arena is widest at operator {peak} ({self.graph.operators[peak].name}, {max(live):,} bytes)"
        dearer = min(replace(self, most_latency=1.0)._step(state), key=lambda one: one.latency, default=None)
        if dearer:
            cost = f"{dearer.latency:.1%} more instructions"
            return f"{told}; stripes would take about {dearer.size:,.0f} in all, but {cost}"
        wide = sum(one >= _FLAT * max(live) for one in live[1:])
        if wide > 1:
            told += f" and as wide at {wide} of {len(live) - 1} operators, whose maps are of one size"
        cost = f"{self.most_latency:.0%} more instructions, nor at any other price"
        return f"{told}; no stripes around it take less in all at {cost}"

    def _step(self, state: _State) -> list[_State]:
        """What a further region makes of it, where that may take less arena and not too many instructions."""
        made, tree, usual = [], read_tree(state.graph.data), self._count(self.graph)
        for _, region, held in _choose(self._candidates(state), _MOST_TRIED, lambda one: one[0]):
            graph, views = rewrite(region, held, tree)
            views = {**state.views, **views} if self.planned else {}
            more, arena = self._count(graph) / usual - 1, self._measure(graph)
            bound = align(max(self._live(graph, views))) + arena.tail_bytes if self.planned else arena.value
            if more <= self.most_latency and bound < state.size:
                cut = region.operators[0].index, region.operators[-1].index, len(held)
                made.append(_State(graph, views, (*state.regions, cut), bound, more, state.gap))
        return made

    def _candidates(self, state: _State) -> Iterator[tuple[tuple[float, float], Region, list[Held]]]:
        """Regions around the peak in stripes; first about the arena that each takes, and its MACs."""
        graph, live = state.graph, self._live(state.graph, state.views)
        peak, most = max(0, live.index(max(live)) - 1), self.graph.macs * (1 + self.most_latency)
        for first in range(max(0, peak - _MOST_OPERATORS + 1), peak + 1):
            for last in range(peak, min(len(graph.operators), first + _MOST_OPERATORS)):
                outside = max([*live[: first + 1], *live[last + 2 :]], default=0)
                region = find_region(graph, first, last) if outside < max(live) else None
                if region:
                    yield from ((key, region, held) for key, held in _cut(region, outside) if key[1] <= most)


def _cut(region: Region, outside: int) -> Iterator[tuple[tuple[float, float], list[Held]]]:
    rest = region.graph.macs - sum(one.macs for one in region.operators)
    for count in (one for one in _COUNTS if one <= region.length(region.sink)):
        stripes = [held for ends in region.cut(count) if (held := region.hold(*ends))]
        if len(stripes) == count:
            inside, tail, macs = foresee(region, stripes)
            yield (max(outside, inside) + tail, rest + macs), stripes


def _write_plan(graph: ModelGraph, offsets: Sequence[int]) -> ModelGraph:
    """The model with these offsets; without any TFLM plans it."""
    return read(write_offline_offsets(graph.data, offsets or [-1] * len(graph.tensors)), graph.path)


_Kind = TypeVar("_Kind")


def _rank(state: _State) -> tuple[float, float]:
    return state.size, state.latency


def _choose(found: Iterable[_Kind], most: int, key: Callable[[_Kind], tuple[float, float]]) -> list[_Kind]:
    """The least, and as many of the cheapest of what is worth a choice: they may lead further than the least do."""
    ordered = sorted(found, key=key)
    return list({id(one): one for one in (*ordered[:most], *_front(ordered, key)[-most:])}.values())


def _front(found: Iterable[_Kind], key: Callable[[_Kind], tuple[float, float]]) -> list[_Kind]:
    """What nothing betters in arena and latency both, of rising arena."""
    kept = list[_Kind]()
    for one in sorted(found, key=key):
        if not kept or key(one)[1] < key(kept[-1])[1]:
            kept.append(one)
    return kept
