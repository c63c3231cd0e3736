"""The other side of the pipe: a worker that reads an HDF5 file from end to end and tells its Keras description.

A damaged file can make the HDF5 library loop without end or crash; here that takes nothing down. A forged one can name
other files as the place of its data, or claim sizes it does not have: it is refused, before such data is touched.
It runs inside a `Child`, and imports nothing of tinykit.
"""

import json
import math
import os
from collections.abc import Iterator
from typing import Any

_MAX_BYTES = 2**30
_MAX_TEXT_BYTES = 16 * 2**20
_MAX_OBJECTS = 20_000
_MAX_RATIO, _SMALL_BYTES = 100, 2**20


class RefusedError(Exception):
    """The file holds what no saved model needs."""


class Budget:
    """The bytes that a file may still claim: as many as it could hold, at a ratio of compression that occurs."""

    def __init__(self, file_bytes: int) -> None:
        self.total, self.limit = 0, min(_MAX_BYTES, max(_SMALL_BYTES, _MAX_RATIO * file_bytes))

    def take(self, name: str, nbytes: int) -> None:
        """Count what is about to be read."""
        self.total += nbytes
        if self.total > self.limit:
            raise RefusedError(f"{name[:60]!r} brings the data to {self.total} bytes, over its limit of {self.limit}")


def _text(value: Any) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if value is None else str(value)


def _walk(root: Any) -> Iterator[tuple[str, Any]]:
    """Every group and data set under its path, reached by hard links alone, each once."""
    import h5py

    waiting, seen = [("", root)], {hash(root.id)}
    while waiting:
        path, item = waiting.pop()
        yield path, item
        for name in item if isinstance(item, h5py.Group) else ():
            inner = f"{path}/{name}"
            link = item.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise RefusedError(f"{inner[:60]!r} is a link to another place ({type(link).__name__}), not data")
            child = item[name]
            if hash(child.id) in seen:
                raise RefusedError(f"{inner[:60]!r} stands in it twice, as a loop does")
            if len(seen) >= _MAX_OBJECTS:
                raise RefusedError(f"holds over {_MAX_OBJECTS} groups and data sets")
            seen.add(hash(child.id))
            waiting.append((inner, child))


def _read_attributes(path: str, item: Any, budget: Budget) -> None:
    import h5py

    for name in item.attrs:
        kind, shape = item.attrs.get_id(name).dtype, item.attrs.get_id(name).shape
        if kind.kind not in "biufS" and h5py.check_string_dtype(kind) is None:
            raise RefusedError(f"the attribute {name[:60]!r} of {path[:60]!r} is neither numbers nor text ({kind})")
        budget.take(name, math.prod(shape or ()) * kind.itemsize)
        value = item.attrs[name]
        texts = [value] if isinstance(value, str | bytes) else value.flat if kind.kind == "O" else ()
        if sum(map(len, texts)) > _MAX_TEXT_BYTES:
            raise RefusedError(f"the attribute {name[:60]!r} is over {_MAX_TEXT_BYTES} bytes, no model needs that")


def _read_data(path: str, item: Any, budget: Budget) -> None:
    if item.external is not None:
        raise RefusedError(f"{path[:60]!r} takes its data from another file ({item.external[0][0][:80]!r})")
    if item.is_virtual:
        raise RefusedError(f"{path[:60]!r} is a virtual data set, put together from other places")
    if item.dtype.kind not in "biufS":
        raise RefusedError(f"{path[:60]!r} does not hold numbers ({item.dtype})")
    for shape in (item.chunks or (), item.shape or ()):
        if math.prod(shape) * item.dtype.itemsize > _MAX_BYTES:
            raise RefusedError(f"{path[:60]!r} claims more than {_MAX_BYTES} bytes")
    budget.take(path, math.prod(item.shape or ()) * item.dtype.itemsize)
    item[()]


def read(path: str) -> dict[str, Any]:
    """The file's `config` and `version`, once all that is in it was looked at and then read."""
    import h5py

    budget = Budget(os.stat(path).st_size)
    with h5py.File(path, "r") as file:
        for name, item in _walk(file["/"]):
            _read_attributes(name, item, budget)
            if isinstance(item, h5py.Dataset):
                _read_data(name, item, budget)
            elif not isinstance(item, h5py.Group):
                raise RefusedError(f"{name[:60]!r} is neither a group nor a data set")
        return {"config": _text(file.attrs.get("model_config")), "version": _text(file.attrs.get("keras_version"))}


def answer(request: dict[str, Any], _parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """What the file says of itself, as JSON, or why it is refused."""
    try:
        return {}, [json.dumps(read(request["path"])).encode()]
    except RefusedError as error:
        return {"refused": str(error)}, []
