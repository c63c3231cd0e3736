"""What people give where a model is asked for: C arrays and gzip are read, anything else is named with the way on."""

import codecs
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from tinykit.ground import limits
from tinykit.ground.caches import remember_table
from tinykit.ground.errors import ModelError
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.model.graph.schema import IDENTIFIER

_GZIP = b"\x1f\x8b"
_COMMENT = re.compile(rb"/\*.*?\*/|//[^\n]*", re.DOTALL)
_ARRAY = re.compile(rb"\{([^{}]*)\}")
_LFS = re.compile(rb"version https://git-lfs\S*\s.*?size (\d+)", re.DOTALL)
_SHOWN = 32
_ONNX = "an ONNX model"

_EXPORT = "tf.lite.TFLiteConverter.from_saved_model(FOLDER)"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: a pattern that its content begins with, endings of its name, what it is, and the way to a model.

    A content that tells what it is wins over a name.
    """

    what: str
    way: str
    sign: bytes
    suffixes: tuple[str, ...]


@remember_table
def list_kinds(part: str) -> tuple[Kind, ...]:
    """What files there are ("files"), or zip archives by the names in them ("archives"), from `data/kinds.toml`."""
    table = read_toml(shipped_path("data", "kinds.toml"))
    return tuple(
        Kind(row["what"], row.get("way") or table["ways"][row["via"]], row.get("sign", "(?!)").encode(),
             tuple(row.get("suffixes", ()))) for row in table[part]
    )  # fmt: skip


def take_model(data: bytes, path: str) -> bytes:
    """The bytes of the .tflite in what was given: itself, an array of C (`xxd -i`), or gzip of either.

    Raises ModelError: no model is in it; it says what the file at `path` is, and the way from it to a .tflite.
    """
    content = _unpack(data, path) if data[:2] == _GZIP else data
    found = content if content[4:8] == IDENTIFIER else _find_array(content)
    if found is None:
        raise ModelError(f"{path}: not a .tflite file but {_name(content, path)}")
    return found


def name_folder(path: Path) -> str:
    """What a folder is that was given for a model, and the way on."""
    if (path / "saved_model.pb").is_file():
        return f"a SavedModel folder; convert it: {_EXPORT.replace('FOLDER', repr(str(path)))}"
    inside = sorted(one.name for one in path.glob("*.tflite"))[:3]
    return f"a folder; give one of its files: {', '.join(inside)}" if inside else "a folder; give the path of a file"


def _unpack(data: bytes, path: str) -> bytes:
    try:
        unpacked = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data, limits.UNPACKED_BYTES + 1)
    except zlib.error as error:
        raise ModelError(f"{path}: a damaged gzip file ({error}); copy it again, or give the .tflite") from error
    if len(unpacked) > limits.UNPACKED_BYTES:
        raise ModelError(f"{path}: gzip of more than {limits.UNPACKED_BYTES:,} bytes, which no microcontroller holds")
    return unpacked


def _find_array(content: bytes) -> bytes | None:
    """The first array of bytes in a source of C that is a model; Windows may have written it as UTF-16."""
    if content[:2] == codecs.BOM_UTF16_LE:
        content = content.decode("utf-16", "replace").encode()
    if len(content) > limits.UNPACKED_BYTES or b"{" not in content or b"\0" in content:
        return None
    for match in _ARRAY.finditer(_COMMENT.sub(b" ", content)):
        try:
            numbers = [_number(word) for word in match[1].replace(b",", b" ").split()]
            array = bytes(number % 256 for number in numbers if -128 <= number < 256)
        except ValueError:
            continue
        if array[4:8] == IDENTIFIER and len(array) == len(numbers):
            return array
    return None


def _number(word: bytes) -> int:
    digits = word.lower().rstrip(b"ul")
    return int(digits, 16) if digits.startswith(b"0x") else int(digits)


def is_onnx(content: bytes, path: str) -> bool:
    """Whether a file is an ONNX model: by its content first, by its name where that tells nothing."""
    kind = None if content[4:8] == IDENTIFIER or content[:2] == _GZIP else _find_kind(content, path)
    return kind is not None and kind.what == _ONNX


def _name(content: bytes, path: str) -> str:
    """What a file is, and the way on."""
    if pointer := _LFS.match(content[:512]):
        return f"a Git LFS pointer to one of {int(pointer[1]):,} bytes\nfetch it: git lfs pull --include {path}"
    kind = _find_kind(content, path)
    return f"{kind.what}\n{kind.way}" if kind else _describe(content)


def _find_kind(content: bytes, path: str) -> Kind | None:
    kind = _find(list_kinds("files"), lambda one: re.match(one.sign, content, re.DOTALL) is not None)
    if kind is None and content[:4] == b"PK\x03\x04":
        kind = _name_archive(content)
    return kind or _find(list_kinds("files"), lambda one: PurePath(path).name.lower().endswith(one.suffixes or ("/",)))


def _name_archive(content: bytes) -> Kind | None:
    try:
        stream = io.BytesIO(content)
        if limits.doubt_archive(stream, limits.MEMBERS * limits.MEMBERS):
            return None
        with zipfile.ZipFile(stream) as archive:
            names = [name.encode() for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeError):
        return None
    return _find(list_kinds("archives"), lambda one: any(re.match(one.sign, name) for name in names) or not one.sign)


def _find(kinds: Sequence[Kind], fits: Callable[[Kind], bool]) -> Kind | None:
    return next((one for one in kinds if fits(one)), None)


def _describe(content: bytes) -> str:
    """What cannot be named, as it begins; a source of C without a model's bytes for what it is."""
    start = content[:_SHOWN]
    if not content:
        return "an empty file\ncopy or convert the model again"
    if b"\0" not in content[:4096] and (re.search(rb"\b(extern|const|#include|#ifndef)\b", content[:4096])):
        return "a source of C without an array of a model's bytes\ngive the file that holds the array, or the .tflite"
    readable = start.isascii() and start.decode().replace("\n", "").replace("\r", "").isprintable()
    words = ascii(start.decode()) if readable else start.hex(" ")
    return f"{len(content):,} bytes that begin with {words}\ngive a file made by a LiteRT converter (bytes 4–7: TFL3)"
