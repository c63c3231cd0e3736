"""What a fit check answers with, how its verdict is found, and what would lower a model's arena or flash."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tinykit.ground.errors import ModelError
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.results import Result, Through
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.arena.predict import ArenaEstimate, plan_offline
from tinykit.predict.npu.report import NpuReport
from tinykit.predict.packing.decoding import foresee_flash
from tinykit.target.boards.record import EXTERNAL_RAM_KINDS, Board
from tinykit.target.runtimes import planner_of
from tinykit.target.target import Reserve, Target


class Verdict(StrEnum):
    """Does a model run on a board; tight is a margin under `TIGHT_MARGIN`."""

    FITS = "fits"
    TIGHT = "tight"
    DOES_NOT_FIT = "does_not_fit"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """The verdict as a person says it: "does not fit"."""
        return self.replace("_", " ")


TIGHT_MARGIN = 0.10
"""Fraction of a region that must stay free for a verdict of "fits"."""

ARENA, ARENA_HEAD, ARENA_TAIL, APPLICATION = "arena", "arena head", "arena tail", "stack and application"
"""What a RAM region may hold; head and tail where TFLM is given two arrays."""
CODE = "application"
"""What the last region of the flash holds beside model and runtime."""


@dataclass(frozen=True, slots=True)
class RegionUse(Result):
    """One memory region, or contiguous window of regions, and what the design puts in it; sizes in bytes."""

    JSON = ("name", "kind", "total_bytes", "reserved_bytes", "used_bytes", "margin_bytes", "holds")

    name: str
    kind: str
    total_bytes: int
    reserved_bytes: int
    used_bytes: int
    holds: tuple[str, ...]

    @property
    def margin_bytes(self) -> int:
        """Bytes left; negative where it does not fit."""
        return self.total_bytes - self.reserved_bytes - self.used_bytes

    @property
    def margin(self) -> float:
        """Bytes left as a fraction of the total."""
        return self.margin_bytes / self.total_bytes


@dataclass(frozen=True, slots=True)
class FitReport(Result):
    """Does this model run on this board: verdict, figures and reasons.

    Parameters
    ----------
    graph, target : what was asked.
    verdict : does it run there.
    arena_bytes, flash_bytes, latency_s, energy_per_inference_j : estimates, None where unknown.
    regions : the memories it would lie in.
    reasons, advice : why, and what would help.
    npu : what Arm's compiler reported, for runtime "ethos-u".
    unknown : (figure, why) of each figure that is None.
    refusal : why the runtime does not run the model at all, on any board; "" where it does.
    unasked : why the interpreter gave no answer, so that the file alone speaks; what is damaged of figures read back.
    """

    LINE = ("board", "runtime", "verdict", "arena_bytes", "flash_bytes", "latency_s")
    JSON = (
        *("board=board.id", "core", "clock_hz", "runtime", "verdict", "arena_bytes", "flash_bytes", "latency_s"),
        *("energy_per_inference_j", "regions", "reasons", "advice", "npu", "platform=target.platform"),
    )

    graph: ModelGraph = field(repr=False)
    target: Target
    verdict: Verdict
    arena_bytes: Estimate | None
    flash_bytes: Estimate | None
    latency_s: Estimate | None
    energy_per_inference_j: Estimate | None
    regions: tuple[RegionUse, ...]
    reasons: tuple[str, ...]
    advice: tuple[str, ...]
    npu: NpuReport | None = field(default=None, repr=False)
    unknown: tuple[tuple[str, str], ...] = ()
    refusal: str = ""
    unasked: tuple[str, ...] = ()

    board = Through[Board]("target.board", "The target's board.")
    core = Through[str]("target.core", "Name of the core that runs the model.")
    clock_hz = Through[float | None]("target.clock_hz", "Clock of that core [Hz], None where unknown.")
    runtime = Through[str]("target.runtime", "Name of the runtime.")
    reserve = Through[Reserve]("target.reserve", "What stack and application take.")

    def to_record(self) -> dict[str, Any]:
        """The fields as one flat row of plain values, those of the target in front."""
        told = {"board": self.board.id, "core": self.core, "clock_hz": self.clock_hz, "runtime": self.runtime}
        return told | Result.to_record(self)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON types; unknown figures are None."""
        absent = [name for name, own in (("npu", self.npu), ("platform", self.target.platform)) if own is None]
        told = {name: own for name, own in Result.to_json(self).items() if name not in absent}
        return {**told, "assumed": dict(self.target.assumed)}


def judge(
    arena: ArenaEstimate | None, ram: tuple[RegionUse, ...], flash: Estimate | None, code: tuple[RegionUse, ...],
    slowdown: Estimate | None = None, *,
    target: Target
) -> tuple[Verdict, tuple[str, ...]]:  # fmt: skip
    """The worse of the verdicts on RAM and flash, with the reasons of both; what is None or empty is unknown.

    A reserve that nobody stated makes nothing impossible: what leaves less than was assumed for stack and application
    is tight, and the reason says how much is left for them.
    """
    on_ram, on_flash = _judge_ram(arena, ram, slowdown, target), _judge_flash(flash, code, target)
    order = (Verdict.FITS, Verdict.TIGHT, Verdict.UNKNOWN, Verdict.DOES_NOT_FIT)
    return max(on_ram[0], on_flash[0], key=order.index), (on_ram[1], on_flash[1])


def _judge_ram(
    arena: ArenaEstimate | None, ram: tuple[RegionUse, ...], slowdown: Estimate | None, target: Target
) -> tuple[Verdict, str]:
    if arena is None:
        return Verdict.UNKNOWN, "arena unknown: this runtime's planner is not TFLM's and no figure was published"
    need = _tell_need(arena)
    if not ram:
        return Verdict.UNKNOWN, f"{need}, but no contiguous memory of this board is known"
    use, worst = ram[0], min(ram, key=lambda use: use.margin)
    if worst.margin_bytes < 0:
        return _judge_short(need, worst, target, target.reserve.sram_bytes)
    if use.kind in EXTERNAL_RAM_KINDS:
        times = f"{slowdown} times the time" if slowdown else "by how much is not known for this board"
        return Verdict.TIGHT, f"{need} only in external {use.name}: slower, {times}"
    if ARENA_HEAD in use.holds:
        head, tail = (format_quantity(one.used_bytes, "byte") for one in ram[:2])
        text = f"head of {head} in {use.name}, tail of {tail} in {ram[1].name} (MicroAllocator::Create, two arrays)"
        return Verdict.TIGHT, f"no bank holds an {need} as one array: {text}"
    return _judge_whole(arena, ram, target)


def _tell_need(arena: ArenaEstimate) -> str:
    need, own = (format_quantity(nbytes, "byte") for nbytes in (arena.to_start, arena.tail_bytes))
    return f"arena of {need}" + (f", {own} of it the runtime's own RAM," if planner_of(arena.runtime) == "st" else "")


def _judge_short(what: str, use: RegionUse, target: Target, reserve_bytes: int) -> tuple[Verdict, str]:
    """Where a region is too small: for what is put there, or only with what is kept for the application."""
    kept, alone = format_quantity(reserve_bytes, "byte"), use.margin_bytes + reserve_bytes
    short = f"{what}: {use.name} is {format_quantity(-use.margin_bytes, 'byte')} too small"
    if not {APPLICATION, CODE} & {*use.holds} or not reserve_bytes:
        return Verdict.DOES_NOT_FIT, short
    if alone < 0:
        without = f"{format_quantity(-alone, 'byte')} without them"
        return Verdict.DOES_NOT_FIT, f"{short} beside {kept} kept for the {use.holds[-1]}, {without}"
    if not target.is_assumed("reserve"):
        return Verdict.DOES_NOT_FIT, f"{short} beside {kept} kept for the {use.holds[-1]}"
    left = f"{format_quantity(alone, 'byte')} left in {use.name}"
    return Verdict.TIGHT, f"{what}: {left} for stack and application, for which {kept} were assumed"


def _tell_left(use: RegionUse, reserve_bytes: int, where: str = "") -> str:
    """What a region has left, and beside what."""
    left = f"{format_quantity(use.margin_bytes, 'byte')} left{where}"
    kept = reserve_bytes if {APPLICATION, CODE} & {*use.holds} else 0
    return left + (f" beside {format_quantity(kept, 'byte')} kept for the {use.holds[-1]}" if kept else "")


def _judge_whole(arena: ArenaEstimate, ram: tuple[RegionUse, ...], target: Target) -> tuple[Verdict, str]:
    use, worst = ram[0], min(ram, key=lambda use: use.margin)
    tight = worst.margin < TIGHT_MARGIN or arena.high - arena.value > use.margin_bytes
    text = f"{'only ' if tight else ''}{_tell_left(use, target.reserve.sram_bytes, f' in {use.name}')}"
    if len(ram) > 1:
        beside = f"{format_quantity(use.margin_bytes, 'byte')} left; stack and application in {ram[1].name}"
        text = f"{beside}, {format_quantity(ram[1].margin_bytes, 'byte')} left"
    return (Verdict.TIGHT if tight else Verdict.FITS), f"{_tell_need(arena)} in {use.name}: {text}"


def _judge_flash(flash: Estimate | None, code: tuple[RegionUse, ...], target: Target) -> tuple[Verdict, str]:
    if flash is None:
        return Verdict.UNKNOWN, "flash of this runtime unknown: nothing linked was published for this core"
    need, platform = format_quantity(flash.value, "byte"), target.platform
    what = f"model, runtime and {platform}" if platform else "model and runtime"
    if not code:
        return Verdict.UNKNOWN, f"{what} take {need}, but where this board keeps its code is not known"
    use = min(code, key=lambda use: use.margin)
    if use.margin_bytes < 0:
        return _judge_short(f"{what} take {need} of flash", use, target, target.reserve.flash_bytes)
    tight = use.margin < TIGHT_MARGIN or flash.high - flash.value > code[-1].margin_bytes
    there = " there" if len(code) > 1 else ""
    verdict, left = (Verdict.TIGHT if tight else Verdict.FITS), _tell_left(code[-1], target.reserve.flash_bytes, there)
    if len(code) > 1:
        model = format_quantity(code[0].used_bytes, "byte")
        return verdict, f"model of {model} in {code[0].name}, runtime in {code[-1].name}: {left}"
    return verdict, f"{what} take {need} of {use.name}: {left}"


_IN_RAM = {ARENA, ARENA_HEAD, ARENA_TAIL, APPLICATION}


def advise(
    graph: ModelGraph, arena: ArenaEstimate | None, uses: tuple[RegionUse, ...], runtime: str
) -> tuple[str, ...]:
    """Advice for the memories that are tight or too small; none where all have room."""
    scarce = {held for use in uses if use.margin < TIGHT_MARGIN for held in use.holds}
    on_arena = advise_on_arena(graph, arena) if arena and scarce & _IN_RAM else ()
    on_flash = advise_on_flash(graph, runtime) if "model" in scarce and planner_of(runtime) != "st" else ()
    return on_arena + on_flash


def advise_on_arena(graph: ModelGraph, arena: ArenaEstimate) -> tuple[str, ...]:
    """The tensors that set the peak of the arena, and what would lower it."""
    live = arena.plan.live_bytes()
    if not live or not max(live):
        return ()
    peak = live.index(max(live))
    alive = [p.buffer for p in arena.plan.placed if p.buffer.first <= peak <= p.buffer.last]
    largest = sorted(alive, key=lambda buffer: -buffer.nbytes)[:3]
    names = ", ".join(_describe(graph, buffer.tensor, buffer.nbytes) for buffer in largest)
    where = "before the first operator" if peak == 0 else f"at operator {peak - 1} ({graph.operators[peak - 1].name})"
    advice = [f"the arena peaks {where} with {names} alive together; a smaller input or fewer channels there lowers it"]
    gaps = arena.runtime.startswith("tflm-") and arena.head_bytes > arena.plan.lower_bound_bytes
    planned = plan_offline(graph, runtime=arena.runtime, core=arena.core) if gaps else arena.plan
    won = arena.head_bytes - planned.head_bytes
    if won > 0:
        advice.append(
            f"an offline plan takes {format_quantity(won, 'byte')} less arena than TFLM's greedy one; "
            "write it into the model: tinykit plan MODEL --out FILE"
        )
    return tuple(advice)


def advise_on_flash(graph: ModelGraph, runtime: str) -> tuple[str, ...]:
    """What would make the image smaller."""
    advice = []
    try:
        saved = graph.flatbuffer_bytes - foresee_flash(graph, runtime=runtime)
    except ModelError:  # a model that cannot be packed
        saved = 0
    if saved > 0:
        advice.append(f"{format_quantity(saved, 'byte')} fewer with the same outputs: tinykit pack MODEL --out FILE")
    if runtime == "tflm-cmsis-nn" and graph.precision == "int8":
        advice.append("register int8-only kernels (Register_…_INT8): 3 to 27 KiB less code on the networks linked")
    advice.append("build with -Os: smaller kernels, at the price of time")
    return tuple(advice)


def _describe(graph: ModelGraph, tensor: int, nbytes: int) -> str:
    size = format_quantity(nbytes, "byte")
    if tensor < 0:
        return f"scratch of {size}"
    return f"tensor {tensor} {'×'.join(map(str, graph.tensors[tensor].shape))} ({size})"
