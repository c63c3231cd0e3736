"""Every measured row predicted, errors by core and runtime; rows of one's own kept for a board's predictions."""

import math
import statistics
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from tinykit.ground import limits
from tinykit.ground.errors import DataError, ParameterError, UnknownFactError, UnknownRuntimeError
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result, Rows
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.energy.predict import predict_energy
from tinykit.predict.latency.effects import Case, row_noise
from tinykit.predict.latency.instructions import normalise_build
from tinykit.predict.latency.measured import OwnRow, keep_own, read_own, render_own, shift_of, take_own
from tinykit.predict.latency.places import count_case
from tinykit.predict.latency.prediction import known_runtimes, predict_latency
from tinykit.predict.latency.shapes import read_table
from tinykit.predict.validation.measured_rows import MeasuredRow, Skipped, is_exact, read_rows
from tinykit.target.boards.record import Board

QUANTITIES = ("latency", "energy", "arena")
_SAME = 0.02


@dataclass(frozen=True, slots=True)
class ComparedRow(Result):
    """A measured figure beside its prediction.

    Parameters
    ----------
    row : what was measured.
    quantity : one of `QUANTITIES`.
    measured : in the estimate's unit.
    predicted : the estimate.
    fitted : whether this latency is among those the model was fitted to or the board's own rows (`calibrate`), or the
        power of this board among the facts the energy starts from.
    """

    JSON = (
        *("line=row.line", "quantity", "board=row.board.id", "core=row.core", "runtime=row.runtime"),
        *("model=row.model_name", "measured", "predicted", "error", "inside", "fitted"),
    )

    row: MeasuredRow
    quantity: str
    measured: float
    predicted: Estimate
    fitted: bool = False

    @property
    def error(self) -> float:
        """Predicted over measured, less 1, as a fraction."""
        return self.predicted.value / self.measured - 1

    @property
    def inside(self) -> bool:
        """Whether the measured figure lies in the 80 % interval."""
        return self.predicted.low <= self.measured <= self.predicted.high


@dataclass(frozen=True, slots=True)
class GroupError(Result):
    """Errors of one quantity on one core and runtime; fractions 0–1, of n rows, `fitted` of them known to the fit.

    median_ape, p90_ape : absolute relative error. coverage_80 : rows inside their interval. bias : mean log error.
    """

    quantity: str
    core: str
    runtime: str
    n: int
    fitted: int
    median_ape: float
    p90_ape: float
    coverage_80: float
    bias: float


@dataclass(frozen=True, slots=True)
class Validation(Result):
    """Predictions against the rows of a CSV.

    Parameters
    ----------
    path : of the CSV.
    rows : compared, a quantity each.
    groups : by quantity, core and runtime.
    skipped : rows left out, with the reason.
    unknown : figures without evidence for a prediction, with the reason.
    """

    JSON = ("path", "groups", "rows", "skipped", "unknown")

    path: str
    rows: Rows[ComparedRow] = field(repr=False)
    groups: Rows[GroupError] = field(repr=False)
    skipped: tuple[Skipped, ...] = field(repr=False)
    unknown: tuple[Skipped, ...] = field(repr=False)

    def reasons(self) -> dict[str, int]:
        """Why rows were left out, the most frequent first."""
        return dict(Counter(one.reason for one in (*self.skipped, *self.unknown)).most_common())


def validate(path: str | Path, *, models: str | Path | None = None) -> Validation:
    """Predict every row of a measurements CSV and compare.

    Latency and arena are predicted from the model, never by a published figure of the same case; energy from the
    measured latency, so that its error is its own.

    Parameters
    ----------
    path : the CSV (see `read_rows`).
    models : folder of the model files, None looks beside the CSV.

    Raises
    ------
    DataError : no CSV, or no row in it that can be predicted.
    """
    rows, skipped = read_rows(Path(path), None if models is None else Path(models))
    compared: list[ComparedRow] = []
    unknown: list[Skipped] = []
    for row in rows:
        if not (tasks := _tasks(row)):
            unknown.append(Skipped(row.line, "no latency given, nor the arena of a model file at hand"))
        for quantity, measured, predict in tasks:
            try:
                compared.append(ComparedRow(row, quantity, measured, predict(), _is_fitted(row, quantity)))
            except (UnknownRuntimeError, UnknownFactError, ParameterError) as error:
                unknown.append(Skipped(row.line, f"{quantity}: {str(error).splitlines()[0][:120]}"))
    if not compared:
        why = Counter(one.reason for one in (*skipped, *unknown)).most_common(3)
        told = ", ".join(f"{n} × {reason}" for reason, n in why) or "it has no rows"
        raise DataError(f"{path}: no row can be compared; {told}")
    return Validation(str(path), Rows(compared), Rows(_group(compared)), skipped, tuple(unknown))


def _tasks(row: MeasuredRow) -> list[tuple[str, float, Callable[[], Estimate]]]:
    tasks: list[tuple[str, float, Callable[[], Estimate]]] = []
    if row.latency_s:
        tasks.append(("latency", row.latency_s, lambda: _latency(row)))
    if row.energy_j and row.latency_s:
        tasks.append(("energy", row.energy_j, lambda: _energy(row)))
    if row.arena_bytes and isinstance(row.model, ModelGraph):
        graph = row.model
        place = partial(predict_arena, graph, runtime=row.runtime, core=row.core)
        tasks.append(("arena", row.arena_bytes, lambda: place(runtime_version=row.version or None).used))
    return tasks


def _latency(row: MeasuredRow) -> Estimate:
    return predict_latency(
        row.model, core=row.core, clock_hz=row.clock_hz, runtime=row.runtime, runtime_version=row.version or None,
        runtime_option=row.option or None, board=row.board, build=row.build or None,
        arena_region=row.arena_region or None, modelled=True,
    )  # fmt: skip


def _energy(row: MeasuredRow) -> Estimate:
    if row.board is None or row.latency_s is None or not is_exact(row.board_name, row.board):
        raise UnknownFactError(f"{row.board_name} is not in the catalogue")
    return predict_energy(row.latency_s, row.board, clock_hz=row.clock_hz, supply_v=row.supply_v)


def _is_fitted(row: MeasuredRow, quantity: str) -> bool:
    if quantity == "energy":
        return row.board is not None and bool(row.board.ml_power)
    if quantity != "latency" or not row.latency_s:
        return False
    place, latency_s = (row.core, row.runtime), row.latency_s
    published = (
        float(known["latency_s"])
        for known in read_table("measured").rows
        if (known["core"], known["runtime"], known["source_repo"]) == (*place, row.source)
    )
    own = (one.latency_s for one in read_own(row.board.id if row.board else "") if (one.core, one.runtime) == place)
    return any(abs(math.log(known / latency_s)) < _SAME for known in (*published, *own))


def _group(rows: list[ComparedRow]) -> tuple[GroupError, ...]:
    def place(one: ComparedRow) -> tuple[int, str, str]:
        return QUANTITIES.index(one.quantity), one.row.core, one.row.runtime

    return tuple(_score(list(alike)) for _, alike in groupby(sorted(rows, key=place), place))


def _score(rows: list[ComparedRow]) -> GroupError:
    errors = sorted(abs(one.error) for one in rows)
    p90 = errors[math.ceil(0.9 * len(errors)) - 1]
    covered = sum(one.inside for one in rows) / len(rows)
    logs = [math.log(max(one.predicted.value, 1e-30) / one.measured) for one in rows]
    fitted = sum(one.fitted for one in rows)
    bias = math.expm1(statistics.fmean(logs))
    one = rows[0]
    place = one.quantity, one.row.core, one.row.runtime
    return GroupError(*place, len(rows), fitted, statistics.median(errors), p90, covered, bias)


@dataclass(frozen=True, slots=True)
class Calibration(Result):
    """What a board's own rows changed.

    Parameters
    ----------
    board : whose.
    path : where the rows lie.
    rows : kept.
    skipped : left out, and why.
    factors : runtime, with its build where there are several -> (factor on latency, models behind it).
    """

    board: Board = field(repr=False)
    path: Path
    rows: tuple[OwnRow, ...] = field(repr=False)
    skipped: tuple[Skipped, ...] = field(repr=False)
    factors: dict[str, tuple[float, int]] = field(hash=False)


def calibrate(
    path: str | Path, board: Board, *, models: str | Path | None = None, build: str | None = None
) -> Calibration:
    """Keep the measured latencies of a CSV as a board's own; a later call for the board replaces them.

    Every row of the board's core whose runtime has a latency model counts as measured on this board. `undo_own` takes
    the last call back.

    Parameters
    ----------
    path, models : as for `validate`.
    board : of the catalogue.
    build : compiler level of the rows whose stack names none, such as "-O3".

    Raises
    ------
    DataError : no CSV, or no row of it can be used. OutputError : the rows cannot be kept. ParameterError : no such
    build.
    """
    level = normalise_build(build)
    found, skipped = read_rows(Path(path), None if models is None else Path(models))
    built = [replace(row, build=row.build or level) for row in found]
    made = [_to_own(row, board, Path(path).name) for row in built]
    kept = [one for one in made if isinstance(one, OwnRow)]
    left = [*skipped, *(one for one in made if isinstance(one, Skipped))]
    if not kept:
        why = left[0].reason if left else "it has no rows"
        raise DataError(f"{path}: no latency of {board.core} in it that {board.id} could be calibrated by; {why}")
    rows = tuple(kept)
    if len(render_own(rows)) > limits.SETTINGS_BYTES:
        raise DataError(f"{path}: {len(rows):,} rows are more than a board's store holds; give the rows of one board")
    # as a prediction for the board sees them, with a prior as wide as an unknown board's
    cases = {(row.runtime, row.build): Case(board.core, row.runtime, "", board.id, row.build) for row in rows}
    shifts = {place: shift_of(case, 0.15, rows) for place, case in cases.items()}
    factors = {place: (math.exp(shift.log_factor), shift.models) for place, shift in shifts.items()}
    return Calibration(board, keep_own(board.id, rows), rows, tuple(left), _name_builds(factors))


def _name_builds(factors: dict[tuple[str, str], tuple[float, int]]) -> dict[str, tuple[float, int]]:
    """By runtime, and by its build where there are several."""
    alone = Counter(runtime for runtime, _ in factors)
    names = {(one, build): one if alone[one] == 1 else f"{one} {build or 'of unknown build'}" for one, build in factors}
    return {names[place]: factor for place, factor in factors.items()}


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
    try:
        report = count_case(row.model, case)
    except UnknownRuntimeError as error:
        return Skipped(row.line, str(error).splitlines()[0])
    if bounded := [operator for operator in report.operators if operator.cycles]:
        return Skipped(row.line, f"operator {bounded[0].index} {bounded[0].name} was not counted, only bounded")
    made = OwnRow(
        board=board.id, core=row.core, runtime=row.runtime, version=row.version, build=row.build,
        model=row.model_name, source=f"{source}, line {row.line}", clock_hz=row.clock_hz, latency_s=row.latency_s,
        work=report.parts, noise=row_noise(case, report), energy_j=row.energy_j or 0.0,
        supply_v=row.supply_v or 0.0,
    )  # fmt: skip
    kept, faults = take_own(tomllib.loads(render_own((made,)).decode()))  # as it will be read from the store again
    return kept[0] if kept else Skipped(row.line, faults[0])
