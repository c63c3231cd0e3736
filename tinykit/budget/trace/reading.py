"""Time–current recordings in chunks: tables, Nordic's .ppk2, and Joulescope's JLS (version 2), which a child reads.

What a recording lacks (a cell without a number, a lost sample) comes as NaN: `weighing` bridges it and says so.
"""

import contextlib
import re
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.budget.trace.header import (
    CURRENT,
    DAY,
    EMPTY,
    TraceLayout,
    find_table_layout,
    find_zone,
    split,
    to_factor,
    to_number,
)
from tinykit.budget.trace.ppk2 import find_ppk2_layout, is_ppk2, read_ppk2_chunks
from tinykit.ground import limits
from tinykit.ground.child.process import Bounds, Child, ChildError
from tinykit.ground.errors import DataError, EngineError, MissingPackageError, name_install
from tinykit.ground.quantity import is_number

Floats = NDArray[np.float64]
Chunk = tuple[Floats, Floats]

_BLOCK_BYTES = 1 << 23
_LINE_CHARACTERS = 1 << 16
_CELL = 64
MAGIC = b"jlsfmt\r\n"
"""How a JLS of either version begins."""
_WORKER = Path(__file__).with_name("jls_child.py")
_BLOCK_TIMEOUT_S = 60.0
_BLOCK_SAMPLES = 1 << 18
_BOUNDS = Bounds(2 * 2**30, file_bytes=0, answer_bytes=4 * _BLOCK_SAMPLES)
_MOST_SAMPLES = 10**11
_DAMAGED = "it is damaged\nsave it again in the Joulescope UI"


def find_layout(path: str | Path, *, time_unit: str | None = None, current_unit: str | None = None) -> TraceLayout:
    """Find columns and units of a trace in its header, or the current of a binary recording.

    Parameters
    ----------
    path : of the trace.
    time_unit, current_unit : such as "ms", "uA", where the header does not say; they win over it.

    Raises
    ------
    DataError : unreadable, no numbers, no time or current column, no unit and none given, or mixed units.
    MissingPackageError : a JLS, and pyjls is not installed.
    """
    where = Path(path)
    with contextlib.suppress(OSError):  # what cannot be opened says so below
        limits.open_file(where, limits.TRACE_BYTES, DataError, "give the file of a recording").close()
    if is_jls(where):
        return find_jls_layout(where, current_unit)
    return find_ppk2_layout(where) if is_ppk2(where) else find_table_layout(where, time_unit, current_unit)


def read_chunks(path: str | Path, layout: TraceLayout) -> Iterator[Chunk]:
    """Times [s] and currents [A] of a trace, some hundred thousand samples at a time; NaN where one is missing.

    Raises
    ------
    DataError : a row that is not numbers (a second header with other units, a unit behind a value), or a recording that
        is damaged; the message names the row.
    """
    if layout.kind == "jls":
        yield from read_jls_chunks(Path(path), layout)
    elif layout.kind == "ppk2-session":
        yield from read_ppk2_chunks(Path(path), layout)
    else:
        yield from _read_table(Path(path), layout)


def _read_table(path: Path, layout: TraceLayout) -> Iterator[Chunk]:
    rows = layout.header_lines
    for text, last in _blocks(path, layout):
        if last and _is_torn(text, layout):
            yield np.array([np.nan]), np.array([np.nan])
            return
        table = _numbers(text, layout, path.name, rows)
        rows += text.count("\n") + 1
        yield table[:, 0] * layout.to_seconds, table[:, 1] * layout.to_amperes


def _blocks(path: Path, layout: TraceLayout) -> Iterator[tuple[str, bool]]:
    """Whole lines of some megabytes, and whether the last of them breaks off with the file."""
    rest = ""
    with path.open(encoding=layout.encoding, errors="replace") as file:
        for _ in range(layout.header_lines):
            file.readline(_BLOCK_BYTES)
        while block := file.read(_BLOCK_BYTES):
            whole, _, rest = (rest + block).rpartition("\n")
            if len(rest) > _LINE_CHARACTERS:
                raise DataError(f"{path.name}: a line of more than {_LINE_CHARACTERS} characters; give one row a line")
            if whole.strip():
                yield whole, False
    if rest.strip():
        yield rest, True


def _is_torn(line: str, layout: TraceLayout) -> bool:
    """Whether a file's last line, without an end, is a row that broke off."""
    cells = split(line, layout.delimiter)
    return len(cells) < layout.columns and all(is_number(to_number(cell, layout.decimal)) for cell in cells[:-1])


def _numbers(text: str, layout: TraceLayout, name: str, rows_before: int) -> Floats:
    """Lines as [rows, time and current]; blank ones are left out, and a row that is not numbers is named."""
    plain = _as_plain(text, layout)
    table = _parse(plain, layout)
    if table is None:
        filled = (line for line in _fill_cells(plain, layout).split("\n") if line.strip())
        table = _parse("\n".join(filled), layout)
    if table is None:
        raise DataError(_name_row(text, layout, name, rows_before))
    return table


def _as_plain(text: str, layout: TraceLayout) -> str:
    """The text with points for decimal commas."""
    if layout.decimal == ".":
        return text
    return re.sub(r'"([^",\n]+),([^",\n]+)"', r"\1.\2", text) if layout.delimiter == "," else text.replace(",", ".")


def _fill_cells(text: str, layout: TraceLayout) -> str:
    """The text with `nan` in its empty cells."""
    mark = re.escape(layout.delimiter)
    return text if mark == " " else re.sub(rf'(?im)(?:(?<={mark})|^)"?{EMPTY.pattern}"?(?={mark}|$)', "nan", text)


def _parse(text: str, layout: TraceLayout) -> Floats | None:
    """[rows, time and current] of plain lines; None where a row has other cells, or one that is no number."""
    lines, mark = text.split("\n"), layout.delimiter
    if mark != " " and '"' not in text and text.count(mark) != (layout.columns - 1) * len(lines):
        return None
    kind, places = f"U{_CELL}" if layout.day else "f8", (layout.time_at, layout.current_at)
    try:
        delimiter = None if mark == " " else mark
        cells = np.loadtxt(lines, kind, None, delimiter, usecols=places, ndmin=2, quotechar='"')
        table = _read_stamps(cells, layout) if layout.day else cells
    except (ValueError, UserWarning):
        return None
    return table if len(table) == len(lines) else None


def _read_stamps(cells: NDArray[np.str_], layout: TraceLayout) -> Floats:
    """Rows of a stamp and a current as numbers, the time in s from the day of the first; ValueError for no stamp."""
    stamps, currents = np.char.strip(cells).T
    if layout.zone:
        stamps = np.char.replace(stamps, layout.zone, "")
    stamps = np.char.replace(stamps, "/", "-")
    if "-" not in stamps[0]:
        stamps = np.char.add(f"{DAY}T", stamps)
    if np.char.str_len(cells).max() == _CELL:
        raise ValueError("a cell is too long")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        times = (stamps.astype("datetime64[ns]") - np.datetime64(layout.day)) / np.timedelta64(1, "s")
    return np.column_stack([times, currents.astype(np.float64)])


def _name_row(text: str, layout: TraceLayout, name: str, rows_before: int) -> str:
    """What to say of the first row that is not numbers."""
    lines = text.split("\n")
    for row, line in enumerate(lines, rows_before + 1):
        if line.strip() and not _is_row(split(line, layout.delimiter), layout):
            return (
                f"{name}: row {row} is not {layout.columns} numbers: {line[:60]!r}\n"
                "a second header or a unit behind a value means mixed units; keep one header, one unit, one time zone"
            )
    return f"{name}: a row of the {len(lines)} after row {rows_before} is no plain numbers; write digits alone"


def _is_row(cells: list[str], layout: TraceLayout) -> bool:
    """Whether these cells are as many as there are columns, and a time and a current among them."""
    if len(cells) != layout.columns:
        return False
    time, current = (to_number(cells[at], layout.decimal) for at in (layout.time_at, layout.current_at))
    timed = (find_zone(time) == layout.zone) if layout.day else _is_figure(time)
    return timed and _is_figure(current)


def _is_figure(cell: str) -> bool:
    return is_number(cell) or EMPTY.fullmatch(cell) is not None


def is_jls(path: Path) -> bool:
    """Whether a file begins as a JLS does; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def find_jls_layout(path: Path, current_unit: str | None = None) -> TraceLayout:
    """The one current of a recording, its rate and its unit.

    Raises DataError: damaged, of version 1, not closed, or not exactly one current in it. EngineError: the reader is
    late. MissingPackageError: pyjls is not installed.
    """
    _check_closed(path)
    with _Reading(path) as reading:
        signals = reading.head.get("signals", [])
    currents = [one for one in signals if str(one["name"]).lower() == "current"]
    if len(currents) != 1:
        names = ", ".join(str(one["name"]) for one in signals) or "none"
        raise DataError(f"{path.name}: {len(currents)} signals named current among {names}; export exactly one")
    found = currents[0]
    to_amperes = to_factor((current_unit or str(found["unit"])).lower(), CURRENT, path)
    if not (found["rate_hz"] > 0 and 0 < found["samples"] <= _MOST_SAMPLES):
        raise DataError(
            f"{path.name}: {found['samples']} samples at {found['rate_hz']} Hz; allowed: up to {_MOST_SAMPLES:.0e}"
        )
    return TraceLayout("jls", "", 0, 1, 0, int(found["id"]), 1.0 / found["rate_hz"], to_amperes)


def read_jls_chunks(path: Path, layout: TraceLayout) -> Iterator[Chunk]:
    """Times [s] and currents [A] of a recording by blocks, NaN where it lacks samples; refuses one that breaks off."""
    with _Reading(path) as reading:
        total = next(int(one["samples"]) for one in reading.head["signals"] if one["id"] == layout.current_at)
        for start, block in reading.blocks(layout.current_at, total):
            currents = np.frombuffer(block, "<f4").astype(np.float64) * layout.to_amperes
            yield np.arange(start, start + currents.size, dtype=np.float64) * layout.to_seconds, currents


def _check_closed(path: Path) -> None:
    """A recording states its own length once it is closed; the library would rewrite one that is not."""
    with path.open("rb") as file:
        head = file.read(24)
        size = file.seek(0, 2)
    stated = struct.unpack("<Q", head[16:24])[0] if len(head) == 24 else -1
    if stated != size:
        raise DataError(
            f"{path.name}: not a closed JLS version 2 ({size} bytes, it states {stated})\n"
            "open it in the Joulescope UI once and save it again"
        )


class _Reading(Child):
    """A child that reads one file: what is in it as `head`, then samples, with a limit on waiting for each block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__("the process that reads JLS", _WORKER, bounds=_BOUNDS)
        try:
            self.head, _ = self._ask({"path": str(path.resolve())})
        except BaseException:
            self.close()
            raise

    def blocks(self, signal: int, total: int) -> Iterator[tuple[int, bytes]]:
        """All samples of a signal as float32, after the number of the first of them."""
        for start in range(0, total, _BLOCK_SAMPLES):
            count = min(_BLOCK_SAMPLES, total - start)
            _, parts = self._ask({"signal": signal, "start": start, "count": count})
            if sum(map(len, parts)) != 4 * count:
                raise DataError(f"{self._path.name}: less than {count} samples after {start}: {_DAMAGED}")
            yield start, parts[0]

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        name = self._path.name
        try:
            reply, parts = self.exchange(request, timeout_s=_BLOCK_TIMEOUT_S)
        except ChildError as error:
            if error.late:
                said = f"{name}: the JLS reader gave nothing for {_BLOCK_TIMEOUT_S:g} s and was stopped"
                raise EngineError(said) from error
            raise DataError(f"{name}: the JLS reader ended (status {error.status}) on this file: {_DAMAGED}") from error
        if reply.get("error") in ("ModuleNotFoundError", "ImportError"):
            raise MissingPackageError(f"pyjls, which reads JLS, is not installed; {name_install('trace')}")
        if "error" in reply:
            said = reply.get("text") or reply["error"]
            raise DataError(f"{name}: not readable as JLS version 2 ({said}); save it again in the Joulescope UI")
        return reply, parts
