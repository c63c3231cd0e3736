"""A board of one's own from ten facts: its TOML, what family and package imply, and which questions stay open."""

import os
import re
from pathlib import Path
from typing import Any

import tomli_w

from tinykit.budget.assessment.use import Use
from tinykit.budget.power.budget import budget_power
from tinykit.budget.thermal.die import theta_ja
from tinykit.ground.errors import OutputError, ParameterError
from tinykit.ground.facts import read_toml, shipped_path, without_none
from tinykit.ground.quantity import format_quantity, is_number
from tinykit.ground.writing import write_atomically
from tinykit.predict.latency.prediction import known_runtimes
from tinykit.target.boards import boards
from tinykit.target.boards.reading import make_board, read_board
from tinykit.target.boards.record import Board
from tinykit.target.target import Target

_WORDS = read_toml(shipped_path("data", "devices", "own_board.toml"))
ASKED: dict[str, str] = _WORDS["asked"]
"""The ten facts that matter: the question, by parameter of `draft_board`."""
_UNITS = {"hz": "Hz", "bytes": "byte", "v": "V", "a": "A"}
_FAMILY = 6
"""Characters that the names of two parts of a family begin with alike: STM32L, nRF528, RP2040."""


def unit_of(name: str) -> str:
    """Unit of a fact of `ASKED`, "" for a text."""
    return _UNITS.get(name.rpartition("_")[2], "")


def label_of(name: str) -> str:
    """A fact of `ASKED` in short, as forms and options call it: "run current"."""
    return (name.rpartition("_")[0] if unit_of(name) else name).replace("_", " ")


def read_answer(name: str, text: str) -> Any:
    """What was typed for one of `ASKED`, as `draft_board` takes it: None for nothing; ParameterError if no number."""
    answer, unit = text.strip() or None, unit_of(name)
    if answer and unit and not is_number(answer):
        raise ParameterError(f"{ASKED[name]}: {answer!r} is not a number; give it in {unit}, such as 0.0085 or 80e6")
    return float(answer) if answer and unit else answer


def draft_board(
    path: str | os.PathLike[str], *, mcu: str | None = None, core: str | None = None, clock_hz: float | None = None,
    sram_bytes: float | None = None, flash_bytes: float | None = None, supply_v: float | None = None,
    run_current_a: float | None = None, sleep_current_a: float | None = None, package: str | None = None,
    scope: str | None = None, overwrite: bool = False
) -> Board:  # fmt: skip
    """Write the TOML of a board of one's own and read it back; what is not given stays unknown.

    Figures given are of kind "given". Supply range, limits of temperature and way out of sleep are those of the nearest
    part of the same family and core in the catalogue, θJA that of the package, all of kind "assumed" with the reason.

    Parameters
    ----------
    path : ends in ".toml"; the board's id is made of it.
    mcu, core, package : names; the core may be left out where the catalogue has a part of the family.
    clock_hz, sram_bytes, flash_bytes, supply_v, run_current_a, sleep_current_a : [Hz], [byte], [V], [A].
    scope : of the currents, "mcu" or "board".
    overwrite : a file of that name.

    Raises
    ------
    ParameterError : no microcontroller, no core or another ending. FactError : a figure, core or scope no board has.
    OutputError : the file is there, or cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() != ".toml":
        raise ParameterError(f"board file {target.name!r}; give it a name that ends in .toml, such as my-board.toml")
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists already; choose another name, or remove it")
    if run_current_a is not None and clock_hz is None:
        raise ParameterError(
            f"run current {run_current_a} A without its clock; give clock_hz, at which it was measured"
        )
    family = _list_family(mcu or "", core, scope or "mcu")
    core = core or (family[0].core if family else None)
    if not mcu or not core:
        raise ParameterError(f"board of mcu {mcu!r} and core {core!r}; give both, such as 'STM32L432KC', 'cortex-m4'")
    clock, supply, run = _fact(clock_hz, "Hz"), _fact(supply_v, "V"), _fact(run_current_a, "A")
    sizes = (("SRAM", "sram", _fact(sram_bytes, "byte")), ("flash", "flash", _fact(flash_bytes, "byte")))
    return _write(target, without_none({
        "id": re.sub(r"[^a-z0-9.-]+", "-", target.stem.lower()).strip("-.") or "my-board", "name": mcu,
        "vendor": "own", "mcu": mcu, "package": package, "current_scope": scope, **_imply(family, supply_v),
        **({"supply_typical": supply} if supply else {}), "stop_current": _fact(sleep_current_a, "A"),
        "cores": [{"name": core, "clock_max": clock}],
        "regions": [{"name": name, "kind": kind, "total": total} for name, kind, total in sizes if total],
        "run_points": [{"current": run, "clock": clock, "supply": supply}] if run else [],
    }))  # fmt: skip


def _fact(value: float | None, unit: str) -> dict[str, Any] | None:
    return None if value is None else {"value": value, "unit": unit}


def _list_family(mcu: str, core: str | None, scope: str) -> list[Board]:
    """Boards of the catalogue with a part of the family, nearest by name first, of the core where one is given."""
    alike = {one.id: len(os.path.commonprefix([one.mcu.upper(), mcu.upper()])) for one in boards()}  # noqa: RUF071
    near = [one for one in boards() if alike[one.id] >= _FAMILY and one.current_scope == scope]
    return sorted((one for one in near if core in (None, one.core)), key=lambda one: -alike[one.id])


def _imply(family: list[Board], supply_v: float | None) -> dict[str, Any]:
    """What a family has in common, each from its nearest member that has it; no supply range that the supply breaks."""
    found: dict[str, Any] = {}
    for name in _WORDS["implied"]["names"]:
        if board := next((one for one in family if getattr(one, name)), None):
            why = f"as of the {board.mcu} ({board.id}), of the same family; no document read for this part"
            fact = getattr(board, name)
            found[name] = {"value": fact.value, "unit": fact.unit, "kind": "assumed", "source": why}
    ends = [found[name]["value"] for name in ("supply_min", "supply_max") if name in found]
    broken = supply_v is not None and ends and not min(ends) <= supply_v <= max(ends)
    return {name: fact for name, fact in found.items() if not (broken and name.startswith("supply"))}


def _write(path: Path, table: dict[str, Any]) -> Board:
    """The board on disk: checked before it is written, read back after."""
    if prior := theta_ja(make_board(table, path.name)):
        found = {"value": prior.value, "low": prior.low, "high": prior.high, "unit": "K/W", "kind": "assumed"}
        table["theta_ja"] = {**found, "source": f"{prior.source}; no document read for this part"}
    write_atomically(path, tomli_w.dumps(table).encode())
    return read_board(path)


def tell_board(board: Board) -> tuple[str, ...]:
    """What is assumed of a board and why, and what is still unknown with the questions that it leaves open."""
    assumed = ((name, fact) for name, fact in board.facts().items() if fact.kind == "assumed")
    told = (f"assumed: {name} {format_quantity(one.value, one.unit)}, {one.source}" for name, one in assumed)
    return (*told, *(f"still unknown: {what}; no answer to: {asked}" for what, asked in list_open(board)))


def list_open(board: Board) -> tuple[tuple[str, str], ...]:
    """What is unknown of a board, each with the questions that cannot be answered for it."""
    use, known = Use(), known_runtimes(board.core)
    states = budget_power(board, 1e-3, period_s=use.period_s, **use.list_power(Target(board))).states
    lacking = {state.name for state in states if state.current_a is None}
    unknown = (
        not board.clock_hz or not known, not board.sram_windows(), not board.flash_regions, not board.run_supply_v,
        "inference" in lacking, "sleep" in lacking, not board.supply_min, not theta_ja(board),
        not (board.junction_max or board.ambient_max),
    )  # fmt: skip
    return tuple(one for one, lost in zip(_WORDS["open"].items(), unknown, strict=True) if lost)
