"""An ONNX file from a stranger as nodes whose constants and shapes are known, quantised, or one clear refusal.

It runs in the child process alone. ONNX Runtime folds constants and normalisations and checks the graph; what branches,
loops or calls is refused before it sees the file. Scales are the file's own or come from samples of the user's.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground import limits
from tinykit.ground.errors import ModelError
from tinykit.ground.writing import scratch
from tinykit.train.conversion.onnx_values import list_operators

Array = NDArray[Any]
OPSETS = range(11, 25)
"""Versions of the operators: 11 to 21 are tested, and up to 24 nothing has changed in those that are converted."""
_MOST_NODES, _NEWEST_FORMAT, _BRANCHES = 4096, 10, (5, 10)
_FIRST_PER_CHANNEL, _CURRENT = 13, 17
_KEPT_AS_THEY_ARE = [
    "QDQPropagationTransformer", "WeightBiasQuantization", "TransposeOptimizer", "QDQFinalCleanupTransformer",
    "EnsureUniqueDQForNodeUnit",
]  # fmt: skip
"""What of ONNX Runtime would move scales, or axes, to other places."""


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
        """Whether scales are in it."""
        return any(node.kind in ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear") for node in self.nodes)


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
    for tensor in (*model.graph.initializer, *tensors):
        if tensor.external_data:
            _fetch(tensor, folder)
    notes = _fix_sizes(model.graph)
    return _fold(model), notes


def _check(model: Any) -> None:
    graph, versions = model.graph, [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")]
    if not graph.node:
        raise ModelError("an ONNX file without a node, so damaged or no network; export it again")
    if versions[:1] == [] or versions[0] not in OPSETS:
        raise ModelError(f"of opset {versions[:1]}; allowed: {OPSETS[0]} to {OPSETS[-1]}; export it with opset 17")
    if max(len(graph.node), len(graph.initializer)) > _MOST_NODES:
        raise ModelError(f"{len(graph.node)} nodes and {len(graph.initializer)} constants; allowed: {_MOST_NODES} each")
    if model.functions or graph.sparse_initializer:
        raise ModelError("holds functions or sparse constants; export it with plain nodes (onnx.inliner inlines)")
    for node in graph.node:
        if any(one.type in _BRANCHES or one.g.node or one.graphs for one in node.attribute):
            said = "it holds a graph of its own, a branch or a loop; export the network without control flow"
            raise _plain(node).refuse(said)
        if node.domain not in ("", "ai.onnx", "com.microsoft"):
            raise _plain(node).refuse(f"it is of the domain {node.domain[:60]!r}; use ONNX's own operators")


def _plain(node: Any) -> Node:
    from onnx.helper import get_attribute_value

    name = node.name or next(iter(node.output), "")
    options = {one.name: get_attribute_value(one) for one in node.attribute if one.type not in (0, *_BRANCHES)}
    return Node(node.op_type, name, tuple(node.input), tuple(node.output), options)


def _fetch(tensor: Any, folder: Path) -> None:
    """Put a constant that lies in a file beside the model into the model."""
    told = {one.key: one.value for one in tensor.external_data}
    place, name = Path(told.get("location", "")), tensor.name[:60]
    inside = [folder / Path(*place.parts[: depth + 1]) for depth in range(len(place.parts))]
    if not inside or place.is_absolute() or ".." in place.parts or any(one.is_symlink() for one in inside):
        said = f"constant {name!r} lies outside the model's folder ({str(place)[:120]!r}), where nothing is read"
        raise ModelError(f"{said}; save the model in one file")
    try:
        start, count = int(told.get("offset") or 0), int(told.get("length") or -1)
        with limits.open_file(inside[-1], limits.MODEL_BYTES, ModelError, "no model needs that") as stream:
            stream.seek(start)
            data = stream.read(min(count, limits.MODEL_BYTES))
        if len(data) < count:
            raise ValueError(f"it ends {count - len(data)} bytes early")
    except (OSError, ValueError) as error:
        raise ModelError(f"constant {name!r}: {str(place)[:120]!r} cannot be read ({error})") from error
    del tensor.external_data[:]
    tensor.raw_data, tensor.data_location = data, 0


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
        onnxruntime.InferenceSession(
            model.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=_KEPT_AS_THEY_ARE,
        )
        folded = onnx.load_model(path)
        _restore_hard_swish(folded.graph)
        return _read(folded)


def _restore_hard_swish(graph: Any) -> None:
    """Write HardSwish again where ONNX Runtime took it apart: x times HardSigmoid(x)."""
    hard = {node.output[0]: node for node in graph.node if node.op_type == "HardSigmoid"}
    for node in [one for one in graph.node if one.op_type == "Mul" and hard.keys() & set(one.input)]:
        part = next(hard[name] for name in node.input if name in hard)
        told = [round(_plain(part).options.get(name, default), 3) for name, default in (("alpha", 0.2), ("beta", 0.5))]
        if part.input[0] in node.input and told == [0.167, 0.5]:
            node.op_type = "HardSwish"
            del node.input[:]
            node.input.append(part.input[0])
            graph.node.remove(part)


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
    version = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    nodes = tuple(_plain(node) for node in graph.node)
    return Graph(nodes, constants, shapes, inputs, tuple(one.name for one in graph.output), version, model)


def quantise(graph: Graph, samples: dict[str, Array]) -> Graph:
    """The graph with int8 activations and symmetric int8 weights, a scale for each output, by ONNX Runtime."""
    import onnx
    from onnxruntime import quantization

    for node in graph.nodes:
        if node.kind != "BatchNormalization":
            refuse_unknown(node)
    places = iter(range(len(next(iter(samples.values())))))

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc,unused-ignore]
        def get_next(self) -> Any:
            return next(({name: one[place : place + 1] for name, one in samples.items()} for place in places), None)

    with scratch("tinykit-onnx-") as folder, _told("ONNX Runtime does not quantise it"):
        model, made = _split_normalisations(graph), str(folder / "quantised.onnx")
        if graph.opset < _FIRST_PER_CHANNEL:
            model = onnx.version_converter.convert_version(model, _CURRENT)
        quantization.quantize_static(
            model, made, Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
            activation_type=quantization.QuantType.QInt8, weight_type=quantization.QuantType.QInt8,
        )  # fmt: skip
        return _read(onnx.load_model(made))


def _split_normalisations(graph: Graph) -> Any:
    """The model with each BatchNormalization that was not folded as a convolution of 1 × 1 for each channel."""
    from onnx import helper, numpy_helper

    nodes, model = list(graph.proto.graph.node), graph.proto
    for place, node in enumerate(nodes):
        axes = len(graph.shapes.get(next(iter(node.input), ""), ())) - 2
        if node.op_type == "BatchNormalization" and axes in (1, 2) and set(node.input[1:5]) <= graph.constants.keys():
            scale, shift, mean, variance = (graph.constants[name].astype(np.float64) for name in node.input[1:5])
            factor = scale / np.sqrt(variance + _plain(node).options.get("epsilon", 1e-5))
            names = [f"{node.output[0]}_{part}" for part in ("weights", "bias")]
            for name, one in zip(names, (factor.reshape(-1, 1, *[1] * axes), shift - mean * factor), strict=True):
                model.graph.initializer.append(numpy_helper.from_array(one.astype(np.float32), name))
            inputs = [node.input[0], *names]
            nodes[place] = helper.make_node("Conv", inputs, node.output[:1], node.name, group=len(factor))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def refuse_unknown(node: Node) -> str:
    """The name of the rule that converts a node; ModelError where none does."""
    row = list_operators().get(node.kind, ({"rule": "-", "cure": "replace the layer"},))[0]
    if row["rule"] == "-":
        raise node.refuse(f"no int8 operator of a .tflite stands for it; {row['cure']}")
    return row["rule"]


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """An error of ONNX or its runtime as one of the kit's."""
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except Exception as error:
        raise ModelError(f"{what} ({' '.join(str(error).split())[:300]}); export the network again") from error
