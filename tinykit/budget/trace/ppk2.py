"""What nRF Connect's Power Profiler saves: a .ppk2, a zip of `session.raw` and `metadata.json`.

A sample takes six bytes, little-endian: the current as float32 in µA, NaN where samples were lost, and 16 bits of the
digital channels; `metadata.samplesPerSecond` is the rate (nordicsemi/pc-nrfconnect-ppk, `src/globals.ts`,
`src/utils/saveFileHandler.ts`, `src/utils/FileBuffer.ts`, format version 2). The zip is read as a stream.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinykit.budget.trace.header import TraceLayout
from tinykit.ground import limits
from tinykit.ground.errors import DataError

SESSION, METADATA = "session.raw", "metadata.json"
_FRAME = np.dtype([("current", "<f4"), ("bits", "<u2")])
_BLOCK_SAMPLES = 1 << 18
_VERSION = 2
_MOST_HZ = 1e6
_FREE_BYTES = 1 << 30
_ZIP = b"PK\x03\x04"
_WAY_ON = "open it in nRF Connect's Power Profiler, choose Export and CSV, and give the CSV"


def is_ppk2(path: Path) -> bool:
    """Whether a file is a zip, or is called as the Power Profiler calls what it saves; False where it is not there."""
    try:
        with path.open("rb") as file:
            return file.read(len(_ZIP)) == _ZIP or path.suffix.lower() in (".ppk", ".ppk2")
    except OSError:
        return False


def find_ppk2_layout(path: Path) -> TraceLayout:
    """The rate of a saved session.

    Raises DataError: no zip (the .ppk of versions before 4), without a session, damaged, encrypted, of a newer format,
    or too large when unpacked.
    """
    try:
        with path.open("rb") as stream:
            if doubt := limits.doubt_archive(stream, 16 * limits.MEMBERS, large=True):
                raise zipfile.BadZipFile(doubt)
        with zipfile.ZipFile(path) as archive:
            _check_sizes(path.name, {one.filename: one for one in archive.infolist()})
            if odd := {one.compress_type for one in archive.infolist()} - {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise zipfile.BadZipFile(f"packed by method {min(odd)}")
            with archive.open(METADATA) as file:
                about = json.loads(file.read(limits.METADATA_BYTES))
        rate, version = about["metadata"]["samplesPerSecond"], about.get("formatVersion", 1)
        known = 0 < float(rate) <= _MOST_HZ and int(version) <= _VERSION
    except DataError:
        raise
    except _UNREADABLE as error:
        raise _refuse(path, error) from error
    if not known:
        raise DataError(f"{path.name}: {rate!r} samples a second in format {version!r}, not known here; {_WAY_ON}")
    return TraceLayout("ppk2-session", "", 0, 2, 0, 0, 1.0 / float(rate), 1e-6)


def read_ppk2_chunks(path: Path, layout: TraceLayout) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Times [s] and currents [A] of a session by blocks, NaN where samples were lost; DataError where it is damaged."""
    start = 0
    try:
        with zipfile.ZipFile(path) as archive, archive.open(SESSION) as file:
            while block := file.read(_BLOCK_SAMPLES * _FRAME.itemsize):
                frames = np.frombuffer(block[: len(block) // _FRAME.itemsize * _FRAME.itemsize], _FRAME)
                times = np.arange(start, start + frames.size, dtype=np.float64) * layout.to_seconds
                yield times, frames["current"].astype(np.float64) * layout.to_amperes
                start += frames.size
    except _UNREADABLE as error:
        raise _refuse(path, error) from error


_UNREADABLE = (
    *(OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError),
    *(RuntimeError, zipfile.BadZipFile, zlib.error),
)
"""What a damaged, encrypted or foreign zip sets off in the standard library."""


def _check_sizes(name: str, entries: dict[str, zipfile.ZipInfo]) -> None:
    if not {SESSION, METADATA} <= entries.keys():
        raise DataError(
            f"{name}: a zip without {SESSION} and {METADATA}, so no session of the Power Profiler\n"
            "give a .ppk2 that it saved, or a table saved as CSV"
        )
    session, about = entries[SESSION], entries[METADATA]
    ratio = session.file_size / max(session.compress_size, 1)
    bomb = session.file_size > _FREE_BYTES and ratio > limits.RATIO
    many = len(entries) > limits.MEMBERS
    if many or session.file_size > limits.TRACE_BYTES or bomb or about.file_size > limits.METADATA_BYTES:
        raise DataError(
            f"{name}: {len(entries)} files, a session of {session.file_size:,} bytes packed {ratio:.0f} times\n"
            f"allowed: {limits.MEMBERS} files, {limits.TRACE_BYTES:,} bytes, above {_FREE_BYTES:,} of them "
            f"{limits.RATIO} times; export a part of it as CSV"
        )


def _refuse(path: Path, error: Exception) -> DataError:
    said = " ".join(str(error).split())[:80] or type(error).__name__
    return DataError(f"{path.name}: not readable as a .ppk2 of version 4 or later ({said})\n{_WAY_ON}")
