"""The head of a time–current table: encoding, separator, decimal mark, columns and units, as people write them.

Headers of programs: PPK2 `Timestamp(ms),Current(uA)`, then bits (nordicsemi/pc-nrfconnect-ppk, CSV export); Joulescope
statistics `#time,current,voltage,power,charge,energy` in s, A, V (jetperch/pyjoulescope_ui, statistics recording); Otii
`"…time…","Arc Main Current (A)",…` (column names as scripts of its users read them; a document of Qoitech's was not
found). The table of accepted forms stands in docs/traces.md. A wall clock is read where its stamps are ISO 8601.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from tinykit.ground.errors import DataError
from tinykit.ground.quantity import is_number
from tinykit.ground.results import Result

FORMATS = ("ppk2", "ppk2-session", "otii", "joulescope", "jls", "plain")
"""Nordic PPK2 and Joulescope as CSV and binary, Qoitech Otii, any table whose header names time, current and units."""

_SECONDS = {
    1.0: "s sec second seconds sekunden", 1e-3: "ms msec millis milliseconds", 1e-9: "ns nanoseconds",
    1e-6: "us µs μs âµs usec micros microseconds", 60.0: "minutes", 3600.0: "hours",
}  # fmt: skip
_AMPERES = {
    1.0: "a amp amps ampere amperes", 1e-3: "ma milliamps milliamperes", 1e-9: "na nanoamps",
    1e-6: "ua µa μa âµa microamps microamperes",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a column is looked for by: part of its name, and other words that name it.

    `units`: in small letters, with their factors to s or A. `few`: units to name in an error, the plain one first.
    """

    name: str
    words: frozenset[str]
    units: dict[str, float]
    few: str

    def knows(self, units: list[str]) -> bool:
        """Whether one of them is a unit of it."""
        return any(unit in self.units for unit in units)


TIME = Quantity(
    "time", frozenset("t zeit zeitstempel elapsed uptime date datetime millis micros".split()),
    {unit: factor for factor, units in _SECONDS.items() for unit in units.split()}, "s, ms, us, ns",
)  # fmt: skip
CURRENT = Quantity(
    "current", frozenset("i strom amps amperage curr courant icc idd ibat ibatt".split()),
    {unit: factor for factor, units in _AMPERES.items() for unit in units.split()}, "A, mA, uA, nA",
)  # fmt: skip
_KNOWN = TIME.units | CURRENT.units
_EXTREMES = frozenset("min max std minimum maximum peak limit".split())
_MEANS = frozenset("main avg average mean".split())
_BRACKET = re.compile(r"[(\[]\s*([^)\]]+?)\s*[)\]]")
_CASED = re.compile(r"(?:([mnuµμ]A)|(?<=[a-z])([MUN][sSaA]))$")
_APART = re.compile(r"[\s_.,:/\-]+")
_CLOCK = re.compile(r"(?:\d{4}([-/])\d\d\1\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(Z|[+-]\d\d:?\d\d)?$")
DAY = "1970-01-01"
"""The day of stamps that are a time of day alone."""
_LATIN_MICRO = "\ufffd"
_LINE_CHARACTERS = 1 << 16
_HEADER_LINES = 50
_STARTED = re.compile(r'\s*"?(?:[-+]?(?:nan|inf)|null|none|n/a)?"?[;,\t ]*"?[-+]?[.\d]', re.IGNORECASE)
_MARKS = (";", "\t", ",", " ")
EMPTY = re.compile(r" *+(?:(?:-+|null|none|n/?a|#n/a|ol|ovf|overflow|overload) *+)?", re.IGNORECASE)
"""A cell without a number, as meters, databases and spreadsheets leave it beside `nan`."""


@dataclass(frozen=True, slots=True)
class TraceLayout(Result):
    """How a trace file is laid out.

    Parameters
    ----------
    kind : one of `FORMATS`.
    delimiter : of the columns; a blank stands for any stretch of blanks.
    header_lines : before the first numbers.
    columns : in a row.
    time_at, current_at : which of them; of a JLS, the signal that is the current.
    to_seconds, to_amperes : factors from the file's units; of a binary recording, the step between samples [s].
    decimal : mark of the fractions, "," where a spreadsheet wrote it so.
    encoding : of the text.
    day, zone : of the first stamp where time is a wall clock; empty elsewhere.
    """

    kind: str
    delimiter: str
    header_lines: int
    columns: int
    time_at: int
    current_at: int
    to_seconds: float
    to_amperes: float
    decimal: str = "."
    encoding: str = "utf-8-sig"
    day: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column's name in small letters, its words, what stands as its unit ("" for none), whether it holds figures."""

    name: str
    words: frozenset[str]
    unit: str
    full: bool


def find_table_layout(path: Path, time_unit: str | None, current_unit: str | None) -> TraceLayout:
    """Columns and units of a table from its header; parameters and errors as `find_layout`."""
    encoding, header, first, count = _read_head(path)
    delimiter, decimal = _find_marks(first)
    cells = split(first, delimiter)
    if header or not (time_unit and current_unit and len(cells) == 2):
        names = _match_names(path, header, cells, delimiter)
    else:
        names = ["time", "current"]
    columns = tuple(_read_name(name, _is_full(cell, decimal)) for name, cell in zip(names, cells, strict=True))
    kind = _kind_of(header[-1] if header else "", [one.name for one in columns])
    own = ("s", "A") if kind == "joulescope" else (None, None)
    time_at, seconds = _choose(columns, TIME, time_unit or own[0], path)
    zone = find_zone(cells[time_at])
    if zone is None and (seconds == "utc" or "wall-clock" in columns[time_at].name or not columns[time_at].full):
        raise DataError(
            f"{path.name}: time {cells[time_at][:40]!r} is a wall clock that cannot be read, not seconds\n"
            "export the trace with relative time, or stamps as 2026-03-01 10:00:00.5"
        )
    to_seconds = to_factor(seconds, TIME, path) if zone is None else 1.0
    current_at, amperes = _choose(columns, CURRENT, current_unit or own[1], path)
    return TraceLayout(
        kind, delimiter, count, len(cells), time_at, current_at, to_seconds, to_factor(amperes, CURRENT, path),
        decimal, encoding, "" if zone is None else _find_day(cells[time_at]), zone or "",
    )  # fmt: skip


def _match_names(path: Path, header: list[str], cells: list[str], delimiter: str) -> list[str]:
    """A name for each cell of the first row."""
    if not header:
        raise DataError(f"{path.name}: no header; put a line such as `time (s),current (A)` before the numbers")
    names = _list_names(header, delimiter, len(cells))
    names += [""] * (len(names) == len(cells) - 1 and not cells[-1].strip())
    if len(names) != len(cells):
        raise DataError(
            f"{path.name}: header has {len(names)} columns, the numbers {len(cells)}; make them agree\n"
            "a decimal comma needs a semicolon or a tab between the columns"
        )
    return names


def split(line: str, delimiter: str) -> list[str]:
    """The cells of a line; a blank before a bracket parts nothing."""
    if delimiter == " ":
        return re.split(r"\s+(?![(\[])", line.strip())
    try:
        return next(csv.reader([line.strip("\n")], delimiter=delimiter), [])
    except csv.Error as error:
        raise DataError(f"{line[:40]!r} is no line of a table ({error}); export the trace as CSV again") from error


def to_number(cell: str, decimal: str) -> str:
    """A cell as Python reads it."""
    return cell.strip().strip('"').replace(decimal, ".")


def find_zone(cell: str) -> str | None:
    """The time zone of a wall-clock stamp of ISO 8601, "" for a stamp without one; None of what is no stamp."""
    stamp = _CLOCK.match(cell.strip())
    return (stamp[2] or "") if stamp else None


def _find_day(stamp: str) -> str:
    """The date of a wall-clock stamp, some day for a time of day alone."""
    day = stamp.strip()[: len(DAY)].replace("/", "-")
    return day if "-" in day else DAY


def _is_full(cell: str, decimal: str) -> bool:
    """Whether a cell holds a number, a stamp, or what stands for a missing number."""
    return find_zone(cell) is not None or is_number(to_number(cell, decimal)) or EMPTY.fullmatch(cell) is not None


def _read_head(path: Path) -> tuple[str, list[str], str, int]:
    """Encoding, header lines with something in them, the first line of numbers, how many lines come before it."""
    try:
        with path.open("rb") as raw:
            encoding = "utf-16" if raw.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with path.open(encoding=encoding, errors="replace") as file:
            lines = [file.readline(_LINE_CHARACTERS) for _ in range(_HEADER_LINES + 1)]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give the path of a CSV") from error
    started = [place for place, line in enumerate(lines) if _STARTED.match(line)]
    whole = [place for place in started if _find_row(lines[place])]
    if not started:
        raise DataError(f"{path.name}: no row of numbers in the first {_HEADER_LINES} lines; give a time-current CSV")
    place = (whole or started)[0]
    return encoding, [line.strip("\n") for line in lines[:place] if line.strip()], lines[place], place


def _find_marks(first: str) -> tuple[str, str]:
    """Separator and decimal mark with which the first row is a row of numbers, else the likeliest."""
    likely = next((mark for mark in _MARKS[:3] if mark in first), ",")
    return _find_row(first) or (likely, "," if likely != "," and "." not in first else ".")


def _find_row(line: str) -> tuple[str, str] | None:
    """Separator and decimal mark with which a line has two cells or more that are numbers or stamps, first of all."""
    for delimiter in _MARKS:
        cells = split(line, delimiter)
        quoted = delimiter == "," and any("," in cell for cell in cells)
        decimal = "," if quoted or (delimiter != "," and "." not in line) else "."
        if len(cells) > 1 and cells[0].strip() and sum(_is_full(cell, decimal) for cell in cells) > 1:
            return delimiter, decimal
    return None


def _list_names(header: list[str], delimiter: str, width: int) -> list[str]:
    """The cells of the title, each with what a row of units under it says."""
    rows = [split(line.lstrip("#%/ ").replace(_LATIN_MICRO, "µ"), delimiter) for line in header[-2:]]
    above, below = rows[0], [cell.strip() for cell in rows[-1]]
    units = [cell.strip("()[]").lower() for cell in below]
    words = set(units)
    bare = all(_BRACKET.fullmatch(cell) or not _read_name(cell).words - words for cell in below)
    if len(rows) == 2 and len(above) == len(below) == width and TIME.knows(units) and CURRENT.knows(units) and bare:
        return [f"{name} ({unit})" for name, unit in zip(above, units, strict=True)]
    return below


def _read_name(cell: str, full: bool = True) -> _Column:
    """Name, words and unit of a column; a unit stands in brackets, at the end, or is a word of two letters or more."""
    cell = cell.strip()
    bracketed = [unit.lower() for unit in _BRACKET.findall(cell)]
    words = [word for word in _APART.split(_BRACKET.sub(" ", cell.lower())) if word]
    unit = next((one for one in reversed(bracketed) if one in _KNOWN), "".join(bracketed[:1]))
    if not unit and (cased := _CASED.search(cell)):
        unit = cased[0].lower()
    if not unit:
        unit = next((word for word in reversed(words) if word in _KNOWN and (len(word) > 1 or word == words[-1])), "")
    return _Column(cell.lower(), frozenset(words), unit, full)


def _choose(columns: tuple[_Column, ...], wanted: Quantity, given: str | None, path: Path) -> tuple[int, str]:
    """Place and unit of the one column that is called so, or else has such a unit; the unit given wins."""
    called = [at for at, one in enumerate(columns) if wanted.name in one.name or one.words & wanted.words]
    called = [at for at in called if columns[at].full] or called
    known = [at for at, one in enumerate(columns) if one.unit in wanted.units and one.full]
    places = [at for at in called if at in known] or called or known
    places = [at for at in places if not columns[at].words & _EXTREMES] or places
    names = [one.name for one in columns]
    if not places:
        raise DataError(f"{path.name}: no {wanted.name} column among {names}; name one with its unit")
    found = {columns[at].unit for at in places} - {""}
    if len(found) > 1 and given is None:
        raise DataError(f"{path.name}: mixed units {sorted(found)} of {wanted.name}; keep one column")
    places = [at for at in places if columns[at].words & _MEANS] or places
    if len(places) > 1 and wanted is CURRENT:
        raise DataError(
            f"{path.name}: {len(places)} columns of current: {[names[at] for at in places]}; keep one of them"
        )
    return places[0], (given or next(iter(found), "")).lower()


def to_factor(unit: str, quantity: Quantity, path: Path) -> float:
    """What one of a unit is in s or A; DataError for a unit that is unknown, or for none."""
    if unit in quantity.units:
        return quantity.units[unit]
    raise DataError(
        f"{path.name}: unit {unit or 'none'!r} of {quantity.name}; allowed: {quantity.few}\n"
        f"write it in the header, as `{quantity.name} ({quantity.few.partition(',')[0]})`, or give both units:\n"
        "`--trace-units ms,mA` on the command line, time_unit and current_unit in `read_trace`"
    )


def _kind_of(title: str, names: list[str]) -> str:
    if any(name.startswith("timestamp(ms)") for name in names) and any(name == "current(ua)" for name in names):
        return "ppk2"
    if title.startswith("#") and "current" in names and "voltage" in names:
        return "joulescope"
    if any("main current" in name or "arc" in name for name in names):
        return "otii"
    return "plain"
