"""The other side of the pipe: a worker that compiles one model after the other with Vela.

It runs inside a `Child`, in a folder of its own, and imports nothing of tinykit.
"""

import contextlib
import csv
import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LOG_LIMIT = 200_000
_NAME = "model"


def answer(request: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Vela's summary, layers and log, and the compiled model."""
    from ethosu.vela import vela

    with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
        source = Path(folder) / f"{_NAME}.tflite"
        source.write_bytes(parts[0])
        with _capture(Path(folder) / "log") as log:
            vela.main([str(source), *request["options"], "--output-dir", folder, "--verbose-performance"])
        reply = {
            "summary": _read_rows(next(Path(folder).glob(f"{_NAME}_summary_*.csv")))[0],
            "layers": _read_rows(Path(folder) / f"{_NAME}_per-layer.csv"),
            "log": log.read_text(encoding="utf-8", errors="replace")[:_LOG_LIMIT],
        }
        return reply, [(Path(folder) / f"{_NAME}_vela.tflite").read_bytes()]


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
