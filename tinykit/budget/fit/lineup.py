"""One model on several machines side by side: the CPU of each board, and the Ethos-U beside it where there is one."""

from __future__ import annotations

from collections.abc import Iterable

from tinykit.budget.fit.accelerated import refuse
from tinykit.budget.fit.check import check_fit
from tinykit.budget.fit.setting import NPU_RUNTIME, Setting
from tinykit.budget.fit.verdict import FitReport, Verdict
from tinykit.ground.errors import MissingPackageError
from tinykit.ground.results import Rows
from tinykit.model.graph import ModelGraph
from tinykit.predict.npu import accelerators_of
from tinykit.target.boards import Board, find_board

MACHINES = ("nucleo-l4r5zi", "nucleo-h743zi2", "nucleo-u575zi-q", "alif-ensemble-e7-devkit")
"""A board each with Cortex-M4, M7, M33, and M55 with an Ethos-U55."""


def line_up(graph: ModelGraph, boards: Iterable[Board | str] = MACHINES, **setting: object) -> Rows[FitReport]:
    """The fit check of one model on several boards, CPUs first, then the NPUs of those boards that have one.

    Figures without evidence are None in a report, with the reason: a float model has no latency on a CPU and is refused
    by an NPU, with the way out.

    Parameters
    ----------
    graph : the model. boards : ids or boards; an M4, an M7, an M33, and an M55 with its U55 where none are given.
    setting : as in `check_fit`; a runtime named holds for the CPUs.

    Raises
    ------
    UnknownBoardError, UnknownRuntimeError, ParameterError : as `check_fit`.
    """
    machines = tuple(find_board(board) for board in boards)
    cores = tuple(check_fit(graph, board, **setting) for board in machines)
    settled = {name: value for name, value in setting.items() if name in ("reserve", "clock_hz")}
    return Rows((*cores, *(_on_npu(graph, board, settled) for board in machines if accelerators_of(board))))


def name_machine(report: FitReport) -> str:
    """What computes: "cortex-m4", "ethos-u55-256"."""
    if report.runtime != NPU_RUNTIME:
        return report.core
    return report.npu.accelerator if report.npu else accelerators_of(report.board)[0]


def _on_npu(graph: ModelGraph, board: Board, setting: dict[str, object]) -> FitReport:
    try:
        return check_fit(graph, board, runtime=NPU_RUNTIME, **setting)
    except MissingPackageError as error:
        told = Setting(runtime=NPU_RUNTIME, **setting)  # type: ignore[arg-type]
        clock_hz = told.clock_hz or board.clock_hz
        return refuse(graph, board, clock_hz, told.reserve, (Verdict.UNKNOWN, str(error).partition("\n")[0]))
