"""One room for what a stranger's file may ask for: sizes, counts, ratios, time; and the one way to open such a file.

Each figure lies far above what a network for a microcontroller or its data needs, and below what takes a machine down.
"""

import codecs
import csv
import io
import os
import stat
import struct
from pathlib import Path
from typing import BinaryIO

from tinykit.ground.errors import DataError, TinykitError

_MIB = 2**20
MODEL_BYTES = 512 * _MIB  # a `.tflite`, and each other model that is read whole
UNPACKED_BYTES = 64 * _MIB  # a model in a gzip file or a source of C
WEIGHTS_BYTES = 1024 * _MIB  # a Keras file or a SavedModel, the weights in either, and all arrays of an `.npz`
FREE_BYTES = 64 * _MIB  # arrays that may be packed to whatever size: masks and silence pack well
DESCRIPTION_BYTES = 16 * _MIB  # the text that describes a network
METADATA_BYTES = _MIB  # what an archive says of itself
SETTINGS_BYTES = 4 * _MIB  # a TOML
KEY_PARTS = 16  # names that dots join to the key of a TOML: the standard library's time grows with their square
TEXT_BYTES = 256 * _MIB  # a table or recording that is read whole
TABLE_CELLS = 12_000_000  # of a table that is held whole: its cells, each row as wide as the first, and its rows
TRACE_BYTES = 2**36  # a recording that is read by blocks
RATIO, RATIO_FROM_BYTES = 100, _MIB  # content over the size of its packed file, once it is larger than so much
MEMBERS, MEMBER_BYTES = 64, 1024  # members of an archive, and what its directory may say of each
OBJECTS, DEPTH = 20_000, 64  # groups and data sets in an HDF5 file, and groups within each other
SKETCH_BYTES = 64 * _MIB  # all tensors of a network that is described, not given


def open_file(path: Path, most_bytes: int, refuse: type[TinykitError], cure: str) -> BinaryIO:
    """A stranger's file for reading: a regular one, so that no read waits for ever or never ends, of a known size.

    Raises TinykitError: the one given, where it is a FIFO, a device or a folder, or larger than `most_bytes`, with the
    cure. OSError: it cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a null byte, a lone surrogate: no file has such a name
        raise refuse(f"{path}: cannot be read ({error}); {cure}") from error
    about = os.fstat(handle)
    if stat.S_ISREG(about.st_mode) and about.st_size <= most_bytes:
        return os.fdopen(handle, "rb")
    os.close(handle)
    odd = f"cannot be read (a folder, pipe or device, which may hold more than {most_bytes:,} bytes)"
    raise refuse(f"{path}: {f'more than {most_bytes:,} bytes' if stat.S_ISREG(about.st_mode) else odd}; {cure}")


def read_file(path: Path, most_bytes: int, refuse: type[TinykitError], cure: str) -> bytes:
    """All of a stranger's file; errors as `open_file`."""
    with open_file(path, most_bytes, refuse, cure) as stream:
        return stream.read()


def read_lines(path: Path, cure: str) -> list[str]:
    """The lines of a stranger's text in UTF-8 or, as Windows writes it, UTF-16; DataError: it cannot be read."""
    try:
        data = read_file(path, UNPACKED_BYTES, DataError, cure)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {cure}") from error
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if wide else "utf-8-sig", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_cells(path: Path, refuse: type[TinykitError], cure: str) -> list[list[str]]:
    """The rows of a CSV in UTF-8 that hold anything, within the limits on bytes and cells.

    Raises TinykitError: the one given, as by `open_file`, or where it has more cells. OSError, UnicodeDecodeError,
    csv.Error: it is no CSV.
    """
    rows: list[list[str]] = []
    cells = 0
    with open_file(path, TEXT_BYTES, refuse, cure) as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        for row in csv.reader(text):
            if row:
                rows.append(row)
                cells += 1 + max(len(row), len(rows[0]))
                if cells > TABLE_CELLS:
                    raise refuse(f"{path}: more than {TABLE_CELLS:,} cells; {cure}")
    return rows


def doubt_archive(stream: BinaryIO, most_members: int, *, large: bool = False) -> str:
    """Why the directory of a zip is none to hold in memory, "" where it is: it closes the file and has few members.

    Python reads all that a zip lists before it can be asked what that is. `large` lets zip64 pass.
    """
    stream.seek(max(0, stream.seek(0, 2) - 98))
    tail = stream.read().rjust(98)
    end, locator, record = tail[-22:], tail[-42:-22], tail[-98:-42]
    if not end.startswith(b"PK\x05\x06") or end[-2:] != b"\0\0":
        return "it does not end as one"
    count, size = struct.unpack("<HI", end[10:16])
    if locator.startswith(b"PK\x06\x07"):
        if not large:
            return "a zip64 archive, which none of this size needs; save it again"
        count, size = struct.unpack("<QQ", record[32:48])
    few = count <= most_members and size <= most_members * MEMBER_BYTES
    return "" if few else f"lists {count} members in {size} bytes; allowed: {most_members} of {MEMBER_BYTES}"
