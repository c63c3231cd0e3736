"""From the tables of a TOML to records: every key, unit, range and source checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, replace
from itertools import pairwise
from typing import Any, TypeVar

from tinykit.ground.errors import FactError, name_nearest
from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.ground.quantity import Fact

_KEYS = read_toml(shipped_path("data", "keys.toml"))
_UNITS, _RANGES, _WHOLE = _KEYS["units"], _KEYS["ranges"], _KEYS["whole"]
_LISTS = ("clocks",)
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class FactTable:
    """A parsed TOML table with the place it came from, the file's documents, and the words that a text may be."""

    raw: dict[str, Any]
    where: str
    sources: dict[str, str] | None = None
    words: Mapping[str, tuple[str, ...]] | None = None

    def allow(self, allowed: Iterable[str]) -> None:
        """Refuse keys beside these."""
        for key in self.raw:
            if key not in allowed:
                raise FactError(f"{self.where}: key {key!r} is not known\n{name_nearest(key, allowed)}")

    def text(self, key: str, *, required: bool = False) -> str | None:
        """A text that is not empty, one of `words` where they name any; None where it is left out."""
        value, allowed = self.raw.get(key), (self.words or {}).get(key)
        if value is None and not required:
            return None
        if not isinstance(value, str) or not value.strip():
            raise FactError(f"{self.where}.{key}: {value!r} given, a text that is not empty is needed")
        if allowed and value not in allowed:
            raise FactError(f"{self.where}.{key}: {value!r} is not known\nallowed: {', '.join(allowed)}")
        return value

    def flag(self, key: str) -> bool | None:
        """True, false, or None where it is left out."""
        value = self.raw.get(key)
        if value is not None and not isinstance(value, bool):
            raise FactError(f"{self.where}.{key}: {value!r} is not true or false; leave it out if it is unknown")
        return value

    def whole(self, key: str, least: int, most: int) -> int | None:
        """A whole number of a range, None where it is left out."""
        value = self.raw.get(key)
        if value is not None and (type(value) is not int or not least <= value <= most):
            raise FactError(f"{self.where}.{key}: {value!r} is not a whole number from {least} to {most}")
        return value

    def fact(self, key: str) -> Fact | None:
        """A sourced figure in the unit that the key has; None where it is left out."""
        table = self.raw.get(key)
        return None if table is None else self._read_fact(table, _UNITS[key], f"{self.where}.{key}")

    def facts(self, key: str) -> tuple[Fact, ...]:
        """A list of such figures, rising."""
        listed = self.raw.get(key, [])
        if not isinstance(listed, list):
            raise FactError(f"{self.where}.{key}: {listed!r} given; write a list of {{value, unit, kind, source}}")
        places = ((one, f"{self.where}.{key}[{index}]") for index, one in enumerate(listed))
        found = tuple(self._read_fact(one, _UNITS[key], where) for one, where in places)
        if any(after.value <= before.value for before, after in pairwise(found)):
            raise FactError(f"{self.where}.{key}: {', '.join(f'{one.value:g}' for one in found)} must rise")
        return found

    def _read_fact(self, table: Any, unit: str, where: str) -> Fact:
        if isinstance(table, dict) and self.sources is not None and {"kind", "source"} & set(table):
            table = table | {"source": _resolve(table.get("source"), self.sources, where)}
        if isinstance(table, dict) and table.get("unit") != unit:
            raise FactError(f"{where}: unit {table.get('unit')!r} given\nallowed: {unit!r}; convert the value to it")
        _check_range(table, unit, where)
        return to_fact(table, where)

    def needed(self, key: str) -> Fact:
        """A sourced figure that may not be left out."""
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

    def tables(self, key: str) -> list[FactTable]:
        """The tables of a list `[[key]]`."""
        value = self.raw.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise FactError(f"{self.where}.{key}: {value!r} given; write one [[{key}]] table an entry")
        return [replace(self, raw=item, where=f"{self.where}: {key}[{index}]") for index, item in enumerate(value)]


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


def read_sources(table: Any, where: str) -> dict[str, str] | None:
    """The `[sources]` of a file, key to document; None where it has none. FactError: not a table of texts."""
    if table is None:
        return None
    if not isinstance(table, dict) or not all(isinstance(text, str) and text.strip() for text in table.values()):
        raise FactError(f'{where}.sources: {table!r} given; each line must be key = "document"')
    return table
