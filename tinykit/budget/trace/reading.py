"""Time–current recordings of power analysers, in chunks: layout and units from the header, gaps refused.

Joulescope's binary recordings (JLS version 2) are read by a child process, a block of samples at a time.

Headers as the programs write them: PPK2 `Timestamp(ms),Current(uA)`, then bits (nordicsemi/pc-nrfconnect-ppk, CSV
export); Joulescope statistics `#time,current,voltage,power,charge,energy` in s, A, V (jetperch/pyjoulescope_ui,
statistics recording); Otii `"…time…","Arc Main Current (A)",…` (column names as scripts of its users read them; a
document of Qoitech's was not found). Otii may write the wall clock instead of seconds: refused, with the way out.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.child.process import Bounds, Child, ChildError
from tinykit.ground.errors import DataError, EngineError, MissingPackageError, name_install
from tinykit.ground.quantity import is_number
from tinykit.ground.results import Result

FORMATS = ("ppk2", "otii", "joulescope", "jls", "plain")
"""Nordic PPK2, Qoitech Otii, Joulescope as CSV and binary, any CSV whose header names time and current with units."""

SECONDS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
AMPERES = {"a": 1.0, "ma": 1e-3, "ua": 1e-6, "µa": 1e-6, "μa": 1e-6, "na": 1e-9}

Chunk = tuple[NDArray[np.float64], NDArray[np.float64]]

_UNIT = re.compile(r"[(\[]\s*([^)\]]+?)\s*[)\]]|(?:time(?:stamp)?|current)[ _]([a-zµμ]{1,2})$")
_LATIN_MICRO = "\ufffd"
_BLOCK_BYTES = 1 << 23
_GAP = 5.0
_HEADER_LINES = 50
MAGIC = b"jlsfmt\r\n"
"""How a JLS of either version begins."""
_WORKER = Path(__file__).with_name("jls_child.py")
_BLOCK_TIMEOUT_S = 60.0
_BLOCK_SAMPLES = 1 << 18
_BOUNDS = Bounds(2 * 2**30, file_bytes=0, answer_bytes=4 * _BLOCK_SAMPLES)
_MOST_SAMPLES = 10**11
_DAMAGED = "it is damaged\nsave it again in the Joulescope UI"


@dataclass(frozen=True, slots=True)
class TraceLayout(Result):
    """How a trace file is laid out.

    Parameters
    ----------
    kind : one of `FORMATS`.
    delimiter : of the columns.
    header_lines : before the first numbers.
    columns : in a row.
    time_at, current_at : which of them; of a JLS, the signal that is the current.
    to_seconds, to_amperes : factors from the file's units; of a JLS, the step between samples [s].
    decimal : mark of the fractions, "," where a spreadsheet wrote it so.
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


def find_layout(path: str | Path, *, time_unit: str | None = None, current_unit: str | None = None) -> TraceLayout:
    """Find columns and units of a trace in its header, or the current of a JLS.

    Parameters
    ----------
    path : of the trace.
    time_unit, current_unit : such as "ms", "uA", where the header does not say; they win over it.

    Raises
    ------
    DataError : unreadable, no numbers, no time or current column, no unit and none given, or mixed units.
    MissingPackageError : a JLS, and pyjls is not installed.
    """
    if is_jls(Path(path)):
        return find_jls_layout(Path(path), current_unit)
    header, first, count = _read_head(Path(path))
    if not header:
        raise DataError(f"{Path(path).name}: no header; put a line such as `time (s),current (A)` before the numbers")
    title = header[-1].lstrip("#").strip().replace(_LATIN_MICRO, "µ")
    delimiter = next((mark for mark in (";", "\t", ",") if mark in first), ",")
    names = [name.strip().strip('"').lower() for name in title.split(delimiter)]
    if len(names) != (width := len(first.split(delimiter))):
        raise DataError(f"{Path(path).name}: header has {len(names)} columns, the numbers {width}; make them agree")
    kind = _kind_of(header[-1], names)
    bare = kind == "joulescope"
    time_at, to_seconds = _column(names, ("timestamp", "time"), SECONDS, time_unit or ("s" if bare else None), path)
    current_at, to_amperes = _column(names, ("current",), AMPERES, current_unit or ("A" if bare else None), path)
    decimal = "," if delimiter != "," and "." not in first else "."
    return TraceLayout(kind, delimiter, count, len(names), time_at, current_at, to_seconds, to_amperes, decimal)


def read_chunks(path: str | Path, layout: TraceLayout) -> Iterator[Chunk]:
    """Times [s] and currents [A] of a trace, some hundred thousand samples at a time.

    Raises
    ------
    DataError : a row that is not numbers (a second header with other units, a unit behind a value), NaN, a time
        that does not rise, or a gap over five steps; the message names the row or the time.
    """
    if layout.kind == "jls":
        yield from read_jls_chunks(Path(path), layout)
        return
    name, rows, last_s, step_s = Path(path).name, layout.header_lines, None, None
    for block in _blocks(Path(path), layout.header_lines):
        table = _numbers(block, layout, name, rows)
        rows += len(table)
        times = table[:, layout.time_at] * layout.to_seconds
        currents = table[:, layout.current_at] * layout.to_amperes
        if not np.all(np.isfinite(times)) or not np.all(np.isfinite(currents)):
            raise DataError(f"{name}: NaN or infinity before row {rows}; cut it out or measure again")
        joined = times if last_s is None else np.concatenate([[last_s], times])
        steps = np.diff(joined)
        if step_s is None and steps.size:
            step_s = float(np.median(steps))
        _check_steps(steps, joined, step_s or 0.0, name)
        last_s = float(times[-1])
        yield times, currents


def _read_head(path: Path) -> tuple[list[str], str, int]:
    """Header lines with something in them, the first line of numbers, and how many lines come before it."""
    header: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            for place, line in enumerate(file):
                if re.match(r'\s*"?[-+]?[.\d]', line):
                    return header, line, place
                if line.strip():
                    header.append(line.rstrip("\n"))
                if place >= _HEADER_LINES:
                    break
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give the path of a CSV") from error
    raise DataError(f"{path.name}: no row of numbers in the first {_HEADER_LINES} lines; give a time-current CSV")


def _kind_of(title: str, names: list[str]) -> str:
    if any(name.startswith("timestamp(ms)") for name in names) and any(name == "current(ua)" for name in names):
        return "ppk2"
    if title.startswith("#") and "current" in names and "voltage" in names:
        return "joulescope"
    if any("main current" in name or "arc" in name for name in names):
        return "otii"
    return "plain"


def _column(
    names: list[str], wanted: tuple[str, ...], units: dict[str, float], given: str | None, path: str | Path
) -> tuple[int, float]:
    """Place and factor of the one column of that name; its unit from the header unless given."""
    places = [place for place, name in enumerate(names) if any(word in name for word in wanted)]
    where = Path(path).name
    if not places:
        raise DataError(f"{where}: no {wanted[-1]} column among {names}; name one with its unit")
    found = {(match[1] or match[2]).lower() for place in places if (match := _UNIT.search(names[place]))}
    if len(found) > 1 and given is None:
        raise DataError(f"{where}: mixed units {sorted(found)} of {wanted[-1]}; keep one column")
    unit = (given or next(iter(found), "")).lower()
    if unit == "utc" or "wall-clock" in names[places[0]]:
        raise DataError(f"{where}: time is the wall clock, not seconds; export the trace with relative time")
    if unit not in units:
        allowed, name, example = ", ".join(dict.fromkeys(units)), wanted[-1], "s" if units is SECONDS else "A"
        raise DataError(
            f"{where}: unit {unit or 'none'!r} of {name}; allowed: {allowed}\n"
            f"write it in the header, as `{name} ({example})`, or pass {name}_unit to `read_trace`"
        )
    return places[0], units[unit]


def _blocks(path: Path, header_lines: int) -> Iterator[bytes]:
    """Whole lines of some megabytes."""
    rest = b""
    with path.open("rb") as file:
        for _ in range(header_lines):
            file.readline()
        while block := file.read(_BLOCK_BYTES):
            whole, line_end, tail = (rest + block).rpartition(b"\n")
            rest = tail
            if whole.strip():
                yield whole + line_end
    if rest.strip():
        yield rest


def _numbers(block: bytes, layout: TraceLayout, name: str, rows_before: int) -> NDArray[np.float64]:
    """A block of lines as [rows, columns]; a row that is not that many numbers is named."""
    plain = block.replace(b"\r", b"").strip().replace(layout.decimal.encode(), b".")
    lines = plain.decode("utf-8", "replace").split("\n")
    try:
        table = np.loadtxt(lines, delimiter=layout.delimiter, comments=None, quotechar='"', ndmin=2)
    except ValueError:
        table = np.empty((0, 0))
    if table.shape == (len(lines), layout.columns):
        return table
    for row, line in enumerate(lines, rows_before + 1):
        cells = line.replace('"', "").split(layout.delimiter)
        if len(cells) != layout.columns or not all(map(is_number, cells)):
            raise DataError(
                f"{name}: row {row} is not {layout.columns} numbers: {line[:60]!r}\n"
                "a second header or a unit behind a value means mixed units; keep one header and one unit"
            )
    raise DataError(
        f"{name}: a row of the {len(lines)} after row {rows_before} is no plain numbers; write digits alone"
    )


def _check_steps(steps: NDArray[np.float64], times: NDArray[np.float64], step_s: float, name: str) -> None:
    if not steps.size:
        return
    worst = int(np.argmin(steps))
    if steps[worst] <= 0:
        raise DataError(f"{name}: time does not rise after {times[worst]:.6g} s; sort the rows and drop repeats")
    widest = int(np.argmax(steps))
    if steps[widest] > _GAP * step_s:
        raise DataError(
            f"{name}: gap of {steps[widest]:.3g} s after {times[widest]:.6g} s, the step is {step_s:.3g} s\n"
            "cut the trace there, or export it without lost samples"
        )


def is_jls(path: Path) -> bool:
    """Whether a file begins as a JLS does; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def find_jls_layout(path: Path, current_unit: str | None = None) -> TraceLayout:
    """The one current of a recording, its rate and its unit.

    Raises
    ------
    DataError : damaged, of version 1, not closed, or not exactly one current in it. EngineError : the reader is late.
    MissingPackageError : pyjls is not installed.
    """
    _check_closed(path)
    with _Reading(path) as reading:
        signals = reading.head.get("signals", [])
    currents = [one for one in signals if str(one["name"]).lower() == "current"]
    if len(currents) != 1:
        names = ", ".join(str(one["name"]) for one in signals) or "none"
        raise DataError(f"{path.name}: {len(currents)} signals named current among {names}; export exactly one")
    found = currents[0]
    unit = (current_unit or str(found["unit"])).lower()
    if unit not in AMPERES:
        raise DataError(f"{path.name}: unit {unit!r} of current; allowed: {', '.join(AMPERES)}; give it yourself")
    if not (found["rate_hz"] > 0 and 0 < found["samples"] <= _MOST_SAMPLES):
        raise DataError(
            f"{path.name}: {found['samples']} samples at {found['rate_hz']} Hz; allowed: up to {_MOST_SAMPLES:.0e}"
        )
    return TraceLayout("jls", "", 0, 1, 0, int(found["id"]), 1.0 / found["rate_hz"], AMPERES[unit])


def read_jls_chunks(path: Path, layout: TraceLayout) -> Iterator[Chunk]:
    """Times [s] and currents [A] of a recording by blocks; refuses missing samples (NaN) and a file that breaks off."""
    with _Reading(path) as reading:
        total = next(int(one["samples"]) for one in reading.head["signals"] if one["id"] == layout.current_at)
        for start, block in reading.blocks(layout.current_at, total):
            currents = np.frombuffer(block, "<f4").astype(np.float64) * layout.to_amperes
            lost = np.flatnonzero(~np.isfinite(currents))
            if lost.size:
                raise DataError(
                    f"{path.name}: gap, {lost.size} samples missing from {(start + lost[0]) * layout.to_seconds:.6g} s "
                    "on\ncut the recording there, or record again on a faster computer"
                )
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
