"""One room for what a stranger's file may ask for: sizes, counts, ratios, time; and the one way to open such a file.

Each figure lies far above what a network for a microcontroller or its data needs, and below what takes a machine down.
"""

import csv
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

from tinykit.ground.errors import TinykitError

_MIB = 2**20
MODEL_BYTES = 512 * _MIB
"""Of a `.tflite`, an `.onnx` and each other model that is read whole."""
TEXT_BYTES = 64 * _MIB
"""Of a table, a report, a C array, and of a model unpacked from gzip."""
TABLE_CELLS = 8_000_000
"""Cells of a table that is held whole, counted as wide as its header."""
SETTINGS_BYTES = 4 * _MIB
"""Of a TOML."""


def open_file(path: Path, most_bytes: int, refuse: type[TinykitError], cure: str) -> BinaryIO:
    """A stranger's file for reading: a regular one, so that no read waits for ever or never ends, of a known size.

    Raises
    ------
    TinykitError : the one given, where it is a FIFO, a device or a folder, or larger than `most_bytes`, with the cure.
    OSError : it cannot be opened.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    about = os.fstat(handle)
    if stat.S_ISREG(about.st_mode) and about.st_size <= most_bytes:
        return os.fdopen(handle, "rb")
    os.close(handle)
    odd = "cannot be read (a folder, pipe or device, not a file)"
    raise refuse(f"{path}: {f'more than {most_bytes:,} bytes' if stat.S_ISREG(about.st_mode) else odd}; {cure}")


def read_cells(path: Path, refuse: type[TinykitError], cure: str) -> list[list[str]]:
    """The rows of a CSV in UTF-8 that hold anything, within the limits on bytes and cells.

    Raises
    ------
    TinykitError : the one given, as by `open_file`, or where it has more cells.
    OSError, UnicodeDecodeError, csv.Error : it is no CSV.
    """
    rows: list[list[str]] = []
    cells = 0
    with open_file(path, TEXT_BYTES, refuse, cure) as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        for row in csv.reader(text):
            if row:
                rows.append(row)
                cells += max(len(row), len(rows[0]))
                if cells > TABLE_CELLS:
                    raise refuse(f"{path}: more than {TABLE_CELLS:,} cells; {cure}")
    return rows
