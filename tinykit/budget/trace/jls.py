"""Joulescope's binary recordings (JLS version 2): read by a child process, a block of samples at a time."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinykit.budget.trace.layout import AMPERES, Chunk, TraceLayout
from tinykit.ground.child.process import Bounds, Child, ChildError
from tinykit.ground.errors import DataError, EngineError, MissingPackageError, name_install

MAGIC = b"jlsfmt\r\n"
"""How a JLS of either version begins."""

_WORKER = Path(__file__).with_name("jls_child.py")
_BLOCK_TIMEOUT_S = 60.0
_BLOCK_SAMPLES = 1 << 18
_BOUNDS = Bounds(2 * 2**30, file_bytes=0, answer_bytes=4 * _BLOCK_SAMPLES)
_MOST_SAMPLES = 10**11
_DAMAGED = "it is damaged\nsave it again in the Joulescope UI"


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
        if "error" in reply:
            raise _explain(name, str(reply["error"]), str(reply.get("text", "")))
        return reply, parts


def _explain(name: str, kind: str, text: str) -> DataError | MissingPackageError:
    """What the child raised, as the error a person can act on."""
    if kind in ("ModuleNotFoundError", "ImportError"):
        return MissingPackageError(f"pyjls, which reads JLS, is not installed; {name_install('trace')}")
    return DataError(f"{name}: not readable as JLS version 2 ({text or kind}); save it again in the Joulescope UI")
