"""What was measured: the very same case as published wins over the model, and the user's own rows of a board shift it.

Kernels take the time their shapes ask for, whatever the weights: a model is the same where its operators are.
`tinykit calibrate` writes own rows, one TOML a board, into the folder that TINYKIT_CALIBRATION names, else into
`tinykit/calibration` of the user's data folder. What was published and shipped is never changed.
"""

import math
import os
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import tomli_w

from tinykit.ground.caches import remember, remember_table
from tinykit.ground.errors import FactError, ParameterError
from tinykit.ground.facts import read_toml
from tinykit.ground.quantity import Estimate
from tinykit.predict.latency.effects import RUNTIMES, Case, has_options, shipped_profile, unseen_spread, version_number
from tinykit.predict.latency.instructions import Shapes
from tinykit.predict.latency.kernels import PARTS, kind_of
from tinykit.predict.latency.shapes import OperatorShape, from_rows, read_table

_AGAIN = 1.03
"""Factor either way for another specimen, compiler and clock trim (assumed): the same binary on one system differs by
0.2 % between two rounds of MLPerf Tiny."""

_SAME_CLOCK = 1e-3
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
    rows = [row for row in rows if key_of(model.shapes) == key_of(model_shapes()[row["model"]])]
    if not rows:
        return None
    logs = [math.log(float(row["latency_s"])) for row in rows]
    low, high = math.exp(min(logs)) / _AGAIN, math.exp(max(logs)) * _AGAIN
    told = "; ".join(dict.fromkeys(f"{row['model']}, {row['stack']}, {row['source_repo']}" for row in rows))
    source = f"measured on {case.board}: {told} (data/latency/measured.csv)"
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
    given = os.environ.get("TINYKIT_CALIBRATION")
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return _join(given or f"{data}/tinykit/calibration", board_id)


@remember_table
def _join(folder: str, board_id: str) -> Path:
    """Kept: a catalogue of boards asks for each of them at every fit."""
    return Path(folder, f"{board_id}.toml")


def render_own(rows: tuple[OwnRow, ...]) -> bytes:
    """The rows as TOML."""
    tables = [{**asdict(row), "work": list(row.work)} for row in rows]
    return tomli_w.dumps({"rows": tables}).encode()


def read_own(board_id: str) -> tuple[OwnRow, ...]:
    """The own rows of a board, none where there are none; FactError where the file is damaged."""
    if not board_id or set(board_id) - _ID or board_id.startswith("."):
        return ()
    path = calibration_path(board_id)
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return ()
    return _read(path, changed)


@remember
def _read(path: Path, _changed: int) -> tuple[OwnRow, ...]:
    names = {field.name for field in fields(OwnRow)}
    rows, tables = [], read_toml(path).get("rows", [])
    for table in tables if isinstance(tables, list) else [tables]:
        try:
            row = OwnRow(**{name: table[name] for name in names if name != "work"}, work=tuple(table["work"]))
            sound = len(row.work) == len(PARTS) and min(row.clock_hz, row.latency_s, row.noise, sum(row.work)) > 0
        except (KeyError, TypeError) as error:
            raise FactError(f"{path}: a row cannot be read ({error!r}); calibrate again, or delete the file") from error
        if not sound or row.runtime not in RUNTIMES:
            raise FactError(f"{path}: a row of {row.model!r} makes no sense; calibrate again, or delete the file")
        rows.append(row)
    return tuple(rows)


def shift_of(case: Case, spread: float) -> OwnShift:
    """The posterior shift of a case given own rows of its board, core and runtime (and kernel version).

    Its prior is N(0, spread²), what published rows leave open; each model, whatever its runs, is one observation with
    the deviation of an architecture and of its row.
    """
    logs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in read_own(case.board):
        if (row.core, row.runtime) != (case.core, case.runtime) or (case.version and row.version != case.version):
            continue
        measured = Case(row.core, row.runtime, row.version, row.board, row.build)
        cycles = shipped_profile(measured).cycles(row.work)[0]
        logs[row.model].append((math.log(row.latency_s * row.clock_hz / cycles), row.noise))
    if not logs or spread <= 0:
        return OwnShift(0.0, spread, 0)
    weight, total = spread**-2, 0.0
    for seen in logs.values():
        one = 1 / (unseen_spread(case.runtime, case.core) ** 2 + max(noise for _, noise in seen) ** 2)
        weight += one
        total += one * sum(log for log, _ in seen) / len(seen)
    return OwnShift(total / weight, weight**-0.5, len(logs))
