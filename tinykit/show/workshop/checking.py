"""The traffic light of a machine: what `data/workshop.toml` lists is tried for real, side by side, bounded in time."""

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tinykit.ground.child.process import Bounds, run_program
from tinykit.ground.errors import ParameterError, TinykitError, name_install
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.writing import scratch
from tinykit.model.record import workspace_folder

OK, MIND, MISSING, _LATE = "ok", "mind", "missing", "late"
_WITHIN_S = 8.0
_BOUNDS = Bounds(16 * 2**30, answer_bytes=2**16)
_SETTINGS = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "TINYKIT_CACHE")
_MINDED = 3


class Check(NamedTuple):
    """One light: OK, MIND (a notebook shows less, or waits) or MISSING, what was found, the cure, who wants it."""

    name: str
    state: str
    found: str
    cure: str
    notebooks: tuple[str, ...]


def read_room() -> dict[str, Any]:
    """`data/workshop.toml`: checks, what each notebook needs, profiles of a bundle, what a workspace holds."""
    return read_toml(shipped_path("data", "workshop.toml"))


def list_lacks(extras: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
    """By notebook, the names of what it needs and the kit with these extras lacks; without any, in a browser."""
    room, brought = read_room(), {*extras}
    here = {one["id"] for one in room["checks"] if one.get("extra", "lab") in brought}
    names = {one["id"]: one["name"] for one in room["checks"] if one.get("needed", True) and one["id"] not in here}
    return {stem: tuple(names[one] for one in ids if one in names) for stem, ids in room["notebooks"].items()}


def check_machine(notebooks: Sequence[str] = ()) -> tuple[Check, ...]:
    """Try all that notebooks want, within some 9 s; ParameterError where none begins so ("05"; none given: all)."""
    room = read_room()
    for name in notebooks:
        if not any(stem.startswith(name) for stem in room["notebooks"]):
            raise ParameterError(f"no notebook begins with {name!r}; allowed: {', '.join(room['notebooks'])}")
    chosen = {stem: ids for stem, ids in room["notebooks"].items() if stem.startswith((*notebooks,) or "")}
    wanted = ((row, tuple(one for one in chosen if row["id"] in ("all", *chosen[one]))) for row in room["checks"])
    rows = [(row, stems) for row, stems in wanted if stems or not row.get("needed", True)]
    with ThreadPoolExecutor(4) as pool:
        return tuple(pool.map(partial(_try, time.monotonic() + _WITHIN_S), *zip(*rows, strict=True)))


def _try(end: float, row: Mapping[str, Any], notebooks: tuple[str, ...]) -> Check:
    try:
        state, found = _ask(row, end - time.monotonic())
    except TinykitError as error:
        state, found = MISSING, str(error).replace("\n", "; ")
    cures = (row.get("without"), "extra" in row and name_install(row["extra"]), row.get("cure"))
    cure = "; ".join(part for part in cures if part and state in (MIND, MISSING))
    minded = state == _LATE or (state == MISSING and not row.get("needed", True))
    return Check(row["name"], MIND if minded else state, found, cure, notebooks)


def _ask(row: Mapping[str, Any], left: float) -> tuple[str, str]:
    """Run the code of a check in an empty folder: its state, and what it printed, or said last."""
    if left < 0:
        return _LATE, "not tried: this machine is busy; check again"
    own = {name: os.environ[name] for name in _SETTINGS if name in os.environ}
    own |= {"TINYKIT_WORKSPACE": os.path.abspath(workspace_folder()), "PYTHONPATH": str(Path(__file__).parents[3])}
    line = [sys.executable, "-u", "-s", "-P", "-W", "ignore", "-c", row["code"]]
    with scratch("tinykit-check-") as place:
        done = run_program(line, timeout_s=left, bounds=_BOUNDS, folder=place, **own)
    said, found = (
        done.said.strip().rpartition("\n")[2],
        done.printed.decode(errors="replace").strip().partition("\n")[0],
    )
    if done.late:
        return _LATE, f"{found}: no answer within {left:.0f} s; its first use will wait".removeprefix(": ")
    if done.status in (0, _MINDED):
        return MIND if done.status else OK, found
    return MISSING, said.partition("Error: ")[2] or said or f"ended with status {done.status}"
