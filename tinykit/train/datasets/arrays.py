"""The one way in for arrays of strangers: an `.npz` without pickles, bounded before a byte of it is unpacked."""

import math
import sys
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground import limits
from tinykit.ground.errors import DataError

_UNFIT = "not an .npz of plain arrays"
_FEWER = "give fewer samples, saved with np.savez"
_DAMAGE = (
    OSError, EOFError, ArithmeticError, ValueError, TypeError, RuntimeError, MemoryError, SyntaxError,
    tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_arrays(path: Path, *, most: int = limits.MEMBERS) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz`, `most` of them at most, by name.

    Raises DataError: no such file, a bare .npy, pickled or damaged arrays, or more than a gigabyte of them.
    """
    try:
        with limits.open_file(path, limits.WEIGHTS_BYTES, DataError, _FEWER) as stream:
            if stream.read(6) == b"\x93NUMPY":
                raise DataError(f"{path}: {_UNFIT} but a bare .npy; save the arrays together with np.savez")
            if doubt := limits.doubt_archive(stream, most):
                raise ValueError(doubt)
            room = min(limits.WEIGHTS_BYTES, max(limits.FREE_BYTES, limits.RATIO * stream.tell()))
            with zipfile.ZipFile(stream) as archive:
                if sum(one.file_size for one in archive.infolist()) > room:
                    raise DataError(f"{path}: more than {room:,} bytes of arrays; {_FEWER}")
                _check_claims(archive, room)
                return {one.filename.removesuffix(".npy"): _read(archive, one) for one in archive.infolist()}
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{_UNFIT}: {path}: no such file; give an .npz that np.savez wrote") from error
    except _DAMAGE as error:
        raise DataError(f"{path}: {_UNFIT} ({error!s:.200}); save it with np.savez") from error


def _check_claims(archive: zipfile.ZipFile, most: int) -> None:
    """ValueError where headers claim other than plain values, or more or less of them than there are."""
    members = archive.infolist()
    if len({one.filename for one in members}) < len(members):
        raise ValueError("it lists an array twice")
    for member in members:
        if not member.filename.endswith(".npy"):
            raise ValueError(f"{member.filename[:60]!r} in it is no array")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{member.filename[:60]!r} is packed by method {member.compress_type}")
        with archive.open(member) as stream:
            shape, kind = _read_header(stream)
            held = member.file_size - stream.tell()
        count = math.prod(shape)
        sound = kind.kind in "biufcSUmM" and all(type(one) is int and one >= 0 for one in shape)
        if not sound or count * kind.itemsize != held or count > most:
            raise ValueError(f"{member.filename[:60]!r} claims {kind!s:.40} {shape!s:.80} in {held:,} bytes")


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"arrays of format {version}")
    shape, _, kind = _HEADERS[version](stream)
    return shape, kind


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    if array.dtype.kind == "U" and array.nbytes:
        letters = np.dtype("u4").newbyteorder(array.dtype.byteorder)
        if int(array.ravel("K").view(letters).max()) > sys.maxunicode:
            raise ValueError(f"{member.filename[:60]!r} holds what is no letter")
    return array
