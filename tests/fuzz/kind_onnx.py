"""ONNX files of strangers: a graph with scales, float ones, and one whose constants lie in a file beside it."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, load_model_from_string, numpy_helper

from tests.fuzz.case import Case, Draw, kind, rarely
from tests.fuzz.mutating import NAMES, mutate_bytes, mutate_wire
from tests.fuzz.telling import FaultError
from tests.onnx_nets import Scaled, Torch
from tinykit.ground.errors import EngineError
from tinykit.train.conversion.converting import convert
from tinykit.train.conversion.onnx_graph import list_operators

SHAPE = (1, 16)
"""Of the input of every float base, so that one set of samples is for all of them."""
SAMPLES = np.random.default_rng(0).normal(0, 1, (12, *SHAPE[1:])).astype(np.float32)
WEIGHTS = "weights.bin"
OTHERS = (
    "ConstantOfShape", "Expand", "Tile", "Range", "Erf", "Einsum", "Where", "NonZero", "Shape", "Cast", "TopK", "Split",
    "RandomNormal", "SequenceConstruct", "StringNormalizer", "NoSuchOperator", "OneHot", "EyeLike", "BitShift",
)  # fmt: skip
SIZES = (0, -1, 1, 3, 7, 2**16, 2**31 - 1, 2**31, 2**40, 2**62, -(2**63))
STEPS: tuple[Any, ...] = (
    0.0, -1.0, np.nan, np.inf, 1e-38, 1e-45, 1e30, 3.4e38, [], [0.1], [0.1] * 3, [0.1] * 4, [[0.1, 0.2]], [0.1] * 5000,
)  # fmt: skip
TYPES = ("int8", "uint8", "int16", "uint16", "int32", "int64", "float16", "float64", "bool")
PLACES = (
    "../../etc/passwd", "/etc/passwd", "m.onnx", WEIGHTS, f"./{WEIGHTS}", f"in/../{WEIGHTS}", "", ".", "..",
    "/dev/zero", "/proc/self/mem", "samples.npz/x", f"{WEIGHTS}\0", "x" * 5000, "\x1b[2J", "C:\\owned", "//host/owned",
)  # fmt: skip
OFFSETS = ("0", "1", "-1", "4096", "9" * 30, "9" * 5000, "nan", "0x10", "", "1e3", "\x1b[2J")


# bases


def scaled() -> ModelProto:
    """A small convolutional network with its scales: a convolution, a pool, a fully connected layer."""
    net = Scaled((1, 3, 8, 8)).scale(0.03)
    numbers, steps = np.random.default_rng(0), np.linspace(0.005, 0.01, 4)
    codes = numbers.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    inputs = [net.last, net.known(codes, steps), net.known(np.arange(4, dtype=np.int32), 0.03 * steps)]
    net.node("Conv", inputs, (1, 4, 8, 8), kernel_shape=[3, 3], pads=[1] * 4, strides=[1, 1], group=1)
    net.relu().scale(0.05, -128).pool().scale(0.05, -128).flatten().scale(0.05, -128)
    codes = numbers.integers(-127, 128, (5, 64)).astype(np.int8)
    inputs = [net.last, net.known(codes, 0.01), net.known(np.arange(5, dtype=np.int32), 0.05 * 0.01)]
    return net.node("Gemm", inputs, (1, 5), transB=1).scale(0.1).model()


def dense() -> ModelProto:
    return Torch(SHAPE).gemm(8).relu().matmul(4).unary("Softmax", axis=-1).model()


def image() -> ModelProto:
    net = Torch(SHAPE)
    net.node("Reshape", ["x", net.constant(np.array([1, 1, 4, 4], np.int64))], (1, 1, 4, 4))
    return net.conv(4).norm().clip().pool().mean().flatten().gemm(3).model()


def apart() -> ModelProto:
    """Constants in a file beside it."""
    model, place = dense(), 0
    for one in model.graph.initializer:
        size = len(one.raw_data)
        _put_outside(one, WEIGHTS, str(place), str(size))
        place += size
    return model


BASES: dict[str, Callable[[], ModelProto]] = {one.__name__: one for one in (scaled, dense, image, apart)}


@functools.cache
def read_base(name: str) -> bytes:
    return BASES[name]().SerializeToString()


@functools.cache
def list_beside() -> dict[str, bytes]:
    """What lies beside every case: constants of one base, samples for the float ones."""
    stream = io.BytesIO()
    np.savez(stream, x=SAMPLES)
    weights = b"".join(one.raw_data for one in dense().graph.initializer)
    return {WEIGHTS: weights, "samples.npz": stream.getvalue()}


# doors


def convert_onnx(path: Path) -> None:
    """Taken or refused in words of the kit's own: an exception out of the rules is none."""
    try:
        json.dumps(convert(path, representative=SAMPLES).to_json(), default=str)
    except EngineError as error:
        if "refused the model" in str(error):
            raise FaultError("foreign", str(error)) from error
        raise


@kind(
    convert_onnx,
    rarely("import {file} --out {out}/m.tflite --representative samples.npz", 5),
    rarely("inspect {file} --representative samples.npz", 6), rarely("inspect {file} --json", 12),
    rarely("fit {file} --board nucleo-l4r5zi --json --representative samples.npz", 8),
    rarely("verify {file} --against onnxruntime --representative samples.npz", 12),
    share=6,
)  # fmt: skip
def onnx(draw: Draw) -> Case:
    base = read_base(draw.choose([*BASES], (4, 2, 2, 2)))
    act = draw.choose(("structure", "wire", "bytes", "cut"), (5, 3, 1, 1))
    if act == "structure":
        data = change(draw, base)
    elif act == "wire":
        data = mutate_wire(draw, base, (*NAMES, *list_operators(), *OTHERS))
    else:
        data = mutate_bytes(draw, base) if act == "bytes" else cut(draw, base)
    return Case(data, draw.choose(("m.onnx", "m.pb", "m.bin", "m.ONNX"), (9, 1, 1, 1)), list_beside())


def cut(draw: Draw, data: bytes) -> bytes:
    """The beginning alone."""
    return data[: draw.below(len(data))]


def change(draw: Draw, base: bytes) -> bytes:
    """One to three parts of a graph as nobody exports them."""
    model = load_model_from_string(base)
    for _ in range(draw.choose((1, 1, 2, 3))):
        draw.choose(CHANGES)(draw, model)
    return bytes(model.SerializeToString())


# changes


def _name(draw: Draw) -> str:
    return str(draw.choose(NAMES)).encode("utf-8", "replace").decode()


def _node(draw: Draw, model: Any) -> Any:
    return draw.choose(model.graph.node) if model.graph.node else model.graph.node.add(op_type="Relu", input=["x"])


def _constant(draw: Draw, model: Any, part: str = "") -> Any:
    """An initialiser, of those that a node takes as its scale or zero point where that is asked for."""
    places = {"scale": 1, "zero": 2}
    wanted = {one.input[places[part]] for one in model.graph.node
              if part and "Quantize" in one.op_type and len(one.input) > places[part]}  # fmt: skip
    known = [one for one in model.graph.initializer if not part or one.name in wanted]
    return draw.choose(known) if known else model.graph.initializer.add(name="none", data_type=1)


def _sizes(draw: Draw) -> list[int]:
    return [draw.choose(SIZES) for _ in range(draw.choose((0, 1, 2, 4, 9)))]


def _change_kind(draw: Draw, model: Any) -> None:
    """Most often to one that reads as many inputs, which ONNX Runtime takes."""
    alike = ("Relu", "Sigmoid", "Tanh", "HardSwish", "LeakyRelu", "Softmax", "LogSoftmax", "Flatten", "Transpose",
             "ReduceMean", "ReduceMax", "Erf", "Identity", "GlobalAveragePool", "Squeeze", "MaxPool")  # fmt: skip
    node = _node(draw, model)
    single = len(node.input) == 1 and draw.chance(0.7)
    node.op_type = draw.choose(alike if single else (*list_operators(), *list_operators(), *OTHERS, _name(draw)))


def _change_sizes(draw: Draw, model: Any) -> None:
    """Of a constant whose data stay, or of the input."""
    if draw.chance(0.6) or not model.graph.input:
        one = _constant(draw, model)
        one.dims[:] = [*_sizes(draw)] if draw.chance(0.5) else [*one.dims[::-1]]
        return
    shape = draw.choose(model.graph.input).type.tensor_type.shape
    if draw.chance(0.7):
        del shape.dim[:]
    for size in _sizes(draw) if draw.chance(0.5) else [1, *(draw.choose((1, 3, 8, 16, 2**12)) for _ in range(3))]:
        shape.dim.add(dim_value=size)
    for dim in shape.dim if draw.chance(0.3) else ():
        dim.dim_param = _name(draw)


def _change_scale(draw: Draw, model: Any) -> None:
    one = _constant(draw, model, "scale")
    array = np.array(draw.choose(STEPS)).astype(draw.choose(("float32", "float32", "float16", "float64", "int32")))
    one.CopyFrom(numpy_helper.from_array(array, one.name))


def _change_zero(draw: Draw, model: Any) -> None:
    one = _constant(draw, model, "zero")
    count = draw.choose(((), (0,), (1,), (3,), (4,), (2, 2)))
    array = np.full(count, draw.choose((-129, -128, 0, 1, 127, 255, 70_000))).astype(draw.choose(TYPES))
    one.CopyFrom(numpy_helper.from_array(array, one.name))


def _change_option(draw: Draw, model: Any) -> None:
    """An attribute that is another, of another type, or there twice."""
    node = _node(draw, model)
    names = [one.name for one in node.attribute] or ["axis", "group", "perm", "to"]
    name = draw.choose((*names, *names, "axis", "block_size", "output_dtype", "auto_pad", "ceil_mode", _name(draw)))
    known = SIZES if draw.chance(0.4) else (0, 1, 2, 3, -1)
    numbers = [draw.choose(known) for _ in range(draw.choose((1, 2, 4, 8)))]
    value = draw.choose((numbers, numbers, numbers[0], float("nan"), "SAME_UPPER", b"\xff\x1b[2J", ["a", "b"], 1e300))
    kept = [one for one in node.attribute if one.name != name or draw.chance(0.1)]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])


def _change_name(draw: Draw, model: Any) -> None:
    """Of a value wherever it is read, or of a node or the graph."""
    new = _name(draw)
    if draw.chance(0.3):
        draw.choose((model.graph, _node(draw, model))).name = new
        return
    node = _node(draw, model)
    old = draw.choose([*node.input, *node.output] or ["x"])
    for one in (*model.graph.initializer, *model.graph.input, *model.graph.output):
        one.name = new if one.name == old else one.name
    for one in model.graph.node:
        for names in (one.input, one.output):
            names[:] = [new if name == old else name for name in names]


def _make_huge(draw: Draw, model: Any) -> None:
    """Something small that asks for much: a constant of claims, or a node that makes a value of any size."""
    node, sizes = _node(draw, model), [draw.choose((1, 4, 2**10, 2**14, 2**20, 2**31)) for _ in range(3)]
    if draw.chance(0.3):
        model.graph.initializer.add(name="huge", data_type=1, dims=sizes, raw_data=b"\0" * 64)
    else:
        model.graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), "sizes"))
        spread = draw.choose(("ConstantOfShape", "Expand", "Tile", "Pad", "Reshape", "Resize"))
        given = {"ConstantOfShape": ["sizes"], "Resize": ["x", "", "", "sizes"]}.get(spread, ["x", "sizes"])
        model.graph.node.insert(0, helper.make_node(spread, given, ["huge"], "spread"))
    if node.input:
        node.input[draw.below(len(node.input))] = "huge"


def _put_outside(one: Any, place: str, offset: str, length: str) -> None:
    for name in ("raw_data", "float_data", "int32_data", "int64_data"):
        one.ClearField(name)
    del one.external_data[:]
    one.data_location = TensorProto.EXTERNAL
    for key, value in (("location", place), ("offset", offset), ("length", length)):
        one.external_data.add(key=key, value=value)


def _point_outside(draw: Draw, model: Any) -> None:
    one = _constant(draw, model)
    size = str(4 * int(np.prod([*one.dims], dtype=np.float64)))
    _put_outside(one, draw.choose(PLACES), draw.choose(("0", "0", *OFFSETS)), draw.choose((size, size, *OFFSETS)))
    if draw.chance(0.3):
        one.external_data.add(key=draw.choose(("location", "checksum", _name(draw))), value=draw.choose(PLACES))
    if draw.chance(0.2):
        one.data_location = TensorProto.DEFAULT


def _nest(draw: Draw, model: Any) -> None:
    """A branch in a branch in a branch, or loops."""
    kind, inner = draw.choose(("If", "Loop", "Scan", "Relu")), model.graph
    start = helper.make_graph([helper.make_node("Identity", ["x"], ["deep"])], "deep", [], [])
    body = functools.reduce(_wrap, [kind] * draw.choose((0, 3, 20)), start)
    node = helper.make_node(kind, ["x"], ["branched"], _name(draw) if draw.chance(0.3) else "fork")
    names = ("then_branch", "else_branch") if kind == "If" else ("body",)
    node.attribute.extend(helper.make_attribute(name, body) for name in names)
    if draw.chance(0.2):  # the type says that it is none
        node.attribute[0].type = draw.choose((0, 1, 7))
    inner.node.insert(draw.below(len(inner.node) + 1), node)


def _wrap(inner: Any, kind: str) -> Any:
    return helper.make_graph([helper.make_node(kind, ["x"], ["deep"], body=inner)], "deep", [], [])


def _add_function(draw: Draw, model: Any) -> None:
    """A function that a node calls, which may call itself or have the name of an operator."""
    node, domain = _node(draw, model), draw.choose(("own", "", "com.microsoft"))
    name = draw.choose(("f", node.op_type, _name(draw)))
    called = helper.make_node(draw.choose(("Relu", name)), ["a"], ["b"], domain=draw.choose(("", domain)))
    if draw.chance(0.8):
        model.functions.append(helper.make_function(domain, name, ["a"], ["b"], [called], model.opset_import))
    node.domain, node.op_type = domain, name


def _change_edges(draw: Draw, model: Any) -> None:
    """Nodes that read what they make, that are gone, in another order, twice, or thousands."""
    nodes, act = [*model.graph.node], draw.below(7)
    node = _node(draw, model)
    if act == 0 and node.input:
        node.input[draw.below(len(node.input))] = draw.choose((*node.output, *_node(draw, model).output, "", "none"))
    elif act == 1:
        model.graph.node.remove(node)
    elif act == 2:
        model.graph.node.sort(key=lambda one: one.op_type)
    elif act == 3:
        model.graph.node.extend(nodes * draw.choose((1, 20)))
    elif act == 4:
        node.input.extend([draw.choose(("", "x", _name(draw)))] * draw.choose((1, 3, 500)))
    elif act == 5:
        node.output.extend([draw.choose(("", "x", "more"))] * draw.choose((1, 3, 500)))
    else:
        del draw.choose((node.input, node.output))[:]


def _change_ends(draw: Draw, model: Any) -> None:
    """Inputs and outputs that are none, twice, constants, or of another type."""
    graph, act = model.graph, draw.below(6)
    ends = draw.choose((graph.input, graph.output))
    if act == 0:
        del ends[:]
    elif act == 1:
        ends.extend([*ends])
    elif act == 2:
        ends.append(helper.make_tensor_value_info(_constant(draw, model).name, 1, [1, 4]))
    elif act == 3 and ends:
        ends[0].type.tensor_type.elem_type = draw.choose((0, 2, 3, 6, 7, 8, 9, 10, 11, 16, 17, 22, 99))
    elif act == 4 and ends:
        ends[0].type.sequence_type.elem_type.tensor_type.elem_type = 1
    else:
        ends.append(helper.make_tensor_value_info(draw.choose(("x", "second", _name(draw))), 1, [1, 16]))


def _change_versions(draw: Draw, model: Any) -> None:
    act = draw.below(4)
    if act == 0:
        model.ir_version = draw.choose((0, 1, 3, 7, 10, 13, 2**31, 2**62))
    elif act == 1:
        del model.opset_import[:]
    else:
        domain = draw.choose(("", "", "ai.onnx", "ai.onnx.ml", "com.microsoft", _name(draw)))
        version = draw.choose((1, 10, 11, 13, 18, 21, 24, 25, -1, 2**62))
        model.opset_import.insert(0, helper.make_opsetid(domain, version))


def _change_data(draw: Draw, model: Any) -> None:
    """Of a constant: another type, fewer or more bytes, two fields at once, text."""
    one, act = _constant(draw, model), draw.below(4)
    if act == 0:
        one.data_type = draw.choose((0, 1, 2, 3, 6, 7, 8, 10, 11, 14, 16, 17, 21, 23, 99))
    elif act == 1:
        one.raw_data = mutate_bytes(draw, one.raw_data)
    elif act == 2:
        one.float_data.extend([1.0, float("nan")])
    else:
        one.string_data.append(b"\xff\x1b[2J")


def _add_rest(draw: Draw, model: Any) -> None:
    """What no network needs: sparse constants, a training graph, notes of quantisation, what it says of itself."""
    act = draw.below(4)
    if act == 0:
        sparse = model.graph.sparse_initializer.add(dims=_sizes(draw))
        sparse.values.CopyFrom(_constant(draw, model))
    elif act == 1:
        model.training_info.add().algorithm.CopyFrom(model.graph)
    elif act == 2:
        model.graph.quantization_annotation.add(tensor_name=_name(draw))
    else:
        model.metadata_props.add(key=_name(draw), value=_name(draw))
        model.producer_name, model.doc_string = _name(draw), _name(draw)


CHANGES: tuple[Callable[[Draw, Any], None], ...] = (
    _change_kind, _change_kind, _change_sizes, _change_sizes, _change_scale, _change_scale, _change_zero,
    _change_option, _change_option, _change_name, _make_huge, _make_huge, _point_outside, _point_outside, _nest,
    _add_function, _change_edges, _change_edges, _change_ends, _change_versions, _change_data, _add_rest,
)  # fmt: skip
