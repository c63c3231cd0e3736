"""A board of one's own from ten facts: its TOML, what family and package imply, and which questions stay open."""

import os
import re
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import tomli_w

from tinykit.budget.assessment.use import Use
from tinykit.budget.power.budget import budget_power
from tinykit.budget.thermal.die import theta_ja
from tinykit.ground.errors import OutputError, ParameterError
from tinykit.ground.quantity import format_quantity, is_number
from tinykit.ground.results import Result
from tinykit.model.record import write_atomically
from tinykit.predict.latency.prediction import known_runtimes
from tinykit.target.boards import boards
from tinykit.target.boards.reading import make_board, read_board
from tinykit.target.boards.record import Board
from tinykit.target.target import Target

_FAMILY = 6
"""Characters that the names of two parts of a family begin with alike: STM32L, nRF528, RP2040."""
_IMPLIED = ("supply_min", "supply_typical", "supply_max", "wakeup_time", "junction_max", "ambient_max")
_A_LOOK_S = 1e-3


@dataclass(frozen=True, slots=True)
class Asked(Result):
    """A fact that is asked for: the parameter of `draft_board`, the question, and the unit, "" for a text."""

    name: str
    question: str
    unit: str = ""

    @property
    def flag(self) -> str:
        """Its option on the command line, without the dashes: `run-current`."""
        return (self.name.rpartition("_")[0] if self.unit else self.name).replace("_", "-")

    def read(self, text: str) -> Any:
        """An answer as `draft_board` takes it, None for an empty one; ParameterError: not a number."""
        answer = text.strip() or None
        if answer and self.unit and not is_number(answer):
            raise ParameterError(f"{self.question}: {answer!r} is not a number; give it in {self.unit}, such as 8e-3")
        return float(answer) if answer and self.unit else answer


ASKED = (
    Asked("mcu", "microcontroller, such as STM32L432KC"),
    Asked("core", "core, such as cortex-m4"),
    Asked("clock_hz", "highest clock", "Hz"),
    Asked("sram_bytes", "RAM, its largest piece without a gap", "byte"),
    Asked("flash_bytes", "flash that code runs from", "byte"),
    Asked("supply_v", "supply", "V"),
    Asked("run_current_a", "current while it computes, at that clock and supply", "A"),
    Asked("sleep_current_a", "current asleep, RAM kept", "A"),
    Asked("package", "package, such as LQFP64"),
    Asked("scope", "are the currents those of the chip (mcu) or of the whole board (board)"),
)
"""The ten facts that matter, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Draft(Result):
    """A board as drafted.

    Parameters
    ----------
    path, board : the file, and what it was read back as.
    open : what is still unknown, each with the questions that it leaves open.
    """

    path: Path
    board: Board
    open: tuple[tuple[str, str], ...]

    def lines(self) -> tuple[str, ...]:
        """What was written, what was assumed and why, and what is open."""
        facts = ((name, fact) for name, fact in self.board.facts().items() if fact.kind == "assumed")
        told = (f"- assumed: {name} {format_quantity(one.value, one.unit)}, {one.source}" for name, one in facts)
        unknown = (f"- still unknown: {what}; without it no answer: {questions}" for what, questions in self.open)
        return (f"{self.path}: {self.board.mcu}, {self.board.core}", *told, *unknown)


def draft_board(
    path: str | os.PathLike[str],
    *,
    mcu: str | None = None,
    core: str | None = None,
    clock_hz: float | None = None,
    sram_bytes: float | None = None,
    flash_bytes: float | None = None,
    supply_v: float | None = None,
    run_current_a: float | None = None,
    sleep_current_a: float | None = None,
    package: str | None = None,
    scope: str | None = None,
    overwrite: bool = False,
) -> Draft:
    """Write the TOML of a board of one's own and read it back; what was not given stays unknown.

    Figures given are of kind "given". Supply range, limits of temperature and way out of sleep are those of the nearest
    part of the same family and core in the catalogue, θJA that of the package, all of kind "assumed" with the reason.

    Parameters
    ----------
    path : to write, a name that ends in ".toml"; the board's id is made of it.
    mcu, core : the core may be left out where the catalogue has a part of the family.
    clock_hz, sram_bytes, flash_bytes, supply_v, run_current_a, sleep_current_a : [Hz], [byte], [V], [A].
    package, scope : such as "LQFP64"; "mcu" (where None) or "board".
    overwrite : a file of that name.

    Raises
    ------
    ParameterError : no microcontroller, no core or another ending. OutputError : the file is there, or cannot be
    written. FactError : a figure, core or scope that no board has.
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
    clock, supply = _fact(clock_hz, "Hz"), _fact(supply_v, "V")
    run = {"current": _fact(run_current_a, "A"), "clock": clock, "supply": supply}
    sizes = (("SRAM", "sram", _fact(sram_bytes, "byte")), ("flash", "flash", _fact(flash_bytes, "byte")))
    table = {
        "id": re.sub(r"[^a-z0-9.-]+", "-", target.stem.lower()).strip("-.") or "my-board", "name": mcu,
        "vendor": "own", "mcu": mcu, "package": package, "current_scope": scope,
        **_imply(family, supply_v), "supply_typical": supply, "stop_current": _fact(sleep_current_a, "A"),
        "cores": [{"name": core, "clock_max": clock}],
        "regions": [{"name": name, "kind": kind, "total": total} for name, kind, total in sizes if total],
        "run_points": [run] if run_current_a is not None else [],
    }  # fmt: skip
    return _write(target, _without_none(table))


def _fact(value: float | None, unit: str) -> dict[str, Any] | None:
    return None if value is None else {"value": value, "unit": unit}


def _without_none(table: Any) -> Any:
    if isinstance(table, dict):
        return {key: _without_none(value) for key, value in table.items() if value is not None}
    return [_without_none(one) for one in table] if isinstance(table, list) else table


def _list_family(mcu: str, core: str | None, scope: str) -> list[Board]:
    """Boards of the catalogue with a part of the family, nearest by name first, of the core where one is given."""

    def alike(one: Board) -> int:
        pairs = zip(one.mcu.upper(), mcu.upper(), strict=False)
        return len([*takewhile(lambda pair: pair[0] == pair[1], pairs)])

    near = [one for one in boards() if alike(one) >= _FAMILY and one.current_scope == scope]
    return sorted((one for one in near if core in (None, one.core)), key=alike, reverse=True)


def _imply(family: list[Board], supply_v: float | None) -> dict[str, Any]:
    """What a family has in common, each from its nearest member that has it; no supply range that the supply breaks."""
    found: dict[str, Any] = {}
    for name in _IMPLIED:
        board = next((one for one in family if getattr(one, name)), None)
        if board:
            fact = getattr(board, name)
            why = f"as of the {board.mcu} ({board.id}), of the same family; no document read for this part"
            found[name] = {"value": fact.value, "unit": fact.unit, "kind": "assumed", "source": why}
    ends = [found[name]["value"] for name in ("supply_min", "supply_max") if name in found]
    if supply_v is not None and ends and not min(ends) <= supply_v <= max(ends):
        found = {name: fact for name, fact in found.items() if not name.startswith("supply")}
    return found


def _write(path: Path, table: dict[str, Any]) -> Draft:
    """The draft on disk: checked before it is written, read back after."""
    prior = theta_ja(make_board(table, path.name))
    if prior is not None:
        ends = {"low": prior.low, "high": prior.high}
        why = f"{prior.source}; no document read for this part"
        table["theta_ja"] = {"value": prior.value, "unit": "K/W", "kind": "assumed", "source": why, **ends}
    write_atomically(path, tomli_w.dumps(table).encode())
    board = read_board(path)
    return Draft(path, board, list_open(board))


def list_lacking(board: Board) -> frozenset[str]:
    """States of a period, "inference" and "sleep", whose current nothing on record says."""
    use = Use()
    states = budget_power(board, _A_LOOK_S, period_s=use.period_s, **use.list_power(Target(board))).states
    return frozenset(state.name for state in states if state.current_a is None)


def list_open(board: Board) -> tuple[tuple[str, str], ...]:
    """What is unknown of a board, each with the questions that cannot be answered for it."""
    lacking, warm = list_lacking(board), board.junction_max or board.ambient_max
    questions = (
        (not board.clock_hz or not known_runtimes(board.core), "clock", "how fast, and from it energy, life and heat"),
        (not board.sram_windows(), "RAM", "does it fit"),
        (not board.flash_regions, "flash", "does model and code fit"),
        (
            not board.run_supply_v,
            "supply",
            "how much energy and how hot, unless a cell is named, whose voltage then counts",
        ),
        ("inference" in lacking, "run current", "how much energy, how long the battery lasts, how hot"),
        ("sleep" in lacking, "sleep current", "how long the battery lasts"),
        (not board.supply_min, "lowest supply", "which cell can start it"),
        (not theta_ja(board), "package (or θJA)", "how hot"),
        (not warm, "highest junction or ambient temperature", "is that too hot"),
    )
    return tuple((what, asked) for unknown, what, asked in questions if unknown)
