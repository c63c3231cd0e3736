"""Arrays and recordings of strangers: .npz, .npy, folders of CSV and WAV."""

from __future__ import annotations

import functools
import io
import struct
import wave
from pathlib import Path

import numpy as np

from tests.fuzz.case import Case, Draw, kind, rarely
from tests.fuzz.mutating import mutate_bytes, mutate_text, mutate_zip
from tests.models import small_cnn
from tinykit.predict.runtime.samples import read_inputs
from tinykit.train.datasets.own import read_folder, read_npz, read_samples

MODEL = {"model.tflite": small_cnn()}


def _to_npy(array: np.ndarray, *, pickled: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=pickled)
    return stream.getvalue()


@functools.cache
def list_arrays() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(4), 12)
    dealt = np.repeat(["train", "validation", "test"], (24, 12, 12))
    found = {"x": rng.normal(0, 1, (48, 8, 8, 1)).astype(np.float32), "y": y, "groups": np.repeat(np.arange(8), 6),
             "recordings": np.arange(48), "split": dealt}  # fmt: skip
    return {f"{name}.npy": _to_npy(array) for name, array in found.items()}


def _other_array(draw: Draw, data: bytes) -> bytes:
    """Another array, of another type, shape or content."""
    values = np.load(io.BytesIO(data))
    act = draw.below(12)
    if act == 0:
        numbers = ("f8", "f2", "i8", "u8", "c16", "?") if values.dtype.kind in "iuf" else ()
        return _to_npy(values.astype(draw.choose((*numbers, "S3", "U3"))))
    if act == 1:
        return _to_npy(np.array([{"a": 1}, print], object), pickled=True)
    if act == 2:
        return _to_npy(np.zeros(draw.choose(((), (0,), (48, 0), (48, 8, 0), (1,) * 32, (3, 48)))))
    if act == 3:
        return _to_npy(np.zeros(48, [("a", "f4"), ("b", "O")])[["a"]], pickled=True)
    if act == 4:
        return _to_npy(values[: draw.below(len(values))])
    if act < 8 and values.dtype.kind in "iuf":
        changed = values.copy()
        changed.ravel()[draw.below(changed.size)] = _value(draw, changed.dtype)
        return _to_npy(changed)
    return _header(draw, data)


def _value(draw: Draw, dtype: np.dtype) -> float:
    if dtype.kind == "f":
        return draw.choose((0.0, -1.0, np.nan, np.inf, -np.inf, 3e38, 1e-45))
    bounds = np.iinfo(dtype)
    return min(max(draw.choose((0, -1, 99, 10_000, 2**31, 2**40, 2**62)), int(bounds.min)), int(bounds.max))


def _header(draw: Draw, data: bytes) -> bytes:
    """A header that claims another shape, type, order, length or version."""
    (length,) = struct.unpack("<H", data[8:10])
    text, body = data[10 : 10 + length].decode("latin-1"), data[10 + length :]
    act = draw.below(6)
    if act == 0:
        start, end = text.find("(") + 1, text.find(")")
        text = (
            text[:start]
            + draw.choose(("1000000000000,", "-1,", "2," * 40, "True,", f"{2**62},{2**62},", "0,"))
            + text[end:]
        )
    elif act == 1:
        start = text.find("'descr': ") + 9
        end = text.find(",", start)
        text = (
            text[:start]
            + draw.choose(("'|O'", "'<f16'", "'V1000000000'", "[('a', '<f4')]", "'<U999999999'", "None"))
            + text[end:]
        )
    elif act == 2:
        text = draw.choose(
            ("{", "{'descr': '<f4'}", "(" * 3000, "__import__('os').system('touch owned')", "{}", "[" * 90)
        )
    else:
        text = mutate_text(draw, text).decode("latin-1")
    encoded = text.encode("latin-1", "replace")
    version = draw.choose((b"\1\0", b"\2\0", b"\3\0", b"\x09\0"), (8, 1, 1, 1))
    size = draw.choose((struct.pack("<H", min(len(encoded), 65535)), b"\xff\xff"), (9, 1))
    return b"\x93NUMPY" + version + size + encoded + body


def _member(draw: Draw, name: str, data: bytes) -> bytes:
    return _other_array(draw, data) if draw.chance(0.85) else mutate_bytes(draw, data)


def read_for_model(path: Path) -> None:
    read_inputs(path, path.with_name("model.tflite"))


ARRAY_DOORS = (read_npz, read_samples, read_for_model, rarely("ledger model.tflite --test {file} --json", 12),
               rarely("verify model.tflite --samples {file}", 12))  # fmt: skip


@kind(*ARRAY_DOORS, share=9)
def npz(draw: Draw) -> Case:
    members = dict(list_arrays())
    if draw.chance(0.3):
        members = {"x.npy": members["x.npy"]}
    return Case(mutate_zip(draw, members, _member), "a.npz", MODEL)


@kind(*ARRAY_DOORS, share=3)
def npy(draw: Draw) -> Case:
    return Case(
        _member(draw, "x", list_arrays()[draw.choose(("x.npy", "y.npy"))]), draw.choose(("a.npy", "a.npz")), MODEL
    )


def read_recordings(path: Path) -> None:
    read_folder(path.parents[1], rate_hz=50.0, window_s=0.5)


@functools.cache
def list_recordings() -> dict[str, bytes]:
    """Six people, two classes, 2 s each."""
    rng, found = np.random.default_rng(0), {}
    for label in ("rest", "walk"):
        for person in range(6):
            rows = [f"{i / 50:.3f},{a:.4f},{b:.4f}" for i, (a, b) in enumerate(rng.normal(0, 1, (100, 2)))]
            found[f"data/{label}/p{person}_1.csv"] = ("time_s,ax,ay\n" + "\n".join(rows) + "\n").encode()
    return found


@functools.cache
def wav() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(50)
        file.writeframes(np.arange(200, dtype="<i2").tobytes())
    return stream.getvalue()


@kind(read_recordings, share=3)
def recordings(draw: Draw) -> Case:
    files = dict(list_recordings())
    name = draw.choose([*files])
    text = files.pop(name).decode()
    if draw.chance(0.3):
        return Case(mutate_bytes(draw, wav()), name.replace(".csv", ".wav"), files)
    return Case(mutate_text(draw, text), name, files)
