"""Data of strangers as `design --data` and `explore --data` take them: windows, folders of recordings, pictures."""

from __future__ import annotations

import argparse
import functools
import io
import re
import wave
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.fuzz.case import Case, Draw, kind, rarely
from tests.fuzz.kind_arrays import _member, _to_npy
from tests.fuzz.mutating import NAMES, mutate_bytes, mutate_text, mutate_zip
from tinykit.show.cli.own import _OPTIONS, read_own

_WINDOW = {"rate": 50.0, "window": 0.5}
OF_ARRAYS: tuple[dict[str, Any], ...] = (
    {}, {"rate": 50.0}, {"rate": 50.0, "features": "fft", "bands": 8}, {"classes": "classes.txt"},
)  # fmt: skip
OF_FOLDERS: tuple[dict[str, Any], ...] = (
    _WINDOW, {**_WINDOW, "groups": "file"}, {**_WINDOW, "groups": "who"}, {**_WINDOW, "step": 0.1},
    {**_WINDOW, "features": "fft", "bands": 8}, {**_WINDOW, "classes": "classes.txt"},
)  # fmt: skip
OF_PICTURES: tuple[dict[str, Any], ...] = ({}, {"side": 4}, {"side": 4, "grey": True})
CLASSES = {"classes.txt": b"rest\nwalk\n"}


def _read(data: Path, changed: Path, ways: tuple[dict[str, Any], ...]) -> None:
    """With the options that the content of the changed file draws."""
    own = ways[zlib.crc32(changed.read_bytes()) % len(ways)]
    read_own(argparse.Namespace(**{**dict.fromkeys((*_OPTIONS, "task")), **own, "data": str(data)}))


# windows in one file


@functools.cache
def list_windows() -> dict[str, bytes]:
    rng, dealt = np.random.default_rng(0), np.repeat(["train", "validation", "test"], (24, 12, 12))
    found = {"x": rng.normal(0, 1, (48, 64, 2)).astype(np.float32), "y": np.tile(np.arange(2), 24),
             "groups": np.repeat(np.arange(8), 6).astype("U8"), "split": dealt.astype("S10")}  # fmt: skip
    return {f"{name}.npy": _to_npy(array) for name, array in found.items()}


def read_windows(path: Path) -> None:
    _read(path, path, OF_ARRAYS)


@kind(read_windows, rarely("design --data {file} --rate 50 --board none", 12),
      rarely("explore --data {file} --rate 50 --flash 1 --trials 1 --study {out}/study", 25), share=3)  # fmt: skip
def windows(draw: Draw) -> Case:
    members = dict(list_windows())
    for name in [name for name in ("groups.npy", "split.npy") if draw.chance(0.15)]:
        texts = np.load(io.BytesIO(members[name]))
        codes = texts.view(np.uint8 if texts.dtype.kind == "S" else np.uint32)
        codes[draw.below(codes.size)] = draw.choose((0, 27, 0xFF) if texts.dtype.kind == "S" else (0xD800, 0x7FFFFFFF))
        members[name] = _to_npy(texts)
    return Case(mutate_zip(draw, members, _member), "windows.npz", CLASSES)


# a folder of recordings for each class


@functools.cache
def list_files() -> dict[str, bytes]:
    """Six people, two classes, 4 s each, a column that says whose a row is, and two as WAV."""
    rng, found = np.random.default_rng(0), {}
    for label in CLASSES["classes.txt"].decode().split():
        for person in range(6):
            rows = [f"{i / 50:.3f},{a:.4f},{person}" for i, a in enumerate(rng.normal(0, 1, 200))]
            found[f"data/{label}/p{person}_1.csv"] = "\n".join(["time_s,ax,who", *rows, ""]).encode()
    return found


def _wav() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((1, 2, 50, 0, "NONE", ""))
        file.writeframes(np.arange(200, dtype="<i2").tobytes())
    return stream.getvalue()


def read_files(path: Path) -> None:
    _read(path.parents[1], path, OF_FOLDERS)


@kind(read_files, rarely("design --data data --rate 50 --window 0.5 --board none", 8),
      rarely("explore --data data --rate 50 --window 0.5 --flash 1 --trials 1 --study {out}/study", 25),
      share=3)  # fmt: skip
def own_folder(draw: Draw) -> Case:
    files = dict(list_files())
    name = draw.choose([*files])
    name, data = change_file(draw, name, mutate_text(draw, files.pop(name).decode()))
    return Case(data, name, {**files, **CLASSES})


def change_file(draw: Draw, name: str, data: bytes) -> tuple[str, bytes]:
    """Another kind of recording, or a class, a person, a suffix that no program would give."""
    if draw.chance(0.15):
        return f"{name[:-4]}.wav", mutate_bytes(draw, _wav())
    if draw.chance(0.2):
        odd = re.sub(r"[/\0]", "_", draw.choose(NAMES))[:60] or "_"
        folder, file = name.split("/")[1:]
        return (
            f"data/{draw.choose((f'{odd}/{file}', f'{folder}/{odd}.csv', f'{folder}/{odd}', f'.{odd}/{file}'))}",
            data,
        )
    return name, data


# pictures


@functools.cache
def list_pictures() -> dict[str, bytes]:
    rng, found = np.random.default_rng(0), {}
    for number in range(24):
        label, person = ("rest", "walk")[number % 2], number // 4
        pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
        form = ("PNG", "JPEG", "PPM")[number % 3]
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, form)
        found[f"data/{label}/p{person}_{number}.{form.lower()}"] = stream.getvalue()
    return found


def read_pictures(path: Path) -> None:
    _read(path.parents[1], path, OF_PICTURES)


@kind(read_pictures, rarely("design --data data --side 4 --board none", 8), share=2)
def pictures(draw: Draw) -> Case:
    files = dict(list_pictures())
    name = draw.choose([*files])
    name, data = change_picture(draw, name, files.pop(name))
    return Case(data, name, files)


def change_picture(draw: Draw, name: str, data: bytes) -> tuple[str, bytes]:
    """Another head, other bytes, sometimes under the suffix of another format."""
    if name.endswith(".ppm") and draw.chance(0.8):
        sizes = draw.choose(("0 8", "8 -8", "8 8.5", "1000000 1000000", "9" * 4000, "99999 1", "8"))
        form, most = draw.choose(("P6", "P5", "P3", "P1", "P7", "Pf")), draw.choose((255, 65_535, 0, 1, 10**9))
        data = f"{form}\n{sizes}\n{most}\n".encode() + data[11:]
    else:
        data = _head(draw, data) if name.endswith(".png") and draw.chance(0.6) else mutate_bytes(draw, data)
    other = f"{name.rpartition('.')[0]}.{draw.choose(('png', 'jpg', 'pgm', 'PPM', 'gif'))}"
    return other if draw.chance(0.1) else name, data


def _head(draw: Draw, data: bytes) -> bytes:
    """Another size, depth or kind of colours, with the sum that goes with it."""
    head = bytearray(data[12:29])
    place = draw.choose((4, 8))
    head[place : place + 4] = draw.choose((0, 1, 9, 65_535, 2**31 - 1, 2**31)).to_bytes(4, "big")
    if draw.chance(0.4):
        head[draw.choose((12, 13, 14, 15, 16))] = draw.choose((0, 1, 3, 4, 6, 16, 255))
    return data[:12] + bytes(head) + zlib.crc32(head).to_bytes(4, "big") + data[33:]
