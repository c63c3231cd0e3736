"""What was measured: the very same case, one's own or published, wins over the model, and own rows of a board shift it.

Kernels take the time their shapes ask for, whatever the weights: a model is the same where its operators are.
`tinykit calibrate` writes own rows, one TOML a board, into the folder that TINYKIT_CALIBRATION names, else into
`calibration` of the workspace. What was published and shipped is never changed.
"""

import math
import os
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import tomli_w

from tinykit.ground.caches import remember, remember_table
from tinykit.ground.errors import FactError, OutputError, ParameterError
from tinykit.ground.facts import read_toml
from tinykit.ground.quantity import Estimate
from tinykit.ground.writing import write_atomically
from tinykit.model.record import workspace_folder
from tinykit.predict.latency.effects import RUNTIMES, Case, has_options, shipped_profile, unseen_spread, version_number
from tinykit.predict.latency.instructions import TO_80, Shapes
from tinykit.predict.latency.kernels import PARTS, kind_of
from tinykit.predict.latency.shapes import OperatorShape, from_rows, read_table

_AGAIN = 1.03
"""Factor either way for another specimen, compiler and clock trim (assumed): the same binary on one system differs by
0.2 % between two rounds of MLPerf Tiny."""

_SAME_CLOCK = 1e-3
_MOST_APART = 10.0
"""Factor beyond the model's 80 % interval from which the unit or the network of an own row is another."""
_LEAST_A, _MOST_A = 1e-9, 10.0
_MOST_FAULTS = 3
Key = frozenset[tuple[OperatorShape, int]]
_BUILT_BY_USER = ("tflm-cmsis-nn", "tflm-reference", "esp-nn")


def find_measured(model: Shapes, case: Case, clock_hz: float) -> Estimate | None:
    """The published latency [s] of this model in this case, basis "measured"; None where there is none.

    Board, core, runtime, clock and the arena's memory (on the chip or outside) have to be the same; of X-CUBE-AI also
    major and minor version, and the option where it is told; of runtimes that are built from source the build: one
    that is not known is another one.
    Rows of several sources are averaged, and the interval holds them all.
    """
    rows = [row for row in _rows_of(case.board) if _is_same(row, case, clock_hz)]
    wanted = key_of(model.shapes) if rows else None
    rows = [row for row in rows if key_of_model(row["model"]) == wanted]
    if not rows:
        return None
    told = "; ".join(dict.fromkeys(f"{row['model']}, {row['stack']}, {row['source_repo']}" for row in rows))
    source = f"measured on {case.board}: {told} (data/latency/measured.csv)"
    return _average([float(row["latency_s"]) for row in rows], case, source)


def find_own(work: tuple[float, ...], case: Case, clock_hz: float) -> Estimate | None:
    """The user's own latency [s] of a model in this very case, basis "measured"; None where there is none.

    The same as `find_measured` asks for, and the same work: the modelled instructions of the model, by part.
    """
    same = version_number(case.version)
    rows = [row for row in own_rows(case) if not case.arena and version_number(row.version) == same]
    rows = [row for row in rows if abs(row.clock_hz / clock_hz - 1) <= _SAME_CLOCK]
    rows = [row for row in rows if all(map(math.isclose, row.work, work))]
    told = "; ".join(dict.fromkeys(f"{row.model}, {row.source}" for row in rows))
    source = f"measured by you on {case.board}: {told} (tinykit calibrate)"
    return _average([row.latency_s for row in rows], case, source) if rows else None


def _average(latencies_s: list[float], case: Case, source: str) -> Estimate:
    logs = [math.log(one) for one in latencies_s]
    low, high = math.exp(min(logs)) / _AGAIN, math.exp(max(logs)) * _AGAIN
    return Estimate(math.exp(sum(logs) / len(logs)), low, high, "s", "measured", runtime=case.runtime, sources=source)


def _is_same(row: dict[str, str], case: Case, clock_hz: float) -> bool:
    place = (row["board"], row["core"], row["runtime"], row["arena"])
    if place != (case.board, case.core, case.runtime, case.arena) or row["part"] != "all":
        return False
    if abs(float(row["clock_hz"]) / clock_hz - 1) > _SAME_CLOCK:
        return False
    if case.runtime in _BUILT_BY_USER:
        return bool(case.build) and row["build"] == case.build and not row["stack"].startswith("microTVM")
    if has_options(case) and case.option not in ("", row["option"]):
        return False
    return bool(case.version) and version_number(row["version"]) == version_number(case.version)


@remember_table
def model_shapes() -> dict[str, tuple[OperatorShape, ...]]:
    """Operator shapes by model, of every model behind `measured.csv`; equal operators stand together."""
    rows = read_table("operators").rows
    shapes: dict[str, list[OperatorShape]] = {}
    for row, shape in zip(rows, from_rows(rows), strict=True):
        shapes.setdefault(row["model"], []).extend([shape] * int(row["count"]))
    return {model: tuple(operators) for model, operators in shapes.items()}


@remember_table
def _rows_of(board: str) -> tuple[dict[str, str], ...]:
    return tuple(row for row in read_table("measured").rows if board and row["board"] == board)


def key_of(shapes: tuple[OperatorShape, ...]) -> Key:
    """The operators with their number, whatever their order; those that move no data are left out."""
    return frozenset(Counter(shape for shape in shapes if kind_of(shape) != "reshape").items())


@remember_table
def key_of_model(model: str) -> Key:
    """`key_of` the operators of a model behind `measured.csv`."""
    return key_of(model_shapes()[model])


_ID = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


@dataclass(frozen=True, slots=True)
class OwnRow:
    """One latency that the user measured [s], and the file it was read from."""

    board: str
    core: str
    runtime: str
    version: str
    build: str
    model: str
    source: str
    clock_hz: float
    latency_s: float
    work: tuple[float, ...]  # modelled instructions, in the order of `PARTS`
    noise: float  # log standard deviation about them
    energy_j: float = 0.0  # 0 if not measured, as the supply
    supply_v: float = 0.0


@dataclass(frozen=True, slots=True)
class OwnShift:
    """What own rows say of a case: log factor on its cycles, log deviation left, and the models behind it."""

    log_factor: float
    spread: float
    models: int


def calibration_path(board_id: str) -> Path:
    """Where the own rows of a board lie; ParameterError where its id cannot be a file name."""
    if not board_id or set(board_id) - _ID or board_id.startswith("."):
        raise ParameterError(f"board id {board_id!r} cannot name a file; use letters, digits and hyphens")
    return _join(_folder(), board_id)


def _folder() -> str:
    return os.environ.get("TINYKIT_CALIBRATION") or os.path.join(workspace_folder(), "calibration")


@remember_table
def _join(folder: str, board_id: str) -> Path:
    """Kept: a catalogue of boards asks for each of them at every fit."""
    return Path(folder, f"{board_id}.toml")


def render_own(rows: tuple[OwnRow, ...]) -> bytes:
    """The rows as TOML."""
    tables = [{**asdict(row), "work": list(row.work)} for row in rows]
    return tomli_w.dumps({"rows": tables}).encode()


def keep_own(board_id: str, rows: tuple[OwnRow, ...]) -> Path:
    """Write the own rows of a board, those before kept beside for `undo_own`; OutputError where that cannot be."""
    path = calibration_path(board_id)
    write_atomically(path.with_suffix(".before"), path.read_bytes() if path.is_file() else b"")
    write_atomically(path, render_own(rows))
    return path


def list_own() -> tuple[Path, ...]:
    """The files of own rows, the last one written last."""
    return tuple(sorted(Path(_folder()).glob("*.toml"), key=lambda path: path.lstat().st_mtime_ns))


def undo_own(board_id: str | None = None) -> Path:
    """Take back the last calibration, of a board where one is given: the rows before it are there again.

    Raises ParameterError: there are no own rows. OutputError: the file cannot be written.
    """
    paths = [path for path in list_own() if board_id in (None, path.stem)]
    if not paths:
        raise ParameterError(f"no own rows{f' of {board_id}' if board_id else ''} in {_folder()}: nothing to undo")
    before = paths[-1].with_suffix(".before")
    try:
        kept = before.read_bytes() if before.is_file() else b""
        write_atomically(paths[-1], kept) if kept else paths[-1].unlink()
        before.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{paths[-1]}: cannot be taken back ({error.strerror}); see to its folder") from error
    return paths[-1]


def read_own(board_id: str) -> tuple[OwnRow, ...]:
    """The own rows of a board that can be used, none where there are none; `name_damage` has the others."""
    return _open_own(board_id)[0]


def name_damage(board_id: str) -> tuple[str, ...]:
    """What of a board's own rows is passed over, and the way out; empty where all can be used."""
    return _open_own(board_id)[1]


def _open_own(board_id: str) -> tuple[tuple[OwnRow, ...], tuple[str, ...]]:
    try:
        path = calibration_path(board_id)
        changed = path.stat().st_mtime_ns
    except (ParameterError, OSError):
        return (), ()
    return _read(path, changed)


@remember
def _read(path: Path, _changed: int) -> tuple[tuple[OwnRow, ...], tuple[str, ...]]:
    try:
        rows, faults = take_own(read_toml(path))
    except FactError as error:
        rows, faults = (), (str(error).removeprefix(f"{path}: "),)
    told = list(dict.fromkeys(faults))
    told[_MOST_FAULTS:] = [f"{len(told) - _MOST_FAULTS} more rows"] if len(told) > _MOST_FAULTS else []
    return rows, tuple(f"own rows passed over: {path}: {one}; calibrate again, or delete the file" for one in told)


def take_own(stored: Any) -> tuple[tuple[OwnRow, ...], tuple[str, ...]]:
    """The rows of a store that a prediction can use, and why each other cannot be."""
    tables: Any = stored.get("rows")
    rows, faults = list[OwnRow](), list[str]()
    for table in tables if isinstance(tables, list) else [tables]:  # of a damaged store anything
        try:
            row = OwnRow(**{one.name: _take(table[one.name], one.type) for one in fields(OwnRow)})
            _check(row)
            rows.append(row)
        except (LookupError, TypeError) as error:
            faults.append(f"a row cannot be read ({error!r:.80})")
        except (ArithmeticError, ValueError) as error:
            faults.append(f"a row of {table['model'][:60]!r} makes no sense: {error!s:.120}")
    return tuple(rows), tuple(faults)


def _take(value: Any, kind: Any) -> Any:
    if kind is str or kind is float:
        if isinstance(value, bool) or not isinstance(value, str if kind is str else int | float):
            raise TypeError(f"{value!r:.40} where {kind.__name__} belongs")
        return kind(value)
    return tuple([_take(one, float) for one in value])


def _check(row: OwnRow) -> None:
    """ValueError where no prediction can use a row."""
    current = row.energy_j / row.latency_s / (row.supply_v or 1.0)
    figures = (row.clock_hz, row.latency_s, row.noise, sum(row.work), *row.work, row.energy_j, row.supply_v, current)
    if len(row.work) != len(PARTS) or not min(figures[:4]) > 0 or not all(0 <= one < math.inf for one in figures):
        raise ValueError("a figure is missing, below 0, infinite or none")
    if row.runtime not in RUNTIMES or (row.energy_j and not _LEAST_A <= current <= _MOST_A):
        raise ValueError(f"runtime {row.runtime[:40]!r} is not known, or {current:.3g} A is no current of a board")
    apart, width = _log_factor(row)
    most = _MOST_APART * math.exp(width)
    if abs(apart) > math.log(most):
        told = f"it took {math.exp(apart):.3g} times what its operators take; is its unit right?"
        raise ValueError(f"{told} a factor of {most:.3g} is taken")


def _log_factor(row: OwnRow) -> tuple[float, float]:
    """Log of the cycles measured over those the shipped model has for the same work; its 80 % interval, either way."""
    measured = Case(row.core, row.runtime, row.version, row.board, row.build)
    cycles, spread = shipped_profile(measured).cycles(row.work)
    width = TO_80 * math.hypot(spread, row.noise, unseen_spread(row.runtime))
    return math.log(row.latency_s) + math.log(row.clock_hz / cycles), width


def own_rows(case: Case, rows: tuple[OwnRow, ...] | None = None, *, any_build: bool = False) -> tuple[OwnRow, ...]:
    """Those of own rows (of the ones kept, if None) that speak of a case: of its core, runtime, version and build.

    Rows of another build say nothing: the compiler's level moves a kernel by more than boards differ.
    """
    found = [row for row in (read_own(case.board) if rows is None else rows) if row.core == case.core]
    found = [row for row in found if row.runtime == case.runtime and case.version in ("", row.version)]
    return tuple(row for row in found if any_build or row.runtime not in _BUILT_BY_USER or row.build == case.build)


def say_unused(case: Case) -> tuple[str, ...]:
    """What of a board's own rows says nothing of a case: those of other builds only, and those that are damaged."""
    rows, damage = _open_own(case.board)
    builds = dict.fromkeys(row.build or "unknown" for row in own_rows(case, rows, any_build=True))
    told = f"your own rows are of build {', '.join(builds)}, not {case.build or 'unknown'}: not used (--build)"
    return (*([told] if builds and not own_rows(case, rows) else ()), *damage)


def shift_of(case: Case, spread: float, rows: tuple[OwnRow, ...] | None = None) -> OwnShift:
    """The posterior shift of a case given own rows (those kept, if None) that speak of it (`own_rows`).

    Its prior is N(0, spread²), what published rows leave open; each model, whatever its runs, is one observation with
    the deviation of an architecture and of its row.
    """
    logs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in own_rows(case, rows):
        logs[row.model].append((_log_factor(row)[0], row.noise))
    if not logs or spread <= 0:
        return OwnShift(0.0, spread, 0)
    weight, total = spread**-2, 0.0
    for seen in logs.values():
        one = 1 / (unseen_spread(case.runtime) ** 2 + max(noise for _, noise in seen) ** 2)
        weight += one
        total += one * sum(log for log, _ in seen) / len(seen)
    return OwnShift(total / weight, weight**-0.5, len(logs))
