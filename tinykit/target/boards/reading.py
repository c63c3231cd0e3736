"""From a TOML board file to a `Board`, with every key, unit and range checked."""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinykit.ground.errors import FactError, keywords, name_nearest
from tinykit.ground.facts import read_toml
from tinykit.target.boards.record import (
    CORES,
    EXTERNAL_RAM_KINDS,
    OTHER_CORES,
    RAM_KINDS,
    REGION_KINDS,
    REGULATORS,
    SCOPES,
    SLEEPS,
    AsSold,
    Board,
    Core,
    PowerRange,
    Region,
    RunPoint,
)
from tinykit.target.tables import FactTable, read_sources

_WORDS = {"kind": REGION_KINDS, "regulator": REGULATORS, "current_scope": SCOPES, "mode": SLEEPS}
_ID = re.compile(r"[a-z0-9][a-z0-9.-]*")


def _cores(board: FactTable) -> tuple[Core, ...]:
    tables = board.tables("cores")
    if not tables:
        raise FactError(f"{board.where}: no [[cores]]; give at least the one that runs the model")
    mains = [table for table in tables if table.flag("main")] if len(tables) > 1 else tables
    if len(mains) != 1:
        raise FactError(f"{board.where}: {len(mains)} of {len(tables)} cores are main\nset main = true on exactly one")
    found = tuple(table.read(Core, "main") for table in sorted(tables, key=lambda table: table is not mains[0]))
    for name in (core.name for core in found):
        if name not in CORES and not name.startswith(OTHER_CORES):
            others = ", ".join(f"{start}…" for start in OTHER_CORES)
            raise FactError(f"{board.where}: core {name!r} is not known\n{name_nearest(name, CORES)}; others: {others}")
    return found


def _run_points(board: FactTable, main: Core) -> tuple[RunPoint, ...]:
    """Run currents, none above the highest clock but behind another regulator than the board's."""
    points = tuple(table.read(RunPoint) for table in board.tables("run_points"))
    for place, one in enumerate(points):
        most = main.clock_max.value if main.clock_max and one.regulator == points[0].regulator else math.inf
        if (clock := one.clock.value) > most * (1 + 1e-9):
            told = f"{clock:g} Hz given, but {main.name} runs at {most:g} Hz at most\ncorrect either"
            raise FactError(f"{board.where}: run_points[{place}].clock: {told}")
    return points


def _region(table: FactTable) -> Region:
    region, usable = table.read(Region, "arena"), table.flag("arena")
    holds_data = region.kind in RAM_KINDS or region.kind in EXTERNAL_RAM_KINDS
    if not holds_data and (usable or region.window):
        raise FactError(f"{table.where}: kind {region.kind!r} cannot hold an arena\nleave `arena` and `window` out")
    if region.reserved and region.reserved.value >= region.total.value:
        taken = f"{region.reserved.value:g} of {region.total.value:g} byte"
        raise FactError(f"{table.where}.reserved: {taken} leaves nothing available")
    return replace(region, window=(region.window or region.name) if holds_data and usable is not False else None)


def _regions(board: FactTable) -> tuple[Region, ...]:
    regions = tuple(_region(table) for table in board.tables("regions"))
    names = [region.name for region in regions]
    if len(set(names)) != len(names):
        raise FactError(f"{board.where}: regions {names} share a name; give each its own")
    for index, region in enumerate(regions[1:], start=1):
        _check_neighbour(regions[:index], region, board.where)
    return regions


def _check_neighbour(earlier: tuple[Region, ...], region: Region, where: str) -> None:
    same = [other for other in earlier if other.window and other.window == region.window]
    if not same or same[-1].start is None or region.start is None:
        return
    end = same[-1].start + same[-1].total_bytes
    if region.start != end:
        raise FactError(
            f"{where}: region {region.name!r} starts at {region.start:#x}, but {same[-1].name!r} of the same window"
            f" ends at {end:#x}\nlist a window's regions in order, or give the one after the gap a window of its own"
        )


def _as_sold(board: FactTable) -> AsSold | None:
    raw = board.raw.get("as_sold")
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise FactError(f"{board.where}.as_sold: {raw!r} given; write a table [as_sold]")
    found = replace(board, raw=raw, where=f"{board.where}: as_sold").read(AsSold)
    if found.asleep is None:
        raise FactError(f"{board.where}: as_sold says no current; give sleep_current or idle_current")
    return found


def _power_range(table: FactTable) -> PowerRange:
    found = table.read(PowerRange)
    if found.low.value > found.high.value:
        raise FactError(f"{table.where}: low {found.low.value:g} W is above high {found.high.value:g} W")
    return found


@keywords
def read_board(path: str | Path) -> Board:
    """Read a board from a TOML file, the catalogue's or a user's own (form: `tinykit.target.boards`).

    Raises
    ------
    FactError : the file cannot be read, or a key, unit, value or source in it breaks the rules; the message
        names file and key, says what was given and what is allowed.
    """
    return make_board(read_toml(Path(path)), Path(path).name)


def make_board(raw: dict[str, Any], where: str) -> Board:
    """The board that a parsed TOML holds; errors as `read_board`, which name `where` it came from."""
    table = FactTable(raw, where, read_sources(raw.get("sources"), where), _WORDS)
    board = table.read(Board, "sources", cores=(), regions=(), run_points=(), ml_power=(), as_sold=_as_sold(table))
    if not _ID.fullmatch(board.id):
        raise FactError(f"{where}.id: {board.id!r} given\nallowed: small letters, digits, '-' and '.'")
    known = [fact.value for fact in (board.supply_min, board.supply_typical, board.supply_max) if fact]
    if known != sorted(known):
        raise FactError(f"{where}: supply_min, supply_typical, supply_max are {known} V; they must rise")
    cores = _cores(table)
    return replace(
        board, cores=cores, regions=_regions(table), run_points=_run_points(table, cores[0]),
        ml_power=tuple(_power_range(one) for one in table.tables("ml_power")),
    )  # fmt: skip
