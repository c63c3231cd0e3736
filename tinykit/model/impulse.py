"""An impulse out of an export of Edge Impulse (C++ or Arduino library): folder, zip or `model_metadata.h`, of any age.

Read are macros and initialisers; expressions of numbers are computed, nothing is compiled or run.
"""

import ast
import contextlib
import operator
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinykit.ground import limits
from tinykit.ground.errors import ModelError
from tinykit.ground.results import Result

Value = float | str
_METADATA, _VARIABLES = "model-parameters/model_metadata.h", "model-parameters/model_variables.h"
_MEMBERS, _LONGEST = 20_000, 512
_LEAST, _MOST = 1e-12, 1e15
"""What a number in an export may be: what lies outside stays text."""
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.S)
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+EI_(?:CLASSIFIER_)?(\w+)[ \t]+([^\n]*)", re.M)
_LABELS = re.compile(
    r"(?:inferencing_categories\w*\s*\[\w*\]\s*=|\.categories\s*=\s*new[^{;]{0,80})\s*\{([^{}]{0,8192})\}"
)
_DSP = re.compile(r"\bei_dsp_config_(\w+?)_t\s+ei_dsp_config_\w+\s*=\s*\{([^{}]{0,4096})\}\s*;")
_TYPEDEF = re.compile(r"typedef struct\s*\{([^{}]{0,4096})\}\s*ei_dsp_config_(\w+?)_t\s*;")
_FIELD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,"/\n]+),?[ \t]*(?://([^\n]*))?')
_QUANTISED, _STUDIO = (
    re.compile(r"\.quantized\s*=\s*(1|true)"),
    [f"STUDIO_VERSION_{part}" for part in ("MAJOR", "MINOR", "PATCH")],
)
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_SUFFIX = re.compile(r"\b(0x[0-9a-fA-F]+|\d[\d.]*(?:e[-+]?\d+)?)[fuUlL]*\b")
_ARRAY = re.compile(rb"0x54,\s*0x46,\s*0x4c,\s*0x33", re.I)
_ENGINES = {1: "uTensor", 2: "TFLM", 3: "STM32Cube.AI", 4: "TensorFlow Lite", 6: "TensorRT"}
_SUMS: dict[type[ast.AST], Callable[[Any, Any], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Impulse(Result):
    """What an export says of itself; "" and 0 where it does not say.

    `engine` is "EON", "TFLM" …; `arena_bytes` None where it is not told, or 0: TFLM cannot run it; `rate_hz` of samples
    of all axes [Hz], 0 for images; `blocks` kind and parameters of each block of signal processing; `macros` numbers
    and texts of `model_metadata.h` by name, without EI_ and CLASSIFIER_, of two of a name the first; `tflite` the file
    that holds the network, a .tflite or an array of C, b"" where EON compiled it away.
    """

    path: str
    project: str
    studio: str
    engine: str
    quantised: bool
    arena_bytes: int | None
    rate_hz: float
    labels: tuple[str, ...]
    blocks: tuple[tuple[str, Mapping[str, Value]], ...]
    macros: Mapping[str, Value] = field(repr=False)
    tflite: bytes = field(repr=False)


def number_of(macros: Mapping[str, Value], *names: str) -> float:
    """The first of these macros that is a number, 0 where none is."""
    return next((float(one) for name in names if isinstance(one := macros.get(name), int | float)), 0.0)


def holds_impulse(path: str | Path) -> bool:
    """Whether a path is an export: a folder or zip with `model-parameters/model_metadata.h`, or that file."""
    return Path(path).name == Path(_METADATA).name or bool(_roots(Path(path)))


def read_impulse(path: str | Path) -> Impulse:
    """Read an export.

    Raises
    ------
    ModelError : no export, several in one, a zip that is damaged or too large, metadata that are cut.
    """
    files = _collect(Path(path))
    text = _COMMENT.sub(" ", files[_METADATA][: limits.METADATA_BYTES].decode("utf-8", "replace"))
    macros: dict[str, Value] = {}
    for name, value in _DEFINE.findall(text):
        macros.setdefault(name, to_value(value, macros))
    if not {"PROJECT_ID", "LABEL_COUNT"} <= macros.keys():
        raise ModelError(f"{path}: its model_metadata.h names no project or labels: it is cut; export it again")
    text += files.get(_VARIABLES, b"")[: limits.METADATA_BYTES].decode("utf-8", "replace")
    labels, interval_ms = _LABELS.search(text), number_of(macros, "INTERVAL_MS")
    engine = _ENGINES.get(int(number_of(macros, "INFERENCING_ENGINE")), "")
    quantised = number_of(macros, "QUANTIZATION_ENABLED", "TFLITE_INPUT_QUANTIZED") or _QUANTISED.search(text)
    project = f"{macros.get('PROJECT_NAME', '')}, deployment {number_of(macros, 'PROJECT_DEPLOY_VERSION'):g}"
    return Impulse(
        str(path), project, ".".join(f"{macros[part]}" for part in _STUDIO if part in macros),
        "EON" if engine == "TFLM" and number_of(macros, "COMPILED") else engine, bool(quantised),
        int(number_of(macros, "TFLITE_LARGEST_ARENA_SIZE", "TFLITE_ARENA_SIZE")) or None,
        number_of(macros, "FREQUENCY") or (interval_ms and 1e3 / interval_ms),
        tuple(re.findall(_TEXT, labels[1])) if labels else (), _read_blocks(text), macros, _find_network(files),
    )  # fmt: skip


def _read_blocks(text: str) -> tuple[tuple[str, Mapping[str, Value]], ...]:
    """Blocks with their parameters: named by the structure's definition, or by the comment behind each."""
    known = {kind: re.findall(r"(\w+)\s*;", body) for body, kind in _TYPEDEF.findall(text)}
    blocks = []
    for kind, body in _DSP.findall(text):
        pairs = [(value.strip(), said.split()) for value, said in _FIELD.findall(body) if value.strip()]
        names, told = known.get(kind, []), dict[str, Value]()
        if len(names) != len(pairs):
            names = [said[-1].replace("-", "_") if said else "" for _, said in pairs]
        for name, (value, _) in zip(names, pairs, strict=True):
            told.setdefault(name, to_value(value, {}))
        blocks.append((kind, told))
    return tuple(blocks)


def to_value(text: str, known: Mapping[str, Value]) -> Value:
    """A number, a text in quotes, or an expression of numbers and macros that stand above; else the words as they are.

    >>> to_value("(EI_CLASSIFIER_A * 3)", {"A": 125}), to_value("0.02f", {}), to_value("exit()", {})
    (375, 0.02, 'exit()')
    """
    if quoted := re.match(rf"\s*{_TEXT}", text):
        return quoted[1]
    text = text.partition("//")[0].strip()
    plain = _SUFFIX.sub(r"\1", re.sub(r"\bEI_(CLASSIFIER_)?", "", text))
    plain = {"true": "1", "false": "0"}.get(plain, plain)
    try:
        value = _compute(ast.parse(plain[:_LONGEST], mode="eval").body, known)
        return value if value == 0 or _LEAST < abs(value) < _MOST else text
    except (SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError, MemoryError):
        return text


def _compute(node: ast.expr, known: Mapping[str, Value]) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name):
            return 0 + known[name]  # type: ignore[operator]  # a text is no number: TypeError
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_compute(inner, known)
        case ast.BinOp(left=left, op=sign, right=right):
            return _SUMS[type(sign)](_compute(left, known), _compute(right, known))
    raise ValueError(ast.dump(node)[:80])


def _find_network(files: Mapping[str, bytes]) -> bytes:
    """The .tflite itself, else the source whose array holds it; of several the first by name."""
    inside = [files[name] for name in sorted(files) if name.startswith("tflite-model/")]
    plain = [data for data in inside if data[4:8] == b"TFL3"] + [data for data in inside if _ARRAY.search(data)]
    return plain[0] if plain else b""


def _roots(path: Path) -> list[str]:
    """Where exports begin in a folder or a zip; none where it is neither, or a zip of more members than one has."""
    if path.is_dir():
        places = [found for depth in ("", "*/", "*/*/") for found in path.glob(depth + _METADATA)]
        return [str(one.parent.parent) for one in places]
    try:
        with limits.open_file(path, limits.WEIGHTS_BYTES, ModelError, "give an export") as stream:
            if stream.read(4) != b"PK\x03\x04" or limits.doubt_archive(stream, _MEMBERS, large=True):
                return []
            with zipfile.ZipFile(stream) as archive:
                names = [name for name in archive.namelist() if f"/{name}".endswith(f"/{_METADATA}")]
                return [name.removesuffix(_METADATA) for name in names]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return []


def _collect(path: Path) -> dict[str, bytes]:
    """The files of an export by their path in it, within the limits."""
    path = path.absolute().parent.parent if path.name == Path(_METADATA).name else path
    cure = f"give the folder or zip of one export, with its {_METADATA}"
    found, left = dict[str, bytes](), limits.UNPACKED_BYTES
    try:
        if len(roots := _roots(path)) != 1:
            raise ModelError(f"{path}: {len(roots) or 'no'} exports of Edge Impulse in it; {cure}")
        with contextlib.ExitStack() as stack:
            archive = None if path.is_dir() else stack.enter_context(zipfile.ZipFile(path))
            if archive and {one.compress_type for one in archive.infolist()} - {
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
            }:
                raise zipfile.BadZipFile("compressed in a way that no export is")
            root = zipfile.Path(archive, roots[0]) if archive else Path(roots[0])
            folders = [name for name in ("model-parameters", "tflite-model") if (root / name).is_dir()]
            for folder, one in [(name, one) for name in folders for one in (root / name).iterdir() if one.is_file()]:
                with one.open("rb") if archive else limits.open_file(Path(str(one)), left, ModelError, cure) as stream:
                    data = found[f"{folder}/{one.name}"] = stream.read(left + 1)
                if (left := left - len(data)) < 0:
                    raise ModelError(f"{path}: holds more than {limits.UNPACKED_BYTES:,} bytes; {cure}")
    except (OSError, RuntimeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: cannot be read ({error}); {cure}") from error
    return found
