"""How a result shows itself: one line in a console, a table in a notebook, records for a data frame."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import reduce
from html import escape
from pathlib import Path
from typing import Any, Generic, SupportsIndex, TypeVar, overload

from tinykit.ground.errors import MissingPackageError
from tinykit.ground.quantity import Estimate, Fact, format_quantity, to_plain

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_LINE = 109
_WORD = 40
_FEW = 4
_MOST_ROWS = 60
_UNITS = {
    "charge_c": "C", "_bytes": "byte", "_hz": "Hz", "_s": "s", "_w": "W", "_j": "J", "_a": "A", "_v": "V", "_c": "degC"
}  # fmt: skip


class Result:
    """A frozen result: its repr is one line of inputs and figures, and a notebook shows it as a table.

    A class with a `__str__` of its own says that line itself. `LINE` names the fields of the line where the first ones
    do not say enough, `JSON` what `to_json` holds where that is not all fields. A name may reach into a field
    (`fit.verdict`), and stand under a key of its own (`verdict=fit.verdict`).
    """

    __slots__ = ()
    LINE: tuple[str, ...] = ()
    JSON: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        """Stand in for the repr that `dataclass` would write, unless the class has one of its own."""
        if "__repr__" not in vars(cls):
            setattr(cls, "__repr__", tell_line)  # noqa: B010

    def _repr_html_(self) -> str:
        rows = [_row(name, getattr(self, name)) for name in _names(self)]
        return _table(("", "figure", "80 % interval", "basis"), rows)

    def to_json(self) -> dict[str, Any]:
        """The fields, or what `JSON` names, as plain JSON types; what is unknown is None."""
        parts = [name.rpartition("=") for name in self.JSON or _names(self)]
        return {key or path.rpartition(".")[2]: to_plain(_reach(self, path)) for key, _, path in parts}

    def to_record(self) -> dict[str, Any]:
        """The fields as one flat row of plain values; an estimate takes five columns: value, low, high, basis, source.

        Left out are fields of many values, such as the operators of a graph.
        """
        record: dict[str, Any] = {}
        for name in _names(self):
            record |= _columns(name, getattr(self, name))
        return record


class Through(Generic[_T]):
    """A property that is one of a field's own: the path to it, None where a part of the path is, and what it means."""

    def __init__(self, path: str, meaning: str) -> None:
        self._path, self.__doc__ = path, meaning

    def __get__(self, result: Any, owner: Any) -> _T:
        found: Any = self
        if result is not None:
            found = reduce(lambda one, part: None if one is None else getattr(one, part), self._path.split("."), result)
        own: _T = found
        return own


class Rows(tuple[_T_co, ...]):
    """Several results: a tuple that a notebook shows as a table and that goes into a data frame."""

    __slots__ = ()

    @overload
    def __getitem__(self, place: SupportsIndex, /) -> _T_co: ...

    @overload
    def __getitem__(self, place: slice, /) -> Rows[_T_co]: ...

    def __getitem__(self, place: Any, /) -> Any:
        found = tuple.__getitem__(self, place)
        return Rows(found) if isinstance(place, slice) else found

    def __repr__(self) -> str:
        return f"{len(self)} × {type(self[0]).__name__}" if self else "no results"

    def _repr_html_(self) -> str:
        lines = [dict(_items(one)) for one in self[:_MOST_ROWS]]
        names = list(dict.fromkeys(name for line in lines for name in line))
        rows = [(_origin(one), tuple(line.get(name, "") for name in names)) for one, line in zip(self, lines)]  # noqa: B905
        more = f"<p>… {len(self) - _MOST_ROWS} more</p>" if len(self) > _MOST_ROWS else ""
        return _table(tuple(names), rows) + more

    def to_records(self) -> list[dict[str, Any]]:
        """A flat dict of plain values a result, as `Result.to_record` makes it."""
        return [one.to_record() for one in self if isinstance(one, Result)]

    def to_frame(self) -> Any:
        """The records as a pandas `DataFrame`; MissingPackageError where pandas is not installed."""
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise MissingPackageError("a data frame needs pandas; pip install pandas, or use to_records()") from error
        return pandas.DataFrame(self.to_records())


def _names(result: Any) -> list[str]:
    """The fields of a result, without those of its own and those that do not count among its values."""
    return [field.name for field in fields(result) if not field.name.startswith("_") and (field.compare or field.repr)]


def tell_line(result: Any) -> str:
    """A result in one line of at most 109 characters."""
    name = type(result).__name__
    if "__str__" in vars(type(result)) and not result.LINE:
        return _cut(f"{name}: {result}", _LINE)
    return _cut(f"{name}({', '.join(f'{label}={text}' for label, text in _items(result))})", _LINE)


def tell(content: Any, name: str = "") -> str:
    """A value in a few words: an estimate without interval, a board by its id, a number in the unit its name ends in.

    >>> tell(0.0123, "latency_s"), tell(Estimate.exact(2048, "byte", "compiled", "")), tell(None)
    ('12.3 ms', '2.0 KiB', 'unknown')
    """
    if isinstance(content, Estimate | Fact):
        return format_quantity(content.value, content.unit)
    if content is None or isinstance(content, bool | str):
        return "unknown" if content is None else _cut(str(content), _WORD)
    if isinstance(content, int | float):
        unit = next((unit for end, unit in _UNITS.items() if name.endswith(end)), "") if math.isfinite(content) else ""
        plain = f"{content:,}" if isinstance(content, int) else f"{content:.4g}"
        return format_quantity(content, unit) if unit else plain
    return content.name if isinstance(content, Path) else _tell_many(content)


def _tell_many(content: Any) -> str:
    """What holds other values: named, counted, or listed where it is short."""
    if isinstance(content, bytes):
        return f"{len(content):,} bytes"
    if hasattr(content, "dtype"):
        return f"{content.dtype} {list(content.shape)}"
    if isinstance(content, Mapping):
        return _cut(", ".join(f"{key} {tell(item)}" for key, item in content.items()), _WORD)
    if isinstance(content, tuple | list | frozenset):
        listed = ", ".join(map(tell, content)) if len(content) <= _FEW else ""
        plain = len(listed) <= _WORD and "(" not in listed and listed
        return listed if plain or not content else f"{len(content)} × {type(next(iter(content))).__name__}"
    return _cut(_name_of(content) or repr(content), _WORD)


def _name_of(content: Any) -> str:
    """The id or the name of a board, a cell, a dataset; "" of what has none."""
    names = (getattr(content, key, None) for key in ("id", "name"))
    return next((name for name in names if isinstance(name, str)), "")


def _items(result: Any) -> Iterable[tuple[str, str]]:
    """Label and text of what the line of a result tells; what is empty or unknown is left out."""
    for path in result.LINE or [field.name for field in fields(result) if field.repr]:
        content = _reach(result, path)
        if content is not None and not (isinstance(content, tuple | str) and not content):
            yield _label(path.rpartition(".")[2], content), tell(content, path)


def _reach(result: Any, path: str) -> Any:
    """What a path such as `fit.board.id` leads to; None where a part of it is None or not there."""
    for part in path.split("."):
        result = getattr(result, part, None)
    return result


def _label(name: str, content: Any) -> str:
    """The name of a field without the unit that its figure shows."""
    figure = isinstance(content, Estimate | Fact | float | int) and not isinstance(content, bool)
    return next((name.removesuffix(end) for end in _UNITS if figure and name.endswith(end)), name)


def _row(name: str, content: Any) -> tuple[str, tuple[str, ...]]:
    """A row of a table: the text for the mouse, and its cells."""
    said = tell(content, name) or "none"
    if not isinstance(content, Estimate):
        return _origin(content), (_label(name, content), said, "", content.kind if isinstance(content, Fact) else "")
    ends = [format_quantity(end, content.unit) for end in (content.low, content.high)]
    interval = " … ".join(ends) if content.low < content.high else ""
    return content.source, (_label(name, content), said, interval, content.basis)


def _origin(content: Any) -> str:
    """Where a value comes from, or what it holds in full, for the mouse."""
    if isinstance(content, Fact):
        return f"{content.source} {content.locator} {content.conditions}".strip()
    if isinstance(content, tuple):
        return "; ".join(str(item) if isinstance(item, str) else tell(item) for item in content[:_MOST_ROWS])
    return tell_line(content) if isinstance(content, Result) else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = []
    for origin, row in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row)
        body.append(f'<tr title="{escape(origin)}">{cells}</tr>')
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _columns(name: str, content: Any) -> dict[str, Any]:
    """What a field brings to a record."""
    if isinstance(content, Estimate):
        ends = {f"{name}_{part}": getattr(content, part) for part in ("low", "high", "basis", "source")}
        return {name: content.value, **ends}
    if content is None or isinstance(content, bool | int | float | str):
        return {name: content}
    if isinstance(content, tuple) and all(isinstance(item, str) for item in content):
        return {name: "; ".join(content)}
    if isinstance(content, Fact):
        return {name: content.value}
    return {name: named} if (named := _name_of(content)) else {}


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
