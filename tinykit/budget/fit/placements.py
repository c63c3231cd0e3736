"""Every way to lay a model out in a board's memories, the fastest that fits first, with what each costs in time."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from tinykit.budget.fit.check import diagnose_on
from tinykit.budget.fit.placing import Layout, choose, lay_out_apart, lay_out_whole, place_in_flash, use_region
from tinykit.budget.fit.reported import take_over
from tinykit.budget.fit.timing import bank_delay, move_outside, outside_factor, predict_time
from tinykit.budget.fit.verdict import APPLICATION, ARENA, ARENA_HEAD, ARENA_TAIL, CODE, RegionUse, Verdict, judge
from tinykit.budget.power.timeline import attempt
from tinykit.ground.errors import keywords
from tinykit.ground.quantity import Estimate, propagate
from tinykit.ground.results import Result, Rows
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.predict.arena.predict import ArenaEstimate, predict_arena
from tinykit.predict.flash import FlashEstimate, predict_flash
from tinykit.predict.latency.places import fetch_weights
from tinykit.predict.latency.shapes import from_graph
from tinykit.target.boards.record import EXTERNAL_RAM_KINDS, Board
from tinykit.target.runtimes import NPU_RUNTIME
from tinykit.target.target import Reserve, Target, as_target

_APART = "TFLM takes two arrays: MicroAllocator::Create(tail, size, head, size, …)"
_UNTOLD_XIP = "whether the chip reads this memory as if it were its own is not on record"


@dataclass(frozen=True, slots=True)
class Placement(Result):
    """One layout of model, arena, stack and code on a board.

    Parameters
    ----------
    board : whose memories.
    regions : in use, the one with the arena, or its head, first.
    verdict, reasons : as a `FitReport` has them.
    latency_s : of one inference, None where unknown.
    slowdown : time over that with the arena in the main on-chip RAM and the model beside the code, None where unknown;
        what both are unsure of is left out.
    notes : what it takes to build it so, and what the cost rests on.
    """

    LINE = ("board", "name", "verdict", "latency_s", "slowdown")
    JSON = ("name", "verdict", "latency_s", "slowdown", "regions", "reasons", "notes")

    board: Board = field(repr=False)
    regions: tuple[RegionUse, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    latency_s: Estimate | None
    slowdown: Estimate | None
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Such as "arena in AXI-SRAM, stack in DTCM, model in flash"."""
        wanted = {ARENA: "arena", ARENA_HEAD: "head", ARENA_TAIL: "tail", APPLICATION: "stack", "model": "model"}
        homes = {short: use.name for what, short in wanted.items() for use in self.regions if what in use.holds}
        return ", ".join(f"{short} in {home}" for short, home in homes.items())


@keywords
def list_placements(
    graph: GraphOrFile, board: Target | Board | str | os.PathLike[str], *,
    runtime: str | None = None, runtime_version: str | None = None, runtime_option: str | None = None,
    build: str | None = None, platform: str | None = None, clock_hz: float | None = None, reserve: Reserve | None = None
) -> Rows[Placement]:  # fmt: skip
    """The layouts of a model on a board, the fastest that fits first; empty where arena or memory is unknown.

    Empty too for a model that the runtime does not run.

    The arena in each contiguous window, as one array; its head and its tail in two banks where no bank holds both, or
    where a faster one holds the head; stack and application in the smallest bank with room; the model in external
    flash, where there is some and the code lies inside.

    Parameters
    ----------
    graph : the model, or its file.
    board : a target, or a board as `Target` takes it.
    runtime, runtime_version, runtime_option, build, platform, clock_hz, reserve : as for `Target`; they win over its.

    Raises
    ------
    UnknownBoardError, UnknownRuntimeError, ParameterError : as `check_fit`.
    """
    model, target = as_graph(graph), as_target(
        board, runtime=runtime, runtime_version=runtime_version, runtime_option=runtime_option, build=build,
        platform=platform, clock_hz=clock_hz, reserve=reserve,
    )  # fmt: skip
    if target.runtime == NPU_RUNTIME or diagnose_on(model, target, True).refusal:
        return Rows()
    arena, _, _ = take_over(model, target, attempt(lambda: predict_arena(model, target=target))[0])
    if arena is None:
        return Rows()
    flash, _ = attempt(lambda: predict_flash(model, target=target))
    return Rows(sorted(_Lister(model, target, arena, flash).list_all(), key=_rank))


def _rank(placement: Placement) -> tuple[bool, float, bool, float]:
    room = min(use.margin for use in placement.regions)
    pace = placement.slowdown.value if placement.slowdown else 1.0
    return placement.verdict == Verdict.DOES_NOT_FIT, pace, placement.verdict != Verdict.FITS, -room


@dataclass(frozen=True, slots=True)
class _Lister:
    graph: ModelGraph
    target: Target
    arena: ArenaEstimate
    flash: FlashEstimate | None

    def list_all(self) -> Iterable[Placement]:
        layouts = self._list_ram()
        beside = place_in_flash(self.target, int(self.flash.total.value)) if self.flash else ()
        for layout in layouts:
            yield self._place(layout, beside)
        inside = [layout for layout in layouts if layout[0].kind not in EXTERNAL_RAM_KINDS]
        for code in self._outside(beside) if layouts else ():
            yield self._place(choose(inside or layouts), code)

    def _list_ram(self) -> tuple[Layout, ...]:
        """One array in each window; two, the head in one too small for both, where that alone fits or is faster."""
        whole = lay_out_whole(self.target, self.arena)
        small = {layout[0].name for layout in whole if layout[0].margin_bytes < 0}
        inside = [layout for layout in whole if layout[0].kind not in EXTERNAL_RAM_KINDS]
        needed = all(min(use.margin_bytes for use in layout) < 0 for layout in inside)
        pairs: dict[str, list[Layout]] = {}
        for layout in lay_out_apart(self.target, self.arena):
            head, fits = layout[0], min(use.margin_bytes for use in layout) >= 0
            gains = bank_delay(self.graph, self.target.board, head, 1.0).high < 0
            if fits and head.name in small and (needed or gains):
                pairs.setdefault(head.name, []).append(layout)
        return (*whole, *(choose(layouts) for layouts in pairs.values()))

    def _outside(self, beside: Layout) -> Iterable[Layout]:
        """The model in each external flash, its code inside."""
        if not self.flash or not beside or beside[0].kind != "flash":
            return
        code = next(region for region in self.target.board.flash_regions if region.name == beside[0].name)
        held = int(self.flash.total.value) - self.flash.flatbuffer_bytes
        for region in self.target.board.flash_regions:
            if region.kind != "flash" and region.xip is not False:
                yield (
                    use_region(region, self.flash.flatbuffer_bytes, 0, ("model",)),
                    use_region(code, held, self.target.reserve.flash_bytes, ("runtime", CODE)),
                )

    def _place(self, ram: Layout, code: Layout) -> Placement:
        latency, slowdown, why = self._time(ram[0], code)
        outside = slowdown if ram[0].kind in EXTERNAL_RAM_KINDS else None
        verdict, reasons = judge(
            self.arena, ram, self.flash.total if self.flash else None, code, outside, target=self.target
        )
        notes = [_APART] if len(ram) > 1 and ARENA_HEAD in ram[0].holds else []
        apart = len(code) > 1
        if apart and any(one.name == code[0].name and one.xip is None for one in self.target.board.flash_regions):
            notes.append(f"{code[0].name}: {_UNTOLD_XIP}")
        return Placement(self.target.board, (*ram, *code), verdict, reasons, latency, slowdown, (*notes, *why))

    def _time(self, head: RegionUse, code: Layout) -> tuple[Estimate | None, Estimate | None, tuple[str, ...]]:
        """Latency, slowdown and what they rest on."""
        inside, why = predict_time(self.graph, self.target)
        clock_hz = self.target.clock_hz
        if inside is None or clock_hz is None:
            return None, None, (f"latency unknown: {why}",)
        base, factor, notes = inside, Estimate.exact(1.0, "1", inside.basis, "", inside.runtime), []
        if head.kind in EXTERNAL_RAM_KINDS:
            factor = outside_factor(self.graph, self.target, head.kind, head_bytes=self.arena.head_bytes)
            base = move_outside(inside, factor)
            notes.append(f"arena: {factor.sources[0]}")
        board, outside = self.target.board, head.kind in EXTERNAL_RAM_KINDS
        delays = [] if outside else [bank_delay(self.graph, board, head, clock_hz)]
        delays += [fetch_weights(from_graph(self.graph), board)] if len(code) > 1 else []
        for delay in delays:
            if delay.high > delay.low:
                base = propagate(lambda t, d: t + d, base, delay, unit="s")
                factor = propagate(lambda f, d: f + d / inside.value, factor, delay, unit="1")
                notes.append(delay.source)
        return base, factor, tuple(notes)
