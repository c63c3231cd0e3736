"""What each kind of network people bring gets: does it run, latency, energy and budget with widths, verify, C export.

One model a kind (tests/kinds.py), `files` public files seen of it. A width is high over low; `before` says whether
latency and budget were known when only kernels that were counted in int8 were. What the engine refuses gets no figure.
"""

from __future__ import annotations

import contextlib
import io
import math
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.kinds import KINDS, Kind
from tinykit.budget.assessment.chain import Assessment, assess
from tinykit.budget.assessment.use import Use
from tinykit.ground.errors import TinykitError
from tinykit.ground.quantity import Estimate
from tinykit.handover.codegen.export import export_c
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.latency.instructions import predict_instructions
from tinykit.show.cli.main import main
from tinykit.target.target import Target

TITLE = "Kinds of networks: latency, energy and budget (Nano 33 BLE Sense; CR2032, every 10 s), verify, C export"
BOARDS = {
    "M4F": "arduino-nano-33-ble-sense", "M33": "b-u585i-iot02a", "M7": "nucleo-h743zi2", "M0+": "raspberry-pi-pico",
}  # fmt: skip
YES, NO = "yes", "no"
FIGURES = ("before", "latency", "energy", "budget", "verify right", "C export")


def table() -> list[dict[str, Any]]:
    """One row a kind, then how many of the public files have each figure, and the widths in sum."""
    rows = [_row(name, kind) for name, kind in KINDS.items()]
    running = [row for row in rows if row["runs"] == YES]
    return [*rows, *_totals(running)]


def ratio(estimate: Estimate | None) -> float | None:
    """High over low."""
    return None if estimate is None else estimate.high / estimate.low


def ninth(widths: Sequence[float]) -> float:
    """The 90th percentile."""
    return sorted(widths)[math.ceil(0.9 * len(widths)) - 1]


def ask(model: bytes, board: str, *, use_engine: bool = False) -> Assessment:
    """What the one chain says of a model on a board."""
    return assess(read(model), Target(board), Use(battery="cr2032", period_s=10.0), use_engine=use_engine)


def _row(name: str, kind: Kind) -> dict[str, Any]:
    model = kind.build()
    found = {core: ask(model, board, use_engine=core == "M4F") for core, board in BOARDS.items()}
    first, graph = found["M4F"], read(model)
    row: dict[str, Any] = {"kind": name, "files": kind.files, "runs": YES if kind.runs else NO}
    if not kind.runs:
        return {**row, "latency": _say(first.fit.latency_s), "verify right": _say(_verify(model) != 0)}
    latency, energy = first.fit.latency_s, first.fit.energy_per_inference_j
    row |= {"before": _say(_counted(graph)), "latency": _say(latency), "energy": _say(energy)}
    row |= {"budget": _say(first.battery_life_s), "verify right": _say(_verify(model) == 0), "C export": _export(graph)}
    row |= {"latency ms": latency and latency.value * 1e3, "energy µJ": energy and energy.value * 1e6}
    return row | {f"width {core}": ratio(one.fit.latency_s) for core, one in found.items()}


def _counted(graph: ModelGraph) -> bool:
    """Whether every operator's kernel was counted in int8, or assumed beside those."""
    try:
        report = predict_instructions(graph, core="cortex-m4", runtime="tflm-cmsis-nn")
    except TinykitError:
        return False
    return not any(one.cycles for one in report.operators)


def _say(truth: object) -> str:
    return YES if truth else NO


def _verify(model: bytes) -> int:
    """Exit status of `tinykit verify`: 0 where the engines compute the same, as they do on these models."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder, "model.tflite")
        path.write_bytes(model)
        with contextlib.redirect_stderr(io.StringIO()):
            return int(main(["verify", str(path)]))


def _export(graph: ModelGraph) -> str:
    try:
        export_c(graph)
    except TinykitError:
        return NO
    return YES


def _totals(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    files = sum(row["files"] for row in rows)
    counts = {name: sum(row["files"] for row in rows if row[name] == YES) for name in FIGURES}
    found: list[dict[str, Any]] = [{"kind": "files in all", "files": files, "runs": files, **counts}]
    for word, measure in (("median", statistics.median), ("90 %", ninth), ("largest", max)):
        for what, start in (("float32", "float32"), ("all that run", "")):
            chosen = [row for row in rows if row["kind"].startswith(start) for _ in range(row["files"])]
            widths = {f"width {core}": measure([row[f"width {core}"] for row in chosen]) for core in BOARDS}
            found.append({"kind": f"{word} of {what}", **widths})
    return found
