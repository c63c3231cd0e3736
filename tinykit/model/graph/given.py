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
from tinykit.ground.errors import ModelError
from tinykit.model.graph.schema import IDENTIFIER

"""Most that gzip is unpacked to, and most text that is searched for an array: no microcontroller holds more."""
_GZIP = b"\x1f\x8b"
_COMMENT = re.compile(rb"/\*.*?\*/|//[^\n]*", re.DOTALL)
_ARRAY = re.compile(rb"\{([^{}]*)\}")
_LFS = re.compile(rb"version https://git-lfs\S*\s.*?size (\d+)", re.DOTALL)
_SHOWN = 32

_EXPORT = "tf.lite.TFLiteConverter.from_saved_model(FOLDER)"
_KERAS = "give it under a name that ends in .keras or .h5, and tinykit converts it"
_TORCH = "load it into its module and convert that: litert_torch.convert(module.eval(), (x,)).export('model.tflite')"
_ONNX = "convert it with samples of your own: onnx2tf -i FILE -oiqt -cind INPUT samples.npy mean std"
_WEIGHTS = "save the whole model (model.save('model.keras')) and give that"
_TRACE = "export it as CSV and give it to: tinykit budget MODEL --trace FILE.csv"
_UNPACK = "unpack it and give the .tflite in it"
_FIRMWARE = "give the .tflite that was built into it"
_PICKLE = "it is not opened, since that runs code from the file; convert where it was made: a .tflite is wanted"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: a pattern that its content begins with, endings of its name, what it is, and the way to a model.

    A content that tells what it is wins over a name.
    """

    what: str
    way: str
    sign: bytes = b"(?!)"
    suffixes: tuple[str, ...] = ()


KINDS = (
    Kind("a Git LFS pointer", "fetch the file itself: git lfs pull", rb"version https://git-lfs"),
    Kind("a web page", "download the raw file, not the page that shows it", rb"\s*<(!DOCTYPE|!doctype|html|HTML)"),
    Kind("weights of Keras alone", _WEIGHTS, rb"\x89HDF\r\n\x1a\n(?!.*model_config)"),
    Kind("a Keras model (HDF5)", _KERAS, rb"\x89HDF\r\n\x1a\n"),
    Kind("an ExecuTorch program", "export the network as .tflite instead: litert_torch.convert", rb"....ET\d\d"),
    Kind("a NumPy array", "give the model; arrays are taken as --representative", rb"\x93NUMPY"),
    Kind("a Python pickle (PyTorch, scikit-learn)", _PICKLE, rb"\x80[\x02-\x05]"),
    Kind("a safetensors file: weights alone", _WEIGHTS, rb".{8}\{\s*\""),
    Kind("an archive", _UNPACK, rb"BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!|.{257}ustar"),
    Kind("firmware", _FIRMWARE, rb"\x7fELF|UF2\n|:10[0-9A-F]{6}00"),
    Kind("an ONNX model", _ONNX, rb"\x08[\x01-\x20](\x12.[ -~]|\x1a[\x01-\x20][ -~]|[:B])", (".onnx",)),
    Kind("a PyTorch file", _TORCH, suffixes=(".pt", ".pth")),
    Kind("a TensorFlow graph", f"give the folder of its SavedModel to {_EXPORT}", suffixes=(".pb", ".pbtxt")),
    Kind("a checkpoint: weights alone", _WEIGHTS, suffixes=(".ckpt", ".index", ".data-00000-of-00001", ".weights")),
    Kind("a recording of Nordic's Power Profiler, no model", _TRACE, suffixes=(".ppk2",)),
)  # fmt: skip

_ARCHIVES = (
    Kind("a recording of Nordic's Power Profiler, no model", _TRACE, rb"session\.raw|minimap\.raw"),
    Kind("a PyTorch file", _TORCH, rb"(.*/)?(data|constants)\.pkl"),
    Kind("a zipped SavedModel", f"unpack it and convert the folder: {_EXPORT}", rb"(.*/)?saved_model\.pb"),
    Kind("a .keras model", _KERAS, rb"config\.json"),
    Kind("weights of Keras alone", _WEIGHTS, rb"model\.weights\.h5"),
    Kind("a zip archive with a model in it", _UNPACK, rb".*\.tflite"),
    Kind("an archive of NumPy arrays", "give the model; samples go to --representative", rb".*\.npy"),
    Kind("a zip archive without a .tflite in it", "give the model file itself", rb""),
)
"""What a zip archive is, by the names in it; the first that any name begins with."""


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


def _name(content: bytes, path: str) -> str:
    """What a file is, by its content first and its name else, and the way on."""
    if pointer := _LFS.match(content[:512]):
        return f"a Git LFS pointer to one of {int(pointer[1]):,} bytes\nfetch it: git lfs pull --include {path}"
    kind = _find(KINDS, lambda one: re.match(one.sign, content, re.DOTALL) is not None)
    if kind is None and content[:4] == b"PK\x03\x04":
        kind = _name_archive(content)
    kind = kind or _find(KINDS, lambda one: PurePath(path).name.lower().endswith(one.suffixes or ("/",)))
    return f"{kind.what}\n{kind.way}" if kind else _describe(content)


def _name_archive(content: bytes) -> Kind | None:
    try:
        stream = io.BytesIO(content)
        if limits.doubt_archive(stream, limits.MEMBERS * limits.MEMBERS):
            return None
        with zipfile.ZipFile(stream) as archive:
            names = [name.encode() for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeError):
        return None
    return _find(_ARCHIVES, lambda one: any(re.match(one.sign, name) for name in names) or not one.sign)


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
