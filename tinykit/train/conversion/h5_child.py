"""Child process: reads an HDF5 file from end to end and tells its Keras description as one line of JSON.

A damaged file can make the HDF5 library loop without end or crash; here that takes nothing down. Started as
`python h5_child.py MEMORY_BYTES PATH`; it imports nothing of tinykit.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def _text(value: Any) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if value is None else str(value)


def _read_whole(_: str, item: Any) -> None:
    dict(item.attrs)
    if hasattr(item, "shape"):
        item[()]


def _limit_memory(nbytes: int) -> None:
    try:
        import resource
    except ModuleNotFoundError:  # not a Unix: the limit is on time alone
        return
    resource.setrlimit(resource.RLIMIT_AS, (nbytes, nbytes))


def main(memory_bytes: int, path: str) -> None:
    """Print the file's `model_config` and `keras_version`, or the error that reading it gave."""
    _limit_memory(memory_bytes)
    import h5py

    try:
        with h5py.File(path, "r") as file:
            found = {"config": _text(file.attrs.get("model_config")), "version": _text(file.attrs.get("keras_version"))}
            file.visititems(_read_whole)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
