"""The other side of the pipe: a worker that reads an HDF5 file from end to end and hands over what is in it.

A damaged file can make the HDF5 library loop without end or crash; here that takes nothing down. A forged one can name
other files as the place of its data, or claim sizes it does not have: it is refused, before such data is touched.
It runs inside a `Child`, imports nothing of tinykit, and is told the limits with the path.
"""

import json
import math
import os
from collections.abc import Iterator
from typing import Any


class RefusedError(Exception):
    """The file holds what no saved model needs."""


class Budget:
    """The bytes that a file may still claim: as many as it could hold, at a ratio of compression that occurs."""

    def __init__(self, file_bytes: int, most: dict[str, int]) -> None:
        self.most, self.total = most, 0
        self.limit = min(most["bytes"], max(most["small"], most["ratio"] * file_bytes))

    def take(self, name: str, nbytes: int) -> None:
        """Count what is about to be read."""
        self.total += nbytes
        if self.total > self.limit:
            raise RefusedError(f"{name[:60]!r} brings the data to {self.total} bytes, over its limit of {self.limit}")


def _text(value: Any) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if value is None else str(value)


def _walk(root: Any, most: dict[str, int]) -> Iterator[tuple[str, Any]]:
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
            if len(seen) >= most["objects"] or inner.count("/") > most["depth"]:
                raise RefusedError(
                    f"holds over {most['objects']} groups and data sets, or {most['depth']} in each other"
                )
            seen.add(hash(child.id))
            waiting.append((inner, child))


def _read_attributes(path: str, item: Any, budget: Budget) -> list[Any]:
    """Name, type, shape and values in one row of each attribute; of a text the type is "text"."""
    import h5py

    found = list[Any]()
    for name in item.attrs:
        kind, shape = item.attrs.get_id(name).dtype, item.attrs.get_id(name).shape
        if kind.kind not in "biufS" and h5py.check_string_dtype(kind) is None:
            raise RefusedError(f"the attribute {name[:60]!r} of {path[:60]!r} is neither numbers nor text ({kind})")
        budget.take(name, math.prod(shape or ()) * kind.itemsize)
        value, most = item.attrs[name], budget.most["text"]
        texts = [value] if isinstance(value, str | bytes) else value.flat if kind.kind == "O" else ()
        if sum(map(len, texts)) > most:
            raise RefusedError(f"the attribute {name[:60]!r} is over {most} bytes, no model needs that")
        if shape is not None:
            values = [value] if isinstance(value, str | bytes) else value.ravel().tolist()
            is_text = kind.kind in "OS"
            found.append((name, "text" if is_text else kind.str, shape, [*map(_text, values)] if is_text else values))
    return found


def _read_data(path: str, item: Any, budget: Budget) -> Any:
    if item.external is not None:
        raise RefusedError(f"{path[:60]!r} takes its data from another file ({item.external[0][0][:80]!r})")
    if item.is_virtual:
        raise RefusedError(f"{path[:60]!r} is a virtual data set, put together from other places")
    if item.dtype.kind not in "biufS":
        raise RefusedError(f"{path[:60]!r} does not hold numbers ({item.dtype})")
    for shape in (item.chunks or (), item.shape or ()):
        if math.prod(shape) * item.dtype.itemsize > budget.most["bytes"]:
            raise RefusedError(f"{path[:60]!r} claims more than {budget.most['bytes']} bytes")
    budget.take(path, math.prod(item.shape or ()) * item.dtype.itemsize)
    return item[()]


def read(path: str, most: dict[str, int]) -> tuple[dict[str, Any], list[bytes]]:
    """The file's `config`, `version` and `items`, and their data, once all that is in it was looked at and read."""
    import h5py

    budget, items, data = Budget(os.stat(path).st_size, most), list[Any](), list[bytes]()
    with h5py.File(path, "r") as file:
        for name, item in _walk(file["/"], most):
            attributes, place = _read_attributes(name, item, budget), None
            if isinstance(item, h5py.Dataset):
                value = _read_data(name, item, budget)
                place = item.dtype.str, item.shape
                data.append(b"" if item.shape is None else value.tobytes())
            elif not isinstance(item, h5py.Group):
                raise RefusedError(f"{name[:60]!r} is neither a group nor a data set")
            items.append((name, attributes, place))
        config, version = (_text(file.attrs.get(name)) for name in ("model_config", "keras_version"))
        return {"config": config, "version": version, "items": items}, data


def answer(request: dict[str, Any], _parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """What the file holds, its text as JSON before its data, or why it is refused."""
    try:
        told, data = read(request["path"], request["most"])
        return {}, [json.dumps(told).encode(), *data]
    except RefusedError as error:
        return {"refused": str(error)}, []
