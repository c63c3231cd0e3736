"""The user's own measured rows of a board, and how far they shift its predictions.

`tinykit calibrate` writes them, one TOML a board, into the folder that TINYKIT_CALIBRATION names, else into
`tinykit/calibration` of the user's data folder. What was published and shipped is never changed.
"""

import math
import os
from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import tomli_w

from tinykit.ground.caches import remember, remember_table
from tinykit.ground.errors import FactError, ParameterError
from tinykit.ground.facts import read_toml
from tinykit.predict.latency.cycles import shipped_profile
from tinykit.predict.latency.effects import RUNTIMES, Case, unseen_spread
from tinykit.predict.latency.kernels import PARTS

_ID = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


@dataclass(frozen=True, slots=True)
class OwnRow:
    """One latency that the user measured [s], and the file it was read from; energy [J] and supply [V] 0 if not
    measured.

    `work` are the modelled instructions by part, in the order of `PARTS`; `noise` is the log standard deviation about
    them.
    """

    board: str
    core: str
    runtime: str
    version: str
    build: str
    model: str
    source: str
    clock_hz: float
    latency_s: float
    work: tuple[float, ...]
    noise: float
    energy_j: float = 0.0
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

    The shift has the prior N(0, spread²), what the published rows leave open about this case; each model measured is
    one observation with the deviation of an architecture and of its row; runs of one model count once.
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
