"""Joulescope's binary recordings (JLS version 2): read by a child process, a block of samples at a time."""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from tinykit.budget.trace.layout import AMPERES, Chunk, TraceLayout
from tinykit.ground.errors import DataError, EngineError, MissingPackageError, name_install
from tinykit.ground.isolation import NEUTRAL_FOLDER, child_environment, python_command

MAGIC = b"jlsfmt\r\n"
"""How a JLS of either version begins."""

_CHILD = Path(__file__).with_name("jls_child.py")
_MEMORY_BYTES = 2 * 2**30
_BLOCK_TIMEOUT_S = 60.0
_BLOCK_SAMPLES = 1 << 18
_HEAD_LIMIT_BYTES = 1 << 20
_MOST_SAMPLES = 10**11


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
    DataError : damaged, of version 1, not closed, or not exactly one current in it.
    MissingPackageError : pyjls is not installed. EngineError : the reader took too long.
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
    """Times [s] and currents [A] of a recording, a quarter of a million samples at a time.

    Raises
    ------
    DataError : samples missing (NaN), or the file breaks off. EngineError : the reader took too long.
    """
    with _Reading(path, layout.current_at) as reading:
        total = next(int(one["samples"]) for one in reading.head["signals"] if one["id"] == layout.current_at)
        for start in range(0, total, _BLOCK_SAMPLES):
            block = reading.take(4 * min(_BLOCK_SAMPLES, total - start))
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


class _Reading:
    """A child that reads one file: its first line as `head`, then bytes, with a limit on waiting for each."""

    def __init__(self, path: Path, signal: int | None = None) -> None:
        self._name, self._late = path.name, threading.Event()
        more = [] if signal is None else [str(signal)]
        command = python_command(_CHILD, _MEMORY_BYTES, path.resolve(), *more)
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                cwd=NEUTRAL_FOLDER, env=child_environment(),
            )  # fmt: skip
        except OSError as error:
            raise EngineError(f"the process that reads JLS could not be started: {error}") from error
        try:
            self.head = self._read_head()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> _Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take(self, count: int) -> bytes:
        """Exactly so many bytes."""
        with self._watched() as stream:
            data: bytes = stream.read(count)
        if len(data) < count:
            raise self._obituary()
        return data

    def close(self) -> None:
        """End the child."""
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.kill()
        self._process.wait()

    def _read_head(self) -> dict[str, Any]:
        with self._watched() as stream:
            line = stream.readline(_HEAD_LIMIT_BYTES)
        if not line.endswith(b"\n"):
            raise self._obituary()
        head: dict[str, Any] = json.loads(line)
        if "error" in head:
            raise _explain(self._name, str(head["error"]), str(head.get("text", "")))
        return head

    @contextlib.contextmanager
    def _watched(self) -> Iterator[IO[bytes]]:
        watchdog = threading.Timer(_BLOCK_TIMEOUT_S, self._kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield self._process.stdout  # type: ignore[misc]
        finally:
            watchdog.cancel()

    def _kill(self) -> None:
        self._late.set()
        self._process.kill()

    def _obituary(self) -> DataError | EngineError:
        if self._late.is_set():
            return EngineError(f"{self._name}: the JLS reader gave nothing for {_BLOCK_TIMEOUT_S:g} s and was stopped")
        code = self._process.wait()
        return DataError(
            f"{self._name}: the JLS reader ended (status {code}) on this file: it is damaged\n"
            "save it again in the Joulescope UI"
        )


def _explain(name: str, kind: str, text: str) -> DataError | MissingPackageError:
    """What the child raised, as the error a person can act on."""
    if kind in ("ModuleNotFoundError", "ImportError"):
        return MissingPackageError(f"pyjls, which reads JLS, is not installed; {name_install('trace')}")
    return DataError(f"{name}: not readable as JLS version 2 ({text or kind}); save it again in the Joulescope UI")
