"""The other side of the pipe: a worker that reads Joulescope's binary JLS with the native package pyjls.

It runs inside a `Child`, and imports nothing of tinykit: a damaged file may crash native code, and must not take the
caller along. It may not write to any file: the library would otherwise "repair" a recording on opening it.
"""

from typing import Any

_FIXED_RATE = 0
_opened: list[Any] = []


def answer(request: dict[str, Any], _parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """What a recording holds, by its path; after that, samples of one signal as little-endian float32."""
    import numpy as np
    from pyjls import Reader

    if "path" in request:
        _opened[:] = [Reader(request["path"])]
        return describe(_opened[0]), []
    block = _opened[0].fsr(request["signal"], request["start"], request["count"])
    return {}, [np.asarray(block).astype("<f4").tobytes()]


def describe(reader: Any) -> dict[str, Any]:
    """Every signal of fixed rate that holds samples: id, name, unit, rate [Hz], samples."""
    found = [
        {"id": key, "name": one.name, "unit": one.units, "rate_hz": one.sample_rate, "samples": one.length}
        for key, one in reader.signals.items()
        if one.signal_type == _FIXED_RATE and one.length
    ]
    return {"signals": found}
