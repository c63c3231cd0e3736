"""The other side of the pipe: a script that reads Joulescope's binary JLS with the native package pyjls.

`jls` starts this file by its path as `python -I jls_child.py MEMORY PATH [SIGNAL]`, and it imports nothing of tinykit:
a damaged file may crash native code, and must not take the caller along. It writes one line of JSON, then, where a
signal is asked for, its samples as little-endian float32. It may not write to any file: the library would otherwise
"repair" a recording on opening it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any, BinaryIO

BLOCK_SAMPLES = 1 << 18
_FIXED_RATE = 0


def describe(reader: Any) -> dict[str, Any]:
    """Every signal of fixed rate that holds samples: id, name, unit, rate [Hz], samples."""
    found = [
        {"id": key, "name": one.name, "unit": one.units, "rate_hz": one.sample_rate, "samples": one.length}
        for key, one in reader.signals.items()
        if one.signal_type == _FIXED_RATE and one.length
    ]
    return {"signals": found}


def send_samples(reader: Any, signal: int, out: BinaryIO) -> None:
    """All samples of a signal, a block at a time."""
    import numpy as np

    total = reader.signals[signal].length
    for start in range(0, total, BLOCK_SAMPLES):
        block = reader.fsr(signal, start, min(BLOCK_SAMPLES, total - start))
        out.write(np.asarray(block).astype("<f4").tobytes())


def main() -> None:
    """Answer one request, or say on the same line what went wrong."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the library prints must not mix with the answer
    _limit(int(sys.argv[1]))
    try:
        from pyjls import Reader

        with Reader(sys.argv[2]) as reader:
            out.write(json.dumps(describe(reader)).encode() + b"\n")
            if len(sys.argv) > 3:
                send_samples(reader, int(sys.argv[3]), out)
    except Exception as error:  # noqa: BLE001 -- every failure goes to the parent, which words it
        out.write(json.dumps({"error": type(error).__name__, "text": str(error)[:300]}).encode() + b"\n")
        out.flush()
        os._exit(3)
    out.flush()


def _limit(memory_bytes: int) -> None:
    """Cap memory and forbid writing files, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


if __name__ == "__main__":
    main()
