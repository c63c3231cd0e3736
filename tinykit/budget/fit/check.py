"""The fit check: predictions for a model and a core, held against a board's memory regions."""

import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from tinykit.budget.fit.accelerated import check_on_npu, refuse
from tinykit.budget.fit.placing import Layout, place_in_flash, place_in_ram
from tinykit.budget.fit.reported import take_over
from tinykit.budget.fit.timing import move_outside, outside_factor, predict_time
from tinykit.budget.fit.verdict import FitReport, Verdict, advise, judge
from tinykit.budget.power.timeline import attempt
from tinykit.ground.caches import remember
from tinykit.ground.errors import MissingPackageError, keywords
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.results import Rows
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.model.readings import list_readings, name_damaged
from tinykit.predict.arena.predict import ArenaEstimate, predict_arena
from tinykit.predict.energy.predict import predict_energy
from tinykit.predict.flash import predict_runtime_ram
from tinykit.predict.npu.compiling import accelerators_of
from tinykit.predict.packing.cost import has_decode, refuse_decode
from tinykit.predict.runtime.refusal import Diagnosis, diagnose, diagnose_shapes
from tinykit.predict.st_memory import RUNTIME as ST_RUNTIME
from tinykit.target.boards import boards as all_boards, find_board
from tinykit.target.boards.record import EXTERNAL_RAM_KINDS, Board
from tinykit.target.runtimes import NPU_RUNTIME, list_runtimes, planner_of, refuse_int4
from tinykit.target.target import Reserve, Target, as_target

MACHINES = ("nucleo-l4r5zi", "nucleo-h743zi2", "nucleo-u575zi-q", "alif-ensemble-e7-devkit")
"""A board each with Cortex-M4, M7, M33, and M55 with an Ethos-U55."""
_CODE = {"model", "runtime"}


@keywords
def check_fit(
    graph: GraphOrFile, board: Target | Board | str | os.PathLike[str], *,
    runtime: str | None = None, runtime_version: str | None = None, runtime_option: str | None = None,
    build: str | None = None, platform: str | None = None, clock_hz: float | None = None,
    reserve: Reserve | None = None, use_engine: bool = True
) -> FitReport:  # fmt: skip
    """Does this model run on this board?

    A model that does not fit is a result, not an exception.

    Parameters
    ----------
    graph : the model, or its file.
    board : a target, or a board as `Target` takes it: id, path of a TOML, `Board`.
    runtime, runtime_version, runtime_option, build, platform, clock_hz, reserve : as for `Target`; they win over its.
    use_engine : ask the TFLM interpreter (a child process) as well; without it the graph alone answers.

    Raises
    ------
    UnknownBoardError : no such board. UnknownRuntimeError : no runtime of that name at all; one without evidence
    for the core reads `unknown`. ParameterError : a setting out of range, or a parameter that is none.
    """
    target = as_target(
        board, runtime=runtime, runtime_version=runtime_version, runtime_option=runtime_option, build=build,
        platform=platform, clock_hz=clock_hz, reserve=reserve,
    )  # fmt: skip
    return check_target(as_graph(graph), target, use_engine=use_engine)


@keywords
def check_fit_all(
    graph: GraphOrFile, boards: Iterable[Target | Board | str | os.PathLike[str]] | None = None, *,
    runtime: str | None = None, runtime_version: str | None = None, runtime_option: str | None = None,
    build: str | None = None, platform: str | None = None, clock_hz: float | None = None,
    reserve: Reserve | None = None, use_engine: bool = True
) -> Rows[FitReport]:  # fmt: skip
    """The fit check on many boards, the engine asked once for all of them.

    Parameters
    ----------
    graph : the model, or its file.
    boards : None for the whole catalogue.
    runtime, runtime_version, runtime_option, build, platform, clock_hz, reserve, use_engine : as in `check_fit`.
    """
    model = as_graph(graph)
    return Rows(
        check_fit(
            model, board, runtime=runtime, runtime_version=runtime_version, runtime_option=runtime_option, build=build,
            platform=platform, clock_hz=clock_hz, reserve=reserve, use_engine=use_engine,
        )
        for board in (all_boards() if boards is None else boards)
    )  # fmt: skip


def list_gained(before: GraphOrFile, after: GraphOrFile) -> tuple[str, ...]:
    """Ids of the boards that hold a model, if tightly, and did not hold what it was made of; asked of the graphs alone.

    Raises
    ------
    ModelError : a file that is no model.
    """
    checked = zip(*(check_fit_all(graph, use_engine=False) for graph in (before, after)), strict=True)
    held = (Verdict.FITS, Verdict.TIGHT)
    return tuple(new.target.board.id for old, new in checked if old.verdict not in held and new.verdict in held)


def check_target(
    graph: ModelGraph, target: Target, *,
    use_engine: bool = True, latency_s: Estimate | None = None, run_current_a: Estimate | float | None = None,
    brief: bool = False
) -> FitReport:  # fmt: skip
    """The fit check of a target; a latency [s] and a run current [A] of the user's own win over predictions.

    So do figures that were read back for this model, runtime, version and board (`tinykit readback`). A brief one
    leaves out energy, advice, and reasons that change no verdict.
    """
    told = diagnose_on(graph, target, use_engine)
    if told.refusal:
        return replace(_refuse_all(graph, target, told), latency_s=latency_s)
    if target.runtime == NPU_RUNTIME:
        found = check_on_npu(graph, target)
        return found if latency_s is None else replace(found, latency_s=latency_s)
    arena, flash, read = take_over(graph, target, _predict_arena(graph, target, told))
    ram, code = _place(target, arena, flash)
    latency, slowdown, slow = _latency(graph, target, ram, arena)
    latency, slow = (latency_s or read, "") if latency_s or read else (latency, slow)
    energy, dear = (None, "") if brief else _price(latency, target, run_current_a)
    verdict, reasons = judge(arena, ram, flash, code, slowdown, target=target)
    memory = zip(("arena", "flash"), reasons, (arena, flash), strict=True)
    untold = tuple((what, why) for what, why, found in memory if found is None)
    unknown = tuple((what, why) for what, why in (("latency", slow), ("energy", dear.partition("\n")[0])) if why)
    reasons += () if brief else tuple(_further_reasons(graph, target, (*ram, *code)))
    reasons += tuple(f"{what} unknown: {why}" for what, why in unknown)
    unasked = (*told.unasked, *name_damaged(graph.sha256))
    return FitReport(
        graph=graph, target=target, verdict=verdict, arena_bytes=arena.used if arena else None, flash_bytes=flash,
        latency_s=latency, energy_per_inference_j=energy, regions=(*ram, *code), reasons=(*reasons, *unasked),
        unknown=(*untold, *unknown), unasked=unasked,
        advice=(*(() if brief else advise(graph, arena, (*ram, *code), target.runtime)), *told.warnings),
    )  # fmt: skip


def _price(
    latency: Estimate | None, target: Target, run_current_a: Estimate | float | None
) -> tuple[Estimate | None, str]:
    """The energy of an inference, or None and why it is unknown; no word where the latency is not known either."""
    if latency is None:
        return None, ""
    return attempt(partial(predict_energy, latency, target, run_current_a=run_current_a))


@keywords
def line_up(
    graph: GraphOrFile, boards: Iterable[Board | str | os.PathLike[str]] = MACHINES, *,
    runtime: str | None = None, runtime_version: str | None = None, build: str | None = None,
    clock_hz: float | None = None, reserve: Reserve | None = None, use_engine: bool = True
) -> Rows[FitReport]:  # fmt: skip
    """The fit check of one model on several boards, CPUs first, then the NPUs of those boards that have one.

    Figures without evidence are None in a report, with the reason: a float model has no latency on a CPU and is refused
    by an NPU, with the way out.

    Parameters
    ----------
    graph : the model, or its file.
    boards : ids, paths or boards; an M4, an M7, an M33, and an M55 with its U55 where none are given.
    runtime, runtime_version, build : as in `check_fit`, for the CPUs.
    clock_hz, reserve, use_engine : as in `check_fit`.

    Raises
    ------
    UnknownBoardError, UnknownRuntimeError, ParameterError : as `check_fit`.
    """
    model, machines = as_graph(graph), tuple(find_board(board) for board in boards)
    both = {"clock_hz": clock_hz, "reserve": reserve}
    cpu: dict[str, Any] = {"runtime": runtime, "runtime_version": runtime_version, "build": build, **both}
    cores = [check_fit(model, board, use_engine=use_engine, **cpu) for board in machines]
    return Rows((*cores, *(_on_npu(model, board, both) for board in machines if accelerators_of(board))))


@keywords
def line_up_runtimes(
    graph: GraphOrFile, board: Board | str | os.PathLike[str], *, reserve: Reserve | None = None
) -> Rows[FitReport]:  # fmt: skip
    """The fit check of one model on one board under every runtime that is made for it, an NPU of the board last.

    X-CUBE-AI in the versions and options that were read back of this model, else in any. Raises as `check_fit`.
    """
    model, found, both = as_graph(graph), find_board(board), {"reserve": reserve}
    read = dict.fromkeys((one.version, one.option) for one in list_readings(model.sha256) if one.runtime == ST_RUNTIME)
    cases: list[dict[str, Any]] = [
        {"runtime": one.name, "runtime_version": version or None, "runtime_option": option or None}
        for one in list_runtimes() if one.is_for(found.core, found.mcu)
        for version, option in ((one.name == ST_RUNTIME and read) or {("", ""): None})
    ]  # fmt: skip
    reports = [check_fit(model, found, reserve=reserve, **case) for case in cases]
    return Rows((*reports, *([_on_npu(model, found, both)] if accelerators_of(found) else [])))


def name_machine(report: FitReport) -> str:
    """What computes: "cortex-m4", "ethos-u55-256"."""
    if report.runtime != NPU_RUNTIME:
        return report.core
    return report.npu.accelerator if report.npu else accelerators_of(report.board)[0]


def tell_runtime(report: FitReport) -> str:
    """The runtime with the version and option that it stands for: "x-cube-ai 8.1.0 balanced"."""
    target = report.target
    return " ".join(part for part in (target.runtime, target.runtime_version, target.runtime_option) if part)


def _on_npu(graph: ModelGraph, board: Board, setting: dict[str, Any]) -> FitReport:
    try:
        return check_fit(graph, board, runtime=NPU_RUNTIME, **setting)
    except MissingPackageError as error:
        target = Target(board, runtime=NPU_RUNTIME, **setting)
        return refuse(graph, target, (Verdict.UNKNOWN, str(error).partition("\n")[0]))


def _place(target: Target, arena: ArenaEstimate | None, flash: Estimate | None) -> tuple[Layout, Layout]:
    return place_in_ram(target, arena) if arena else (), place_in_flash(target, int(flash.value)) if flash else ()


def _predict_arena(graph: ModelGraph, target: Target, told: Diagnosis) -> ArenaEstimate | None:
    """The arena, with what the interpreter says of it."""
    arena, _ = attempt(lambda: predict_arena(graph, target=target))
    if arena is None or planner_of(arena.runtime) == "st":
        return arena
    if told.head_bytes is None or not target.runtime.startswith("tflm-"):
        notes = told.unasked or ("the interpreter was not asked",)
        return replace(arena, used=replace(arena.used, sources=(*arena.used.sources, *notes)))
    return _with_evidence(arena, told.head_bytes, _reference_head(graph))


def _latency(
    graph: ModelGraph, target: Target, ram: Layout, arena: ArenaEstimate | None
) -> tuple[Estimate | None, Estimate | None, str]:
    """Latency where the arena lies, how many times slower that is than on chip where it is outside, and why unknown."""
    inside, why = predict_time(graph, target)
    if inside is None or arena is None or not ram or ram[0].kind not in EXTERNAL_RAM_KINDS:
        return inside, None, why
    factor = outside_factor(graph, target, ram[0].kind, head_bytes=arena.head_bytes)
    return move_outside(inside, factor), factor, why


def _further_reasons(graph: ModelGraph, target: Target, uses: Layout) -> tuple[str, ...]:
    """Told where memory would do that the layout leaves out, and where the reserve is below what TFLM itself takes."""
    told, board = [], target.board
    pieces = [one.available_bytes for one in board.sram_windows() if one.kind not in EXTERNAL_RAM_KINDS]
    ram = [use for use in uses if not _CODE & set(use.holds)]
    short, enough = any(use.margin_bytes < 0 for use in ram), sum(pieces) >= sum(use.used_bytes for use in ram)
    if len(pieces) > 1 and short and enough:
        total, largest = (format_quantity(nbytes, "byte") for nbytes in (sum(pieces), max(pieces)))
        told.append(f"{total} of RAM in all, in {len(pieces)} pieces of at most {largest}: an arena is one array")
    outside = [one.name for one in board.flash_regions if one.kind != "flash" and one.xip is not False]
    if outside and any(use.margin_bytes < 0 for use in uses if _CODE & set(use.holds)):
        told.append(f"{outside[0]} could hold the model, if the chip reads it as memory: see its placements")
    place: dict[str, Any] = {"runtime": target.runtime, "core": target.core, "build": target.build}
    own, _ = attempt(lambda: predict_runtime_ram(graph, **place))
    if own is not None and target.reserve.sram_bytes < own.value:
        given, needed = (format_quantity(nbytes, "byte") for nbytes in (target.reserve.sram_bytes, own.value))
        told.append(f"the reserve of {given} is less than the {needed} that TFLM's own stack and static data take")
    return tuple(told)


def diagnose_on(graph: ModelGraph, target: Target, use_engine: bool) -> Diagnosis:
    """Why the runtime does not run the model, where it has TFLM's operators or would have to decode weights."""
    if refusal := refuse_int4(graph, target.runtime):
        return Diagnosis((), refusal.replace("\n", "; "))
    if target.runtime == NPU_RUNTIME:
        return diagnose_shapes(graph)
    undecoded = refuse_decode(target.runtime) if has_decode(graph) else ""
    if undecoded:
        return Diagnosis((), f"{target.runtime} cannot run DECODE operators: {undecoded}")
    if planner_of(target.runtime) != "tflm":
        return Diagnosis((), "")
    return diagnose(graph, use_engine=use_engine)


def _refuse_all(graph: ModelGraph, target: Target, found: Diagnosis) -> FitReport:
    """No figure of a model that does not run: it would read as if it did."""
    report = refuse(graph, target, (Verdict.DOES_NOT_FIT, found.refusal))
    unknown = tuple((what, found.refusal) for what in ("arena", "flash", "latency", "energy"))
    reasons = (*found.reasons, *found.unasked)
    return replace(
        report, reasons=reasons, advice=found.cures, unknown=unknown, refusal=found.refusal, unasked=found.unasked
    )


@remember
def _reference_head(graph: ModelGraph) -> int:
    """Head with the interpreter's own, the reference kernels, in bytes."""
    return predict_arena(graph, runtime="tflm-reference").head_bytes


def _with_evidence(arena: ArenaEstimate, recorded_head: int, own_head: int) -> ArenaEstimate:
    """The arena, told what the interpreter recorded for its head with reference kernels; more head needs more arena."""
    used = arena.used
    gap = recorded_head - own_head
    head = f"{abs(gap)} B {'more' if gap > 0 else 'less'} of head" if gap else "the same head"
    note = f"the interpreter recorded {head} for this model"
    low, high = max(0.0, used.low + min(0, gap)), used.high + max(0, gap)
    told = replace(used, low=low, high=high, sources=(*used.sources, note))
    return replace(arena, used=told, to_start=arena.to_start + max(0, gap))
