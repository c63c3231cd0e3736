"""An ONNX file from a stranger as nodes whose constants and shapes are known, quantised, or one clear refusal.

It runs in the child process alone. ONNX Runtime folds constants and normalisations and checks the graph; what branches,
loops or calls is refused before it sees the file. Scales are the file's own or come from samples of the user's.
"""

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground import limits
from tinykit.ground.caches import remember_table
from tinykit.ground.errors import ModelError
from tinykit.ground.facts import read_csv, shipped_path
from tinykit.ground.writing import scratch

Array = NDArray[Any]
OPSETS = range(11, 25)
"""Versions of the operators: 11 to 21 are tested, and up to 24 nothing has changed in those that are converted."""
_MOST_NODES, _NEWEST_FORMAT, _BRANCHES, _OWN = 4096, 10, (5, 10), ("", "ai.onnx", "com.microsoft")
_FIRST_PER_CHANNEL, _CURRENT, _MOST_ELEMENTS = 13, 17, 2**24
_MOVING = "QDQPropagationTransformer WeightBiasQuantization TransposeOptimizer QDQFinalCleanupTransformer".split()
"""What of ONNX Runtime would move scales, or axes, to other places."""


@remember_table
def list_operators() -> Mapping[str, tuple[Mapping[str, str], ...]]:
    """The rows of `data/onnx.csv` by ONNX operator."""
    rows = read_csv(shipped_path("data", "onnx.csv")).rows
    return {name: tuple(row for row in rows if row["onnx"] == name) for name in {row["onnx"] for row in rows}}


@dataclass(frozen=True, slots=True)
class Node:
    """A node by its name or else that of its first output; an input that is left out is ""."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict[str, Any]

    def refuse(self, reason: str) -> ModelError:
        """The error that names it."""
        return ModelError(f"node {self.name[:60]!r} ({self.kind}): {reason}")

    @property
    def row(self) -> Mapping[str, str]:
        """What is known of its operator; ModelError where none of a `.tflite` does the same."""
        row = list_operators().get(self.kind, ({"rule": "-", "cure": "replace the layer"},))[0]
        if row["rule"] == "-":
            raise self.refuse(f"no int8 operator of a .tflite stands for it; {row['cure']}")
        return row


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in order, constants, shapes and element types of inputs by name; `proto` is the file's own form."""

    nodes: tuple[Node, ...]
    constants: dict[str, Array]
    shapes: dict[str, tuple[int, ...]]
    inputs: dict[str, int]
    outputs: tuple[str, ...]
    opset: int
    proto: Any = field(repr=False)

    @property
    def quantised(self) -> bool:
        """Whether scales are in it, or should be."""
        return any("Quantize" in node.kind for node in self.nodes)


def open_graph(content: bytes, folder: Path) -> tuple[Graph, list[str]]:
    """The graph of a file's bytes, whose external data may lie in `folder`, folded; and what to know of it.

    Raises ModelError: damaged, too large, of another version, with branches, functions, data elsewhere or open sizes.
    """
    import onnx

    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's DecodeError, whichever of its implementations raises it
        raise ModelError("a damaged or truncated ONNX file; copy or export it again") from error
    _check(model)
    tensors = [one for node in model.graph.node for a in node.attribute for one in (a.t, *a.tensors)]
    size = 0
    for tensor in [one for one in (*model.graph.initializer, *tensors) if one.external_data]:
        _fetch(tensor, folder)
        if (size := size + len(tensor.raw_data)) > limits.MODEL_BYTES:
            raise ModelError(f"its constants take more than {limits.MODEL_BYTES:,} bytes; no model needs that")
    notes = _fix_sizes(model.graph)
    graph = _fold(model)
    for node in graph.nodes:
        _ = graph.quantised or (node.kind != "BatchNormalization" and node.row)
    return graph, notes


def _check(model: Any) -> None:
    graph, versions = model.graph, [one.version for one in model.opset_import if one.domain in _OWN[:2]]
    if not graph.node:
        raise ModelError("an ONNX model without a node, so damaged or no network; export it again")
    if not versions or versions[0] not in OPSETS:
        raise ModelError(f"of opset {versions[:1]}; allowed: {OPSETS[0]} to {OPSETS[-1]}; export it with opset 17")
    if max(len(graph.node), len(graph.initializer)) > _MOST_NODES:
        raise ModelError(f"{len(graph.node)} nodes and {len(graph.initializer)} constants; allowed: {_MOST_NODES} each")
    if model.functions or graph.sparse_initializer:
        raise ModelError("holds functions or sparse constants; export it with plain nodes (onnx.inliner inlines)")
    for node in graph.node:
        if any(one.type in _BRANCHES or one.g.node or one.graphs for one in node.attribute):
            raise _plain(node).refuse("it holds a graph of its own, a branch or a loop; export without control flow")
        if node.domain not in _OWN:
            raise _plain(node).refuse(f"it is of the domain {node.domain[:60]!r}; use ONNX's own operators")


def _plain(node: Any) -> Node:
    from onnx.helper import get_attribute_value

    options = {one.name: get_attribute_value(one) for one in node.attribute if one.type not in (0, *_BRANCHES)}
    return Node(node.op_type, node.name or next(iter(node.output), ""), (*node.input,), (*node.output,), options)


def _fetch(tensor: Any, folder: Path) -> None:
    """Put a constant that lies in a file beside the model into the model."""
    told = {one.key: one.value for one in tensor.external_data}
    place, name = Path(told.get("location", "")), f"constant {tensor.name[:60]!r}"
    inside = [folder / Path(*place.parts[: depth + 1]) for depth in range(len(place.parts))]
    if not inside or place.is_absolute() or ".." in place.parts or any(map(os.path.islink, inside)):
        raise ModelError(f"{name} lies outside the model's folder ({str(place)[:120]!r}); save the model in one file")
    try:
        start, count = int(told.get("offset") or 0), int(told.get("length") or -1)
        with limits.open_file(inside[-1], limits.MODEL_BYTES, ModelError, "no model needs that") as stream:
            stream.seek(start)
            tensor.raw_data = stream.read(min(count, limits.MODEL_BYTES))
    except (OSError, ValueError) as error:
        said = f"{name}: {str(place)[:120]!r} cannot be read ({getattr(error, 'strerror', None) or error})"
        raise ModelError(f"{said}; put it beside the model") from error
    del tensor.external_data[:]
    tensor.data_location = 0


def _fix_sizes(graph: Any) -> list[str]:
    """A batch of 1 where it is open; shapes that the file only claims are forgotten."""
    notes, constants = [], {one.name for one in graph.initializer}
    for one in [one for one in graph.input if one.name not in constants]:
        dims = one.type.tensor_type.shape.dim
        if dims and dims[0].dim_value <= 0:
            dims[0].dim_value = 1
            notes.append(f"the batch of input {one.name[:60]!r} is fixed to 1")
        sizes = [str(dim.dim_value) if dim.dim_value > 0 else dim.dim_param or "?" for dim in dims]
        if not sizes or not all(map(str.isdigit, sizes)):
            said = f"input {one.name[:60]!r} has open sizes ({', '.join(sizes)[:120]})"
            raise ModelError(f"{said}; a microcontroller needs every size fixed: export it so")
    del graph.value_info[:]
    for one in graph.output:
        one.type.tensor_type.ClearField("shape")
    return notes


def _fold(model: Any) -> Graph:
    """The graph as ONNX Runtime leaves it: constants computed, normalisations in the layers before them, checked."""
    import onnx
    import onnxruntime

    model.ir_version = min(model.ir_version, _NEWEST_FORMAT)
    with scratch("tinykit-onnx-") as folder, _told("ONNX Runtime refuses it"):
        options, path = onnxruntime.SessionOptions(), str(folder / "folded.onnx")
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath, options.log_severity_level, options.intra_op_num_threads = path, 4, 1
        version = next(one.version for one in model.opset_import if one.domain in _OWN[:2])
        if version < _FIRST_PER_CHANNEL and not any("Quantize" in node.op_type for node in model.graph.node):
            model = onnx.version_converter.convert_version(model, _CURRENT)
        _check_sizes(onnx.shape_inference.infer_shapes(model, data_prop=True).graph)
        given = model.SerializeToString()
        onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"], disabled_optimizers=_MOVING)
        folded = onnx.load_model(path)
        _restore_hard_swish(folded.graph)
        _turn_around(folded.graph)
        return _read(folded)


def _check_sizes(graph: Any) -> None:
    """Refuse what a few bytes make of any size, before something computes it."""
    for one in (*graph.input, *graph.value_info, *graph.output):
        sizes = [dim.dim_value for dim in one.type.tensor_type.shape.dim]
        if math.prod(sizes) > _MOST_ELEMENTS:
            raise ModelError(f"value {one.name[:60]!r} is of shape {str(sizes)[:120]}; no microcontroller holds that")


def _restore_hard_swish(graph: Any) -> None:
    """Write HardSwish again where ONNX Runtime took it apart: x times HardSigmoid(x)."""
    hard = {node.output[0]: node for node in graph.node if node.op_type == "HardSigmoid"}
    for node in [one for one in graph.node if one.op_type == "Mul" and hard.keys() & set(one.input)]:
        part = next(hard[name] for name in node.input if name in hard)
        if part.input[0] in node.input and round(_plain(part).options.get("alpha", 0.2), 3) == 0.167:
            node.op_type, node.input[:] = "HardSwish", part.input
            graph.node.remove(part)


def _turn_around(graph: Any) -> None:
    """Write a constant that is taken off as one that is added, a division by one as a product: those are quantised."""
    from onnx.numpy_helper import from_array, to_array

    known = {one.name: to_array(one) for one in graph.initializer}
    for node in [one for one in graph.node if one.op_type in ("Sub", "Div") and one.input[1] in known]:
        array, name = known[node.input[1]], f"{node.output[0]}_turned"
        if array.dtype.kind == "f" and (node.op_type == "Sub" or array.all()):
            graph.initializer.append(from_array(-array if node.op_type == "Sub" else 1 / array, name))
            node.op_type, node.input[1] = ("Add" if node.op_type == "Sub" else "Mul"), name


def _read(model: Any) -> Graph:
    """Nodes, constants and inferred shapes of a model."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    shapes = {name: one.shape for name, one in constants.items()}
    for one in (*graph.value_info, *graph.output, *graph.input):
        sizes = [dim.dim_value for dim in one.type.tensor_type.shape.dim]
        if one.type.tensor_type.HasField("shape") and min(sizes, default=1) > 0:
            shapes[one.name] = tuple(sizes)
    inputs = {one.name: one.type.tensor_type.elem_type for one in graph.input if one.name not in constants}
    version = next(one.version for one in model.opset_import if one.domain in _OWN[:2])
    nodes, outputs = tuple(map(_plain, graph.node)), tuple(one.name for one in graph.output)
    return Graph(nodes, constants, shapes, inputs, outputs, version, model)


def quantise(graph: Graph, samples: dict[str, Array]) -> Graph:
    """The graph with int8 activations and symmetric int8 weights, a scale for each output, by ONNX Runtime."""
    import onnx
    from onnxruntime import quantization

    model = _split_normalisations(graph)
    places = iter(range(len(next(iter(samples.values())))))

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc,unused-ignore]
        def get_next(self) -> Any:
            return next(({name: one[place : place + 1] for name, one in samples.items()} for place in places), None)

    with scratch("tinykit-onnx-") as folder, _told("ONNX Runtime does not quantise it"):
        made = str(folder / "quantised.onnx")
        quantization.quantize_static(model, made, Reader(), per_channel=True)
        return _read(onnx.load_model(made))


def _split_normalisations(graph: Graph) -> Any:
    """The model with each BatchNormalization that was not folded as a convolution of 1 × 1 for each channel."""
    from onnx import helper, numpy_helper

    nodes, known, made = [], graph.constants, graph.proto.graph
    for node, proto in zip(graph.nodes, made.node, strict=True):
        shape = graph.shapes.get(node.inputs[0], ()) if node.kind == "BatchNormalization" else ()
        if not 2 <= len(shape) <= 4 or not set(node.inputs[1:5]) <= known.keys():
            nodes.append(proto if node.row else None)
            continue
        scale, shift, mean, variance = (known[name].astype(np.float64) for name in node.inputs[1:5])
        factor, wide = scale / np.sqrt(variance + node.options.get("epsilon", 1e-5)), (*shape[:2], *(shape[2:] or (1,)))
        arrays = [
            factor.reshape(-1, 1, *[1] * len(wide[2:])).astype(np.float32),
            (shift - mean * factor).astype(np.float32),
        ]
        names = [f"{node.outputs[0]}_{place}" for place in range(6)]
        for name, one in zip(names, (*arrays, np.array(wide), np.array(shape)), strict=False):
            made.initializer.append(numpy_helper.from_array(one, name))
        nodes += [helper.make_node("Reshape", [node.inputs[0], names[2]], [names[4]]),
                  helper.make_node("Conv", [names[4], *names[:2]], [names[5]], node.name, group=factor.size),
                  helper.make_node("Reshape", [names[5], names[3]], node.outputs[:1])]  # fmt: skip
    del made.node[:]
    made.node.extend(nodes)
    return graph.proto


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """An error of ONNX or its runtime as one of the kit's."""
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except Exception as error:
        raise ModelError(f"{what} ({' '.join(str(error).split())[:300]}); export the network again") from error
