"""The other side of the pipe: a script that compiles one model after the other with Vela.

`process.Compiler` starts this file by its path as `python -I child.py`, and it imports nothing of tinykit. A frame is
a little-endian uint32, that many bytes of JSON, then as many bytes as the JSON says under "bytes": data only, so that
a process upset by a hostile model cannot make its parent run anything.
"""

from __future__ import annotations

import contextlib
import csv
import ctypes
import json
import os
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

HEADER_LIMIT_BYTES = 8 * 2**20
CONTENT_LIMIT_BYTES = 2**30
_LOG_LIMIT = 200_000
_NAME = "model"


def write_frame(stream: BinaryIO, header: dict[str, Any], content: bytes = b"") -> None:
    """Send a JSON header and the bytes after it."""
    text = json.dumps({**header, "bytes": len(content)}).encode()
    stream.write(struct.pack("<I", len(text)) + text + content)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Receive what `write_frame` sent.

    Raises
    ------
    EOFError : the stream ends inside a frame.
    ValueError : not a frame: too long, bad JSON, no length.
    """
    (length,) = struct.unpack("<I", _read_exactly(stream, 4))
    if length > HEADER_LIMIT_BYTES:
        raise ValueError(f"frame header of {length} bytes")
    header = json.loads(_read_exactly(stream, length))
    size = header.pop("bytes", None) if isinstance(header, dict) else None
    if not isinstance(size, int) or not 0 <= size <= CONTENT_LIMIT_BYTES:
        raise ValueError(f"frame of {size!r} bytes")
    return header, _read_exactly(stream, size)


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count) if count else b""
    if len(data) < count:
        raise EOFError(f"stream ended {count - len(data)} bytes early")
    return data


def _compile(model: bytes, options: list[str]) -> tuple[dict[str, Any], bytes]:
    from ethosu.vela import vela

    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as folder:
        source = Path(folder) / f"{_NAME}.tflite"
        source.write_bytes(model)
        with _capture(Path(folder) / "log") as log:
            vela.main([str(source), *options, "--output-dir", folder, "--verbose-performance"])
        reply = {
            "summary": _read_rows(next(Path(folder).glob(f"{_NAME}_summary_*.csv")))[0],
            "layers": _read_rows(Path(folder) / f"{_NAME}_per-layer.csv"),
            "log": log.read_text(encoding="utf-8", errors="replace")[:_LOG_LIMIT],
        }
        return reply, (Path(folder) / f"{_NAME}_vela.tflite").read_bytes()


@contextlib.contextmanager
def _capture(log: Path) -> Iterator[Path]:
    """What Python and C++ write on fd 1 goes to a file."""
    kept = os.dup(1)
    with log.open("wb") as stream:
        os.dup2(stream.fileno(), 1)
        try:
            yield log
        finally:
            sys.stdout.flush()
            ctypes.CDLL(None).fflush(None)
            os.dup2(kept, 1)
            os.close(kept)


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        return list(csv.DictReader(stream))


def _limit(memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:
        return
    for name, value in {"RLIMIT_AS": memory_bytes, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": 2**30}.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))


def main() -> None:
    """Serve frames on stdin until it closes; anything printed lands on stderr, never between frames."""
    _limit(int(sys.argv[1]))
    stdout = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            request, model = read_frame(sys.stdin.buffer)
        except EOFError:
            return
        try:
            reply, compiled = _compile(model, request["options"])
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever a hostile file sets off becomes a reply
            write_frame(stdout, {"error": type(error).__name__, "text": str(error)[:2000]})
            continue
        write_frame(stdout, {"error": "", **reply}, compiled)


if __name__ == "__main__":
    main()
