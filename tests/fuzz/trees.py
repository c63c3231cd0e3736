"""Mutations of a .tflite field by field, over the trees of the schema's own object API."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Any

import flatbuffers
import numpy as np

from tests.fuzz.case import Draw
from tests.fuzz.mutating import NAMES, mutate_bytes
from tests.models import schema
from tests.packing_models import unpack

INTEGERS = (0, 1, -1, 2, 3, 127, 128, 255, 32767, 65536, 2**24 + 1, 2**31 - 1, -(2**31), 2**32 - 1, 2**62)
FLOATS = (0.0, -1.0, 1e-300, 1e-38, 1e30, 3.4e38, float("nan"), float("inf"), float("-inf"), 1.0)
PLAN = "OfflineMemoryAllocation"
_CLASSES = ("TensorT", "QuantizationParametersT", "OperatorT", "OperatorCodeT", "SubGraphT", "BufferT", "MetadataT",
            "ModelT", "Options", "any")  # fmt: skip
_WEIGHTS = (6, 4, 5, 3, 2, 2, 1, 1, 5, 3)
_TRIES = 8


class _Builder(flatbuffers.Builder):
    """Writes each vector on a 16-byte boundary: the native code that aligns models elsewhere dies of hostile ones."""

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802 -- the library's name
        self.StartVector(x.itemsize, x.size, 16)
        length = x.itemsize * x.size
        self.head -= length
        self.Bytes[self.Head() : self.Head() + length] = x.tobytes(order="C")
        self.vectorNumElems = x.size
        return int(self.EndVector())


def pack_plainly(tree: Any) -> bytes:
    builder = _Builder(4096)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def mutate_model(draw: Draw, model: bytes) -> bytes:
    """The model with one to three fields or pieces changed; bytes where no such change can be written."""
    for _ in range(_TRIES):
        with contextlib.suppress(Exception):  # what the object API cannot pack is drawn again
            tree = unpack(model)
            for _ in range(draw.choose((1, 1, 1, 2, 3))):
                _change(draw, tree)
            return pack_plainly(tree)
    return mutate_bytes(draw, model)


def _change(draw: Draw, tree: Any) -> None:
    if draw.chance(0.25):
        draw.choose((_operators, _tensors, _plan, _ends, _call, _share_buffer, _chain))(draw, tree)
        return
    wanted = draw.choose(_CLASSES, _WEIGHTS)
    fields = [(one, name) for one, name in _walk(tree) if wanted in ("any", type(one).__name__) or
              (wanted == "Options" and "Options" in type(one).__name__)]  # fmt: skip
    if not fields:
        fields = [*_walk(tree)]
    holder, name = draw.choose(fields)
    setattr(holder, name, _other(draw, getattr(holder, name)))


def _walk(one: Any) -> Iterator[tuple[Any, str]]:
    for name, value in vars(one).items():
        yield one, name
        for item in value if isinstance(value, list) else (value,):
            if hasattr(item, "__dict__") and type(item).__module__ == schema.__name__:
                yield from _walk(item)


def _other(draw: Draw, value: Any) -> Any:
    """Another value of the same type, or none at all."""
    if draw.chance(0.08):
        return None
    if isinstance(value, bool | np.bool_):
        return not value
    if isinstance(value, int | np.integer):
        return draw.choose((*INTEGERS, int(value) + 1, int(value) - 1))
    if isinstance(value, float | np.floating):
        return draw.choose(FLOATS)
    if isinstance(value, bytes | str):
        return draw.choose(NAMES).encode("utf-8", "surrogatepass")
    if isinstance(value, np.ndarray) and value.size:
        return _array(draw, value)
    if isinstance(value, list) and value and isinstance(value[0], int | float):
        return [int(one) for one in _array(draw, np.asarray(value))]
    if isinstance(value, list) and value:
        return draw.choose((value[:-1], value[::-1], value * 2, value[:1], []))
    return draw.choose((None, [0], [1, 1], [-1], [2**31 - 1, 2]))


def _array(draw: Draw, values: np.ndarray) -> np.ndarray:
    act, place = draw.below(5), draw.below(values.size)
    changed = values.copy()
    if act == 0:
        return changed[: draw.below(values.size)]
    if act == 1:
        return np.concatenate([changed, changed[:2]])
    if act == 2 and values.size < 100:
        return changed[::-1].copy()
    with np.errstate(all="ignore"):
        if values.dtype.kind == "f":
            changed[place] = draw.choose(FLOATS)
        else:
            bounds = np.iinfo(values.dtype)
            changed[place] = min(max(draw.choose(INTEGERS), int(bounds.min)), int(bounds.max))
    return changed


def _operators(draw: Draw, tree: Any) -> None:
    """One goes, is said twice, changes place, or becomes another operator."""
    graph = draw.choose(tree.subgraphs)
    listed = list(graph.operators)
    one, other = draw.below(len(listed)), draw.below(len(listed))
    act = draw.below(4)
    if act == 0:
        del listed[one]
    elif act == 1:
        listed.insert(other, listed[one])
    elif act == 2:
        listed[one], listed[other] = listed[other], listed[one]
    else:
        code = draw.choose(tree.operatorCodes)
        code.builtinCode = draw.below(210)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    graph.operators = listed


def _tensors(draw: Draw, tree: Any) -> None:
    """One becomes a copy of another, or gets another's shape, type, or quantisation."""
    graph = draw.choose(tree.subgraphs)
    one, other = draw.choose(graph.tensors), draw.choose(graph.tensors)
    name = draw.choose(("shape", "type", "quantization", "buffer", "isVariable", "sparsity", "shapeSignature"))
    setattr(one, name, getattr(other, name))


def _plan(draw: Draw, tree: Any) -> None:
    """An offline plan of the arena, with offsets that are none."""
    tensors = len(tree.subgraphs[0].tensors)
    offsets = [
        draw.choose((-1, 0, 16, 1024, 2**31 - 1, -(2**31), -2)) for _ in range(tensors + draw.choose((0, 0, 1, -1)))
    ]
    head = [draw.choose((1, 1, 0, 2**31 - 1)), draw.choose((0, 0, 7, -1)), draw.choose((len(offsets), tensors, 2**30))]
    data = struct.pack(f"<{len(head) + len(offsets)}i", *head, *offsets)
    tree.buffers.append(schema.BufferT(data=np.frombuffer(data, np.uint8)))
    entry = schema.MetadataT(name=PLAN.encode(), buffer=len(tree.buffers) - 1)
    tree.metadata = [*(tree.metadata or []), entry]


def _ends(draw: Draw, tree: Any) -> None:
    """Inputs and outputs of the model that are none, too many, or the same."""
    graph, count = tree.subgraphs[0], len(tree.subgraphs[0].tensors)
    ends = [draw.below(count) for _ in range(draw.choose((0, 1, 2, 40)))]
    setattr(graph, draw.choose(("inputs", "outputs")), np.asarray(ends, np.int32))


def _call(draw: Draw, tree: Any) -> None:
    """A subgraph that calls itself, or is there twice."""
    graph = draw.choose(tree.subgraphs)
    if draw.chance(0.5):
        tree.subgraphs = [*tree.subgraphs, graph]
        return
    code = schema.OperatorCodeT(builtinCode=draw.choose((118, 119, 129)), deprecatedBuiltinCode=127, version=1)
    tree.operatorCodes.append(code)
    one = draw.choose(graph.operators)
    one.opcodeIndex, one.builtinOptionsType = len(tree.operatorCodes) - 1, 0
    one.builtinOptions = None


def _share_buffer(draw: Draw, tree: Any) -> None:
    """A buffer of other data, of none, or of more than its tensor holds."""
    buffer = draw.choose(tree.buffers)
    size = 0 if buffer.data is None else len(buffer.data)
    fill = draw.choose((0x00, 0x7F, 0x80, 0xFF))
    buffer.data = np.full(draw.choose((0, size, size + 1, 2 * size, max(0, size - 1))), fill, np.uint8)


def _chain(draw: Draw, tree: Any) -> None:
    """An operator that reads what it writes, or what comes after it."""
    graph = draw.choose(tree.subgraphs)
    one, other = draw.choose(graph.operators), draw.choose(graph.operators)
    one.inputs = draw.choose((one.outputs, other.outputs, other.inputs))
