"""Which operators to compute in how many stripes, for the least arena at a latency that is allowed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tinykit.ground.errors import EngineError, ParameterError, keywords
from tinykit.ground.results import Result
from tinykit.model.graph.flatbuffer import write_offline_offsets
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph, read
from tinykit.model.graph.tree import read_tree
from tinykit.predict.arena.blocks import Views, find_blocks, search_offsets
from tinykit.predict.arena.plan import align, list_scratch_bytes
from tinykit.predict.arena.predict import ArenaEstimate, plan_offline, predict_arena, with_offline_plan
from tinykit.predict.latency.instructions import predict_instructions
from tinykit.predict.runtime.proving import SameProof, prove_same
from tinykit.predict.runtime.reference import require_tflm
from tinykit.predict.striping.rewriting import foresee, rewrite
from tinykit.predict.striping.rows import Held, Region, find_region
from tinykit.target.target import Target, fill_in

_COUNTS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 16)
_MOST_OPERATORS, _MOST_REGIONS, _MOST_TRIED, _FOLLOWED = 8, 3, 16, 4
_BUILD = "-O3"


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

    @property
    def saved_bytes(self) -> int:
        """Bytes of arena that the stripes and their plan save."""
        return round(self.arena_before.value - self.arena.value)

    def __str__(self) -> str:
        if self.reason:
            return f"no stripes: {self.reason}"
        regions = ", then ".join(f"operators {first}..{last} in {count} stripes" for first, last, count in self.regions)
        share = self.saved_bytes / self.arena_before.value
        return (
            f"{regions}: arena {self.arena_before.value:,.0f} -> {self.arena.value:,.0f} bytes ({share:.0%} less) for "
            f"{self.latency:.1%} more instructions, modelled on {self.arena.core}"
        )


@keywords
def stripe(
    graph: GraphOrFile, *, target: Target | None = None, runtime: str | None = None, core: str | None = None,
    most_latency: float = 0.05,
) -> Striped:  # fmt: skip
    """Compute the widest part of a convolutional network in stripes, so that it takes less arena than any plan of it.

    The result is a `.tflite` of plain operators with an offline plan, in which SLICE and CONCATENATION copy each byte
    onto itself. Every TFLM that heeds such plans runs it; LiteRT runs it too, and heeds none. It is handed out only
    when TFLM answers both files with the same bytes.

    Parameters
    ----------
    graph : the model, or its file.
    target : whose runtime and core are meant, instead of them; what is given besides wins.
    runtime, core : whose scratch buffers and instructions, as in `predict_arena`; None for CMSIS-NN on a Cortex-M4.
    most_latency : instructions that one inference may take more, as a share (0–1).

    Raises
    ------
    ParameterError : a negative share. ModelError : the file cannot be rewritten, or TFLM refuses it.
    EngineError : TFLM is not installed, or its answers differ or prove nothing.
    UnknownRuntimeError : as `predict_arena` and `predict_instructions`.
    """
    if not 0 <= most_latency < math.inf:
        raise ParameterError(f"most_latency={most_latency:g} is no share; give 0.05 for 5 % more instructions, or 0")
    runtime, core = fill_in(target, runtime=runtime, core=core)
    found = _Search(as_graph(graph), runtime or "tflm-cmsis-nn", core or "cortex-m4", most_latency).run()
    if found.reason:
        return found
    require_tflm("a file in stripes")
    proof = prove_same(found.before.data, found.graph.data)
    if not proof.equal:
        raise EngineError(f"the stripes are not handed out: {proof};\ncheck the model, and report it where it is sound")
    return replace(found, proof=proof)


@dataclass(frozen=True, slots=True)
class _Search:
    graph: ModelGraph
    runtime: str
    core: str
    most_latency: float

    def run(self) -> Striped:
        """Step by step: the widest region first, then what is widest after it; the best few are followed."""
        before = self._measure(self.graph)
        start = Striped(self.graph, self.graph, (), before, before, reason=self._refuse())
        if not self._can():
            return start
        planned = with_offline_plan(self.graph, plan_offline(self.graph, runtime=self.runtime, core=self.core))
        found, states = [start], self._step(start, {}, min(before.value, self._measure(read(planned)).value))
        while states:
            states = sorted(states, key=lambda one: (one[0].arena.value, one[0].latency))[:_FOLLOWED]
            found += [one for one, _ in states]
            more = [one for one in states if len(one[0].regions) < _MOST_REGIONS]
            states = [made for one, views in more for made in self._step(one, views, one.arena.value)]
        best = min(found[1:], key=lambda one: (one.arena.value, one.latency), default=start)
        plain = self._measure(self._plan(best.graph, [-1] * len(best.graph.tensors)))
        return replace(best, unplanned_bytes=round(plain.value))

    def _measure(self, graph: ModelGraph) -> ArenaEstimate:
        return predict_arena(graph, runtime=self.runtime, core=self.core)

    def _plan(self, graph: ModelGraph, offsets: Sequence[int]) -> ModelGraph:
        return read(write_offline_offsets(graph.data, offsets), graph.path)

    def _live(self, graph: ModelGraph, views: Views) -> tuple[int, ...]:
        return find_blocks(graph, list_scratch_bytes(graph, self.runtime, self.core), views).live_bytes()

    def _count(self, graph: ModelGraph) -> float:
        return predict_instructions(graph, core=self.core, runtime=self.runtime, build=_BUILD).total.value

    def _can(self) -> bool:
        return self.graph.subgraphs == 1 and any(
            find_region(self.graph, one.index, one.index) for one in self.graph.operators
        )

    def _refuse(self) -> str:
        if self.graph.subgraphs != 1:
            return f"the model has {self.graph.subgraphs} subgraphs, a plan is made for models of one"
        if not self._can():
            return "no operator computes an image or a sequence row by row (convolution, pool, addition of batch 1)"
        live = self._live(self.graph, {})
        peak = max(0, live.index(max(live)) - 1)
        return (
            f"the arena is widest at operator {peak} ({self.graph.operators[peak].name}, {max(live):,} bytes), and no "
            f"stripes around it take less in all at {self.most_latency:.0%} more instructions"
        )

    def _step(self, state: Striped, known: Views, least: float) -> list[tuple[Striped, Views]]:
        """What a further region makes of it, where that takes less arena and not too many instructions."""
        made, tree, usual = [], read_tree(state.graph.data), self._count(self.graph)
        for _, region, held in sorted(self._candidates(state.graph, known), key=lambda one: one[0])[:_MOST_TRIED]:
            graph, views = rewrite(region, held, tree)
            more, views = self._count(graph) / usual - 1, {**known, **views}
            if (
                more > self.most_latency
                or align(max(self._live(graph, views))) + self._measure(graph).tail_bytes >= least
            ):
                continue
            scratch = list_scratch_bytes(graph, self.runtime, self.core)
            planned = self._plan(graph, search_offsets(graph, scratch, views))
            regions = (*state.regions, (region.operators[0].index, region.operators[-1].index, len(held)))
            arena = self._measure(planned)
            made.append((replace(state, graph=planned, regions=regions, arena=arena, latency=more, reason=""), views))
        return [one for one in made if one[0].arena.value < least]

    def _candidates(self, graph: ModelGraph, views: Views) -> Iterator[tuple[tuple[float, float], Region, list[Held]]]:
        """Regions around the peak in stripes; first about the arena that each takes, and its MACs."""
        live, macs = self._live(graph, views), self.graph.macs * (1 + self.most_latency)
        peak = max(0, live.index(max(live)) - 1)
        for first in range(max(0, peak - _MOST_OPERATORS + 1), peak + 1):
            for last in range(peak, min(len(graph.operators), first + _MOST_OPERATORS)):
                region, outside = (
                    find_region(graph, first, last),
                    max([*live[: first + 1], *live[last + 2 :]], default=0),
                )
                if region and outside < max(live):
                    yield from ((key, region, held) for key, held in self._cut(region, outside) if key[1] <= macs)

    def _cut(self, region: Region, outside: int) -> Iterator[tuple[tuple[float, float], list[Held]]]:
        rest = region.graph.macs - sum(one.macs for one in region.operators)
        for count in (one for one in _COUNTS if one <= region.length(region.sink)):
            stripes = [held for ends in region.cut(count) if (held := region.hold(*ends))]
            if len(stripes) == count:
                inside, tail, macs = foresee(region, stripes)
                yield (max(outside, inside) + tail, rest + macs), stripes
