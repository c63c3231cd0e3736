"""What a vendor's tool compiled or a board measured of a model, read back and kept: it wins over a prediction.

One TOML a model, named by its content, in the folder `readings` of the workspace (`TINYKIT_WORKSPACE`).
"""

import contextlib
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from tinykit.ground.caches import remember
from tinykit.ground.errors import FactError
from tinykit.ground.facts import read_toml
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.ground.writing import write_atomically
from tinykit.model.record import workspace_folder

_UNITS = {"arena": "byte", "weights": "byte", "code": "byte", "runtime_ram": "byte", "latency": "s"}


@dataclass(frozen=True, slots=True)
class Reading(Result):
    """One figure read back: "arena" (inputs and outputs within), "weights", "code", "runtime_ram" or "latency".

    `runtime`, `version` and `option` as a `Target` names them, "" where not told. `place` is the id of a board, or how
    the name of its microcontroller begins, in lower case, "" for any; `clock_hz` of a latency [Hz], else 0.
    """

    figure: str
    runtime: str
    version: str
    option: str
    place: str
    clock_hz: float
    found: Estimate


def keep_readings(sha256: str, readings: Iterable[Reading]) -> None:
    """Add figures to those of a model, each in the place of an older one of its case; OutputError: it cannot be."""
    known = {tuple(asdict(one).values())[:-1]: one for one in (*list_readings(sha256), *readings)}
    write_atomically(_path(sha256), tomli_w.dumps({"readings": [asdict(one) for one in known.values()]}).encode())


def list_readings(sha256: str) -> tuple[Reading, ...]:
    """What is kept of a model, by the hash of its content; what of it is damaged is passed over (`name_damaged`)."""
    return _open(sha256)[0]


def name_damaged(sha256: str) -> tuple[str, ...]:
    """What of that is passed over, and the way out; empty where all can be used."""
    return _open(sha256)[1]


def _open(sha256: str) -> tuple[tuple[Reading, ...], tuple[str, ...]]:
    path = _path(sha256)
    try:
        found, damage = _read(path, path.stat().st_mtime_ns)
    except (OSError, FactError) as error:
        found, damage = (), "" if isinstance(error, FileNotFoundError) else str(error).removeprefix(f"{path}: ")
    told = f"figures read back are passed over: {path}: {damage}; `tinykit readback` them again, or delete the file"
    return found, (told,) if damage else ()


def _path(sha256: str) -> Path:
    return Path(workspace_folder(), "readings", f"{sha256}.toml")


@remember
def _read(path: Path, _changed: int) -> tuple[tuple[Reading, ...], str]:
    tables, found = read_toml(path).get("readings"), list[Reading]()
    for table in (tables := tables if isinstance(tables, list) else [None]):
        with contextlib.suppress(LookupError, TypeError, ValueError):
            found.append(_take(table))
    lost = len(tables) - len(found)
    return tuple(found), f"{lost} of {len(tables)} cannot be read" if lost else ""


def _take(table: Any) -> Reading:
    """One reading as it was kept; any error where it is none."""
    one = Reading(**{**table, "found": Estimate(**table["found"])})
    texts = (one.figure, one.runtime, one.version, one.option, one.place, *one.found.sources, one.found.runtime)
    sound = all(isinstance(text, str) for text in texts) and one.found.unit == _UNITS[one.figure] and one.found.low >= 0
    if not sound or (one.figure == "latency" and not one.found.low) or not 0 <= one.clock_hz < math.inf:
        raise ValueError(one.figure)
    return one
