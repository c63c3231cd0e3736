"""Rows of one's own, kept for a board, so that its predictions start from them."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from tinykit.ground.errors import DataError, UnknownRuntimeError
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph
from tinykit.model.record import write_atomically
from tinykit.predict.latency.effects import Case, proxy_of, row_noise
from tinykit.predict.latency.instructions import predict_instructions
from tinykit.predict.latency.own import OwnRow, calibration_path, render_own, shift_of
from tinykit.predict.latency.prediction import known_runtimes
from tinykit.predict.validation.rows import MeasuredRow, Skipped, read_rows
from tinykit.target.boards.record import Board


@dataclass(frozen=True, slots=True)
class Calibration(Result):
    """What a board's own rows changed.

    Parameters
    ----------
    board : whose.
    path : where the rows lie; delete the file to undo.
    rows : kept.
    skipped : left out, and why.
    factors : runtime -> (factor on latency, models behind it).
    """

    board: Board = field(repr=False)
    path: Path
    rows: tuple[OwnRow, ...] = field(repr=False)
    skipped: tuple[Skipped, ...] = field(repr=False)
    factors: dict[str, tuple[float, int]] = field(hash=False)


def calibrate(path: str | Path, board: Board, *, models: str | Path | None = None) -> Calibration:
    """Keep the measured latencies of a CSV as a board's own; a later call for the board replaces them.

    Every row of the board's core whose runtime has a latency model counts as measured on this board.

    Parameters
    ----------
    path, models : as for `validate`.
    board : of the catalogue.

    Raises
    ------
    DataError : no CSV, or no row of it can be used. OutputError : the rows cannot be kept.
    """
    found, skipped = read_rows(Path(path), None if models is None else Path(models))
    made = [_to_own(row, board, Path(path).name) for row in found]
    kept = [one for one in made if isinstance(one, OwnRow)]
    left = [*skipped, *(one for one in made if isinstance(one, Skipped))]
    if not kept:
        why = left[0].reason if left else "it has no rows"
        raise DataError(f"{path}: no latency of {board.core} in it that {board.id} could be calibrated by; {why}")
    target = calibration_path(board.id)
    write_atomically(target, render_own(tuple(kept)))
    # as a prediction for the board sees them, with a prior as wide as an unknown board's
    shifts = {row.runtime: shift_of(Case(board.core, row.runtime, "", board.id), 0.15) for row in kept}
    factors = {name: (math.exp(shift.log_factor), shift.models) for name, shift in shifts.items()}
    return Calibration(board, target, tuple(kept), tuple(left), factors)


def _to_own(row: MeasuredRow, board: Board, source: str) -> OwnRow | Skipped:
    if row.latency_s is None:
        return Skipped(row.line, "no latency given")
    if row.arena_region:
        return Skipped(row.line, f"arena in {row.arena_region}, not in on-chip RAM")
    if row.core != board.core:
        return Skipped(row.line, f"measured on {row.core}, {board.id} has {board.core}")
    if row.runtime not in known_runtimes(row.core):
        return Skipped(row.line, f"no latency evidence for {row.runtime} on {row.core}")
    case = Case(row.core, row.runtime, row.version, board.id, row.build)
    runtime, core, build = proxy_of(case)
    try:
        report = predict_instructions(row.model, core=core, runtime=runtime, build=build or None)
    except UnknownRuntimeError as error:
        return Skipped(row.line, str(error).splitlines()[0])
    macs = row.model.macs if isinstance(row.model, ModelGraph) else sum(shape.macs for shape in row.model)
    return OwnRow(
        board=board.id, core=row.core, runtime=row.runtime, version=row.version, build=row.build,
        model=row.model_name, source=f"{source}, line {row.line}", clock_hz=row.clock_hz, latency_s=row.latency_s,
        work=report.parts, noise=row_noise(case, macs, report), energy_j=row.energy_j or 0.0,
        supply_v=row.supply_v or 0.0,
    )  # fmt: skip
