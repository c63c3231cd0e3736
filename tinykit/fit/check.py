"""The fit check: predictions for a model and a core, held against a board's memory regions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeVar

from tinykit.arena import ArenaEstimate, predict_arena
from tinykit.boards import EXTERNAL_RAM_KINDS, Board
from tinykit.boards import board as find_board
from tinykit.boards import boards as all_boards
from tinykit.energy import predict_energy
from tinykit.errors import (
    EngineError,
    ModelError,
    ParameterError,
    UnknownFactError,
    UnknownRuntimeError,
    name_nearest,
)
from tinykit.fit.accelerated import RUNTIME as NPU_RUNTIME
from tinykit.fit.accelerated import check_on_npu
from tinykit.fit.advise import advise
from tinykit.fit.judge import judge
from tinykit.fit.placing import place_in_flash, place_in_ram
from tinykit.fit.verdict import DOES_NOT_FIT, FitReport, RegionUse, Reserve
from tinykit.flash import predict_flash
from tinykit.graph import ModelGraph
from tinykit.latency import RUNTIMES, default_runtime, predict_latency
from tinykit.quantity import Estimate
from tinykit.runtime import measure_arena

_T = TypeVar("_T")
_NAMED_RUNTIMES = (*RUNTIMES, NPU_RUNTIME)


@dataclass(frozen=True, slots=True)
class Setting:
    """How the model is to run.

    Parameters
    ----------
    runtime, runtime_version, build : None for the core's default, or unknown.
    clock_hz : None for the core's highest.
    reserve : what stack and application take.
    use_engine : ask the TFLM interpreter (a child process) as well; without it the graph alone answers.
    """

    runtime: str | None = None
    runtime_version: str | None = None
    build: str | None = None
    clock_hz: float | None = None
    reserve: Reserve = field(default_factory=Reserve)
    use_engine: bool = True

    def __post_init__(self) -> None:
        if self.runtime is not None and self.runtime not in _NAMED_RUNTIMES:
            raise UnknownRuntimeError(
                f"runtime {self.runtime!r} is unknown; {name_nearest(self.runtime, _NAMED_RUNTIMES)}\n"
                "leave it out for the core's own default"
            )
        if self.clock_hz is not None and not 0 < self.clock_hz < math.inf:
            raise ParameterError(f"clock {self.clock_hz} Hz; give hertz above 0, such as 120e6, or leave it out")


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
    target = find_board(board) if isinstance(board, str) else board
    return _check(graph, target, Setting(**setting))  # type: ignore[arg-type]


def check_fit_all(
    graph: ModelGraph, boards: Iterable[Board] | None = None, **setting: object
) -> tuple[FitReport, ...]:
    """The fit check on many boards, the engine asked once for all of them.

    Parameters
    ----------
    graph : the model.
    boards : None for the whole catalogue.
    setting : as in `check_fit`.
    """
    chosen = Setting(**setting)  # type: ignore[arg-type]
    return tuple(_check(graph, board, chosen) for board in (all_boards() if boards is None else boards))


def _check(graph: ModelGraph, board: Board, setting: Setting) -> FitReport:
    runtime = setting.runtime or default_runtime(board.core)
    clock_hz = setting.clock_hz or board.clock_hz
    if runtime == NPU_RUNTIME:
        return check_on_npu(graph, board, clock_hz=clock_hz, reserve=setting.reserve)
    arena = _try(lambda: predict_arena(graph, runtime=runtime, core=board.core))
    flash = _try(lambda: predict_flash(graph, runtime=runtime, core=board.core, build=setting.build).total)
    refusal, recorded_head = _ask_engine(graph, runtime, setting.use_engine)
    arena = _with_evidence(arena, recorded_head, _reference_head(graph)) if arena else None
    ram = place_in_ram(board, arena.to_start, setting.reserve) if arena else ()
    code = place_in_flash(board, int(flash.value), setting.reserve) if flash else ()
    latency = _latency(graph, board, setting, runtime=runtime, clock_hz=clock_hz, ram=ram)
    verdict, reasons = judge(arena, ram, flash, code)
    return FitReport(
        graph=graph, board=board, core=board.core, clock_hz=clock_hz, runtime=runtime, reserve=setting.reserve,
        verdict=DOES_NOT_FIT if refusal else verdict,
        arena_bytes=arena.used if arena else None,
        flash_bytes=flash,
        latency_s=latency,
        energy_per_inference_j=_try(lambda: predict_energy(latency, board, clock_hz=clock_hz)) if latency else None,
        regions=(*ram, *code),
        reasons=(refusal, *reasons) if refusal else reasons,
        advice=advise(graph, arena, (*ram, *code), runtime),
    )  # fmt: skip


def _try(compute: Callable[[], _T]) -> _T | None:
    """A prediction, or None where there is no evidence for one."""
    try:
        return compute()
    except (UnknownRuntimeError, UnknownFactError):
        return None


def _latency(
    graph: ModelGraph,
    board: Board,
    setting: Setting,
    *,
    runtime: str,
    clock_hz: float | None,
    ram: tuple[RegionUse, ...],
) -> Estimate | None:
    if clock_hz is None:
        return None
    external = ram[0].kind if ram and ram[0].kind in EXTERNAL_RAM_KINDS else None
    return _try(
        lambda: predict_latency(
            graph,
            core=board.core,
            clock_hz=clock_hz,
            runtime=runtime,
            runtime_version=setting.runtime_version,
            board=board,
            build=setting.build,
            arena_region=external,
        )
    )


def _ask_engine(graph: ModelGraph, runtime: str, wanted: bool) -> tuple[str, int | None]:
    """Why TFLM refuses the model ("" if it does not), and the head it recorded (None if not asked)."""
    if not wanted or not runtime.startswith("tflm-"):
        return "", None
    return _run_engine(graph.data)


@lru_cache(maxsize=32)
def _run_engine(model: bytes) -> tuple[str, int | None]:
    try:
        return "", measure_arena(model, smallest=False).head_bytes
    except ModelError as error:
        return f"the TFLM interpreter refuses this model: {error}", None
    except EngineError:
        return "", None


@lru_cache(maxsize=32)
def _reference_head(graph: ModelGraph) -> int:
    """Head with the interpreter's own, the reference kernels, in bytes."""
    return predict_arena(graph, runtime="tflm-reference").head_bytes


def _with_evidence(arena: ArenaEstimate, recorded_head: int | None, own_head: int) -> ArenaEstimate:
    """The arena, told what the interpreter recorded for its head with reference kernels; more head needs more arena."""
    used = arena.used
    if recorded_head is None:
        return replace(arena, used=replace(used, source=used.source + "; the interpreter was not asked"))
    gap = recorded_head - own_head
    if not gap:
        note = "; the interpreter recorded the same head for this model"
    else:
        note = f"; the interpreter recorded {abs(gap)} B {'more' if gap > 0 else 'less'} of head for this model"
    low, high = max(0.0, used.low + min(0, gap)), used.high + max(0, gap)
    told = replace(used, low=low, high=high, source=used.source + note)
    return replace(arena, used=told, to_start=arena.to_start + max(0, gap))
