"""From a TOML board file to a `Board`, with every key, unit and range checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import MISSING, Field, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from tinykit.ground.errors import FactError, name_nearest
from tinykit.ground.facts import read_toml, to_fact
from tinykit.ground.quantity import Fact
from tinykit.target.boards.record import (
    EXTERNAL_RAM_KINDS,
    RAM_KINDS,
    REGION_KINDS,
    REGULATORS,
    SCOPES,
    Board,
    Core,
    PowerRange,
    Region,
    RunPoint,
)

_UNITS = {
    "total": "byte", "reserved": "byte", "clock_max": "Hz", "clocks": "Hz", "clock": "Hz",
    "npu_clock": "Hz",
    "current": "A", "sleep_current": "A", "stop_current": "A", "standby_current": "A",
    "supply": "V", "supply_min": "V", "supply_typical": "V", "supply_max": "V",
    "low": "W", "high": "W", "wakeup_time": "s", "junction_max": "degC", "ambient_max": "degC",
    "theta_ja": "K/W", "npu_macs_per_cycle": "1",
}  # fmt: skip
_RANGES = {
    "byte": (1, 2**40), "Hz": (1e3, 5e9), "A": (1e-9, 5), "V": (0.3, 60), "W": (1e-6, 100),
    "s": (1e-9, 60), "degC": (-60, 250), "K/W": (0.1, 1000), "1": (1, 1e6),
}  # fmt: skip
_LISTS = ("clocks",)
_WHOLE = {"count": (1, 1024), "start": (0, 2**32 - 1)}
_ALLOWED = {"kind": REGION_KINDS, "regulator": REGULATORS, "current_scope": SCOPES}
_R = TypeVar("_R")
_ID = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True, slots=True)
class _Table:
    """A parsed TOML table with the place it came from and the file's documents."""

    raw: dict[str, Any]
    where: str
    sources: dict[str, str] | None

    def allow(self, allowed: Iterable[str]) -> None:
        for key in self.raw:
            if key not in allowed:
                raise FactError(f"{self.where}: key {key!r} is not known\n{name_nearest(key, allowed)}")

    def text(self, key: str, *, required: bool = False) -> str | None:
        value, allowed = self.raw.get(key), _ALLOWED.get(key)
        if value is None and not required:
            return None
        if not isinstance(value, str) or not value.strip():
            raise FactError(f"{self.where}.{key}: {value!r} given, a text that is not empty is needed")
        if allowed and value not in allowed:
            raise FactError(f"{self.where}.{key}: {value!r} is not known\nallowed: {', '.join(allowed)}")
        return value

    def flag(self, key: str) -> bool | None:
        value = self.raw.get(key)
        if value is not None and not isinstance(value, bool):
            raise FactError(f"{self.where}.{key}: {value!r} is not true or false; leave it out if it is unknown")
        return value

    def whole(self, key: str, least: int, most: int) -> int | None:
        value = self.raw.get(key)
        if value is not None and (type(value) is not int or not least <= value <= most):
            raise FactError(f"{self.where}.{key}: {value!r} is not a whole number from {least} to {most}")
        return value

    def fact(self, key: str) -> Fact | None:
        table = self.raw.get(key)
        return None if table is None else self._read_fact(table, _UNITS[key], f"{self.where}.{key}")

    def facts(self, key: str) -> tuple[Fact, ...]:
        listed = self.raw.get(key, [])
        if not isinstance(listed, list):
            raise FactError(f"{self.where}.{key}: {listed!r} given; write a list of {{value, unit, kind, source}}")
        places = ((one, f"{self.where}.{key}[{index}]") for index, one in enumerate(listed))
        found = tuple(self._read_fact(one, _UNITS[key], where) for one, where in places)
        if any(after.value <= before.value for before, after in pairwise(found)):
            raise FactError(f"{self.where}.{key}: {', '.join(f'{one.value:g}' for one in found)} must rise")
        return found

    def _read_fact(self, table: Any, unit: str, where: str) -> Fact:
        if isinstance(table, dict) and self.sources is not None:
            table = table | {"source": _resolve(table.get("source"), self.sources, where)}
        if isinstance(table, dict) and table.get("unit") != unit:
            raise FactError(f"{where}: unit {table.get('unit')!r} given\nallowed: {unit!r}; convert the value to it")
        _check_range(table, unit, where)
        return to_fact(table, where)

    def needed(self, key: str) -> Fact:
        fact = self.fact(key)
        if fact is None:
            raise FactError(f"{self.where}: no {key!r}; give it as {{value, unit = {_UNITS[key]!r}, kind, source}}")
        return fact

    def read(self, record: type[_R], *besides: str, **known: Any) -> _R:
        """A record of facts, flags, whole numbers and texts, the keys `besides` allowed and `known` read already."""
        own = fields(record)  # type: ignore[arg-type]
        self.allow({field.name for field in own} | set(besides))
        read = {field.name: self._value(field) for field in own if field.name not in known}
        return record(**known, **{name: value for name, value in read.items() if value is not None})

    def _value(self, field: Field[Any]) -> Any:
        name, required = field.name, field.default is MISSING
        if name in _LISTS:
            return self.facts(name)
        if name in _UNITS:
            return self.needed(name) if required else self.fact(name)
        if name in _WHOLE:
            return self.whole(name, *_WHOLE[name])
        return self.flag(name) if "bool" in str(field.type) else self.text(name, required=required)

    def tables(self, key: str) -> list[_Table]:
        value = self.raw.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise FactError(f"{self.where}.{key}: {value!r} given; write one [[{key}]] table an entry")
        return [_Table(item, f"{self.where}: {key}[{index}]", self.sources) for index, item in enumerate(value)]


def _resolve(key: Any, sources: dict[str, str], where: str) -> str:
    if not isinstance(key, str) or key not in sources:
        raise FactError(f"{where}: source {key!r} is not a key of [sources]\n{name_nearest(str(key), sources)}")
    return sources[key]


def _check_range(table: Any, unit: str, where: str) -> None:
    least, most = _RANGES[unit]
    for key in ("value", "low", "high"):
        value = table.get(key) if isinstance(table, dict) else None
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue  # to_fact says what is wrong with it
        if not least <= value <= most:
            shown = f"{value:g}" if isinstance(value, float) or abs(value) < 10**15 else "a huge number"
            raise FactError(f"{where}: {key} {shown} {unit} is absurd\nallowed: {least:g} to {most:g} {unit}")
        if unit == "byte" and value != int(value):
            raise FactError(f"{where}: {key} {value} byte is not a whole number")


def _read_sources(table: Any, where: str) -> dict[str, str] | None:
    if table is None:
        return None
    if not isinstance(table, dict) or not all(isinstance(text, str) and text.strip() for text in table.values()):
        raise FactError(f'{where}.sources: {table!r} given; each line must be key = "document"')
    return table


def _cores(board: _Table) -> tuple[Core, ...]:
    tables = board.tables("cores")
    if not tables:
        raise FactError(f"{board.where}: no [[cores]]; give at least the one that runs the model")
    mains = [table for table in tables if table.flag("main")] if len(tables) > 1 else tables
    if len(mains) != 1:
        raise FactError(f"{board.where}: {len(mains)} of {len(tables)} cores are main\nset main = true on exactly one")
    return tuple(table.read(Core, "main") for table in sorted(tables, key=lambda table: table is not mains[0]))


def _region(table: _Table) -> Region:
    region, usable = table.read(Region, "arena"), table.flag("arena")
    holds_data = region.kind in RAM_KINDS or region.kind in EXTERNAL_RAM_KINDS
    if not holds_data and (usable or region.window):
        raise FactError(f"{table.where}: kind {region.kind!r} cannot hold an arena\nleave `arena` and `window` out")
    if region.reserved and region.reserved.value >= region.total.value:
        taken = f"{region.reserved.value:g} of {region.total.value:g} byte"
        raise FactError(f"{table.where}.reserved: {taken} leaves nothing available")
    return replace(region, window=(region.window or region.name) if holds_data and usable is not False else None)


def _regions(board: _Table) -> tuple[Region, ...]:
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


def _power_range(table: _Table) -> PowerRange:
    found = table.read(PowerRange)
    if found.low.value > found.high.value:
        raise FactError(f"{table.where}: low {found.low.value:g} W is above high {found.high.value:g} W")
    return found


def read_board(path: str | Path) -> Board:
    """Read a board from a TOML file, the catalogue's or a user's own (form: `tinykit.target.boards`).

    Raises
    ------
    FactError : the file cannot be read, or a key, unit, value or source in it breaks the rules; the message
        names file and key, says what was given and what is allowed.
    """
    raw, where = read_toml(Path(path)), Path(path).name
    table = _Table(raw, where, _read_sources(raw.get("sources"), where))
    board = table.read(Board, "sources", cores=(), regions=(), run_points=(), ml_power=())
    if not _ID.fullmatch(board.id):
        raise FactError(f"{where}.id: {board.id!r} given\nallowed: small letters, digits, '-' and '.'")
    known = [fact.value for fact in (board.supply_min, board.supply_typical, board.supply_max) if fact]
    if known != sorted(known):
        raise FactError(f"{where}: supply_min, supply_typical, supply_max are {known} V; they must rise")
    return replace(
        board, cores=_cores(table), regions=_regions(table),
        run_points=tuple(one.read(RunPoint) for one in table.tables("run_points")),
        ml_power=tuple(_power_range(one) for one in table.tables("ml_power")),
    )  # fmt: skip
