"""One model on several machines side by side: the CPU of each board, and the Ethos-U beside it where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from tinykit.budget.fit.accelerated import refuse
from tinykit.budget.fit.check import check_fit
from tinykit.budget.fit.verdict import FitReport, Verdict
from tinykit.ground.calls import keywords
from tinykit.ground.errors import MissingPackageError
from tinykit.ground.results import Rows
from tinykit.model.graph import ModelGraph, as_graph
from tinykit.predict.npu import accelerators_of
from tinykit.target.boards import Board, find_board
from tinykit.target.runtimes import NPU_RUNTIME
from tinykit.target.target import Reserve, Target

MACHINES = ("nucleo-l4r5zi", "nucleo-h743zi2", "nucleo-u575zi-q", "alif-ensemble-e7-devkit")
"""A board each with Cortex-M4, M7, M33, and M55 with an Ethos-U55."""


@keywords
def line_up(
    graph: ModelGraph | str | os.PathLike[str],
    boards: Iterable[Board | str | os.PathLike[str]] = MACHINES,
    *,
    runtime: str | None = None,
    runtime_version: str | None = None,
    build: str | None = None,
    clock_hz: float | None = None,
    reserve: Reserve | None = None,
    use_engine: bool = True,
) -> Rows[FitReport]:
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


def name_machine(report: FitReport) -> str:
    """What computes: "cortex-m4", "ethos-u55-256"."""
    if report.runtime != NPU_RUNTIME:
        return report.core
    return report.npu.accelerator if report.npu else accelerators_of(report.board)[0]


def _on_npu(graph: ModelGraph, board: Board, setting: dict[str, Any]) -> FitReport:
    try:
        return check_fit(graph, board, runtime=NPU_RUNTIME, **setting)
    except MissingPackageError as error:
        target = Target(board, runtime=NPU_RUNTIME, **setting)
        return refuse(graph, target, (Verdict.UNKNOWN, str(error).partition("\n")[0]))
