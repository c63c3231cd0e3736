"""The fit check: predictions for a model and a core, held against a board's memory regions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tinykit.budget.fit.accelerated import check_on_npu
from tinykit.budget.fit.advise import advise
from tinykit.budget.fit.judge import judge
from tinykit.budget.fit.placing import Layout, place_in_flash, place_in_ram
from tinykit.budget.fit.setting import NPU_RUNTIME, Setting
from tinykit.budget.fit.timing import attempt, move_outside, outside_factor, predict_time
from tinykit.budget.fit.verdict import FitReport, RegionUse, Verdict
from tinykit.ground.caches import remember
from tinykit.ground.errors import EngineError, ModelError
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.results import Rows
from tinykit.model.graph import ModelGraph
from tinykit.predict.arena import ArenaEstimate, predict_arena
from tinykit.predict.energy import predict_energy
from tinykit.predict.flash import predict_flash, predict_runtime_ram
from tinykit.predict.latency import default_runtime
from tinykit.predict.packing import has_decode, refuse_decode
from tinykit.predict.runtime import measure_arena
from tinykit.target.boards import EXTERNAL_RAM_KINDS, Board, find_board
from tinykit.target.boards import boards as all_boards

_CODE = {"model", "runtime"}


def check_fit(graph: ModelGraph, board: Board | str, **setting: object) -> FitReport:
    """Does this model run on this board?

    A model that does not fit is a result, not an exception.

    Parameters
    ----------
    graph : the model.
    board : catalogue id, or a `Board`.
    setting : fields of `Setting` by name: `runtime`, `clock_hz`, `reserve` …

    Raises
    ------
    UnknownBoardError : no such board. UnknownRuntimeError : no runtime of that name at all; one without evidence
    for the core reads `unknown`. ParameterError : a setting out of range.
    """
    return _check(graph, find_board(board), Setting(**setting))  # type: ignore[arg-type]


def check_fit_all(graph: ModelGraph, boards: Iterable[Board | str] | None = None, **setting: object) -> Rows[FitReport]:
    """The fit check on many boards, the engine asked once for all of them.

    Parameters
    ----------
    graph : the model.
    boards : None for the whole catalogue.
    setting : as in `check_fit`.
    """
    chosen = Setting(**setting)  # type: ignore[arg-type]
    wanted = all_boards() if boards is None else boards
    return Rows(_check(graph, find_board(board), chosen) for board in wanted)


def _check(graph: ModelGraph, board: Board, setting: Setting) -> FitReport:
    runtime = setting.runtime or default_runtime(board.core)
    clock_hz = setting.clock_hz or board.clock_hz
    if runtime == NPU_RUNTIME:
        return check_on_npu(graph, board, clock_hz=clock_hz, reserve=setting.reserve)
    arena, _ = attempt(lambda: predict_arena(graph, runtime=runtime, core=board.core))
    flash, _ = attempt(lambda: predict_flash(graph, runtime=runtime, core=board.core, build=setting.build).total)
    refusal, recorded_head = _ask_engine(graph, runtime, setting.use_engine)
    arena = _with_evidence(arena, recorded_head, _reference_head(graph)) if arena else None
    ram = place_in_ram(board, arena, setting.reserve) if arena else ()
    code = place_in_flash(board, int(flash.value), setting.reserve) if flash else ()
    latency, slowdown, slow = _latency(graph, board, setting, ram, arena)
    energy, dear = attempt(lambda: predict_energy(latency, board, clock_hz=clock_hz)) if latency else (None, "")
    verdict, reasons = judge(arena, ram, flash, code, slowdown)
    unknown = tuple(f"{what} unknown: {why}" for what, why in (("latency", slow), ("energy", dear)) if why)
    memory = tuple(why for why, found in zip(reasons, (arena, flash), strict=True) if found is None)
    reasons += (*_further_reasons(graph, board, setting, (*ram, *code)), *unknown)
    return FitReport(
        graph=graph, board=board, core=board.core, clock_hz=clock_hz, runtime=runtime, reserve=setting.reserve,
        verdict=Verdict.DOES_NOT_FIT if refusal else verdict,
        arena_bytes=arena.used if arena else None, flash_bytes=flash, latency_s=latency,
        energy_per_inference_j=energy, regions=(*ram, *code),
        reasons=(refusal, *reasons) if refusal else reasons,
        advice=advise(graph, arena, (*ram, *code), runtime),
        unknown=(*memory, *unknown),
    )  # fmt: skip


def _latency(
    graph: ModelGraph, board: Board, setting: Setting, ram: Layout, arena: ArenaEstimate | None
) -> tuple[Estimate | None, Estimate | None, str]:
    """Latency where the arena lies, how many times slower that is than on chip where it is outside, and why unknown."""
    inside, why = predict_time(graph, board, setting)
    if inside is None or arena is None or not ram or ram[0].kind not in EXTERNAL_RAM_KINDS:
        return inside, None, why
    factor = outside_factor(graph, board, setting, ram[0].kind, head_bytes=arena.head_bytes)
    return move_outside(inside, factor), factor, why


def _further_reasons(graph: ModelGraph, board: Board, setting: Setting, uses: Layout) -> tuple[str, ...]:
    """Told where memory would do that the layout leaves out, and where the reserve is below what TFLM itself takes."""
    told = []
    pieces = [one.available_bytes for one in board.sram_windows() if one.kind not in EXTERNAL_RAM_KINDS]
    ram = [use for use in uses if not _CODE & set(use.holds)]
    if len(pieces) > 1 and _is_short(ram) and sum(pieces) >= sum(use.used_bytes for use in ram):
        total, largest = (format_quantity(nbytes, "byte") for nbytes in (sum(pieces), max(pieces)))
        told.append(f"{total} of RAM in all, in {len(pieces)} pieces of at most {largest}: an arena is one array")
    outside = [one.name for one in board.flash_regions if one.kind != "flash" and one.xip is not False]
    if outside and _is_short([use for use in uses if _CODE & set(use.holds)]):
        told.append(f"{outside[0]} could hold the model, if the chip reads it as memory: see its placements")
    runtime = setting.runtime or default_runtime(board.core)
    own, _ = attempt(lambda: predict_runtime_ram(graph, runtime=runtime, core=board.core, build=setting.build))
    if own is not None and setting.reserve.sram_bytes < own.value:
        given, needed = (format_quantity(nbytes, "byte") for nbytes in (setting.reserve.sram_bytes, own.value))
        told.append(f"the reserve of {given} is less than the {needed} that TFLM's own stack and static data take")
    return tuple(told)


def _is_short(uses: Sequence[RegionUse]) -> bool:
    return any(use.margin_bytes < 0 for use in uses)


def _ask_engine(graph: ModelGraph, runtime: str, wanted: bool) -> tuple[str, int | None]:
    """Why TFLM refuses the model ("" if it does not), and the head it recorded (None if not asked)."""
    undecoded = refuse_decode(runtime) if has_decode(graph) else ""
    if undecoded:
        return f"{runtime} cannot run DECODE operators: {undecoded}", None
    if not wanted or not runtime.startswith("tflm-"):
        return "", None
    try:
        return _run_engine(graph)
    except EngineError:
        return "", None


@remember
def _run_engine(graph: ModelGraph) -> tuple[str, int | None]:
    try:
        return "", measure_arena(graph.data, smallest=False).head_bytes
    except ModelError as error:
        return f"the TFLM interpreter refuses this model: {error}", None


@remember
def _reference_head(graph: ModelGraph) -> int:
    """Head with the interpreter's own, the reference kernels, in bytes."""
    return predict_arena(graph, runtime="tflm-reference").head_bytes


def _with_evidence(arena: ArenaEstimate, recorded_head: int | None, own_head: int) -> ArenaEstimate:
    """The arena, told what the interpreter recorded for its head with reference kernels; more head needs more arena."""
    used = arena.used
    if recorded_head is None:
        return replace(arena, used=replace(used, sources=(*used.sources, "the interpreter was not asked")))
    gap = recorded_head - own_head
    if not gap:
        note = "the interpreter recorded the same head for this model"
    else:
        note = f"the interpreter recorded {abs(gap)} B {'more' if gap > 0 else 'less'} of head for this model"
    low, high = max(0.0, used.low + min(0, gap)), used.high + max(0, gap)
    told = replace(used, low=low, high=high, sources=(*used.sources, note))
    return replace(arena, used=told, to_start=arena.to_start + max(0, gap))
