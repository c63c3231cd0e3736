"""An int8 `.tflite` as QDQ ONNX: every tensor is quantised and turned back where the kernel had it, scales kept.

A template writes the operators in ONNX's text form; convolutions and pools stand between transpositions, since ONNX
takes channels first, and inputs and outputs keep the order that the `.tflite` has. Names in capitals are ours.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinykit.ground.errors import MissingPackageError, ModelError, name_install
from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.handover.codegen.filling import fill, fill_all, to_identifier
from tinykit.handover.deployment import writing
from tinykit.handover.deployment.writing import TEMPLATES, Deployment
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.refusal import require_sound
from tinykit.predict.runtime.session import start_engine
from tinykit.train.datasets.scoring import Accuracy

_TO_FIRST = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2)}
_BIASED = (*_TO_FIRST, "FULLY_CONNECTED")
_TIMEOUT_S = 300.0
_FACTS, _CONFIG = shipped_path("data", "firmware", "onnxruntime.toml"), "required_operators_and_types.config"
_NUMBERS = {"ZERO": 0.0, "SIX": 6.0, "ONE": 1.0, "MINUS": -1.0}


def deploy_onnx(
    model: ModelGraph | bytes | str | Path, folder: str | Path, *, accuracy: Accuracy | None = None, name: str = "",
    samples: ArrayLike | None = None
) -> Deployment:  # fmt: skip
    """Write an int8 model as QDQ ONNX and `.ort`, with what a reduced build of ONNX Runtime takes; all or nothing.

    Parameters as `deploy_c`; samples are none written. ModelError : as `write_onnx`, or ONNX Runtime does not load it.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    require_sound(graph)
    content, label = write_onnx(graph), writing.label_model(graph, name)
    with start_engine("onnxruntime") as child:  # that it loads is the check: a checker says yes to more than that
        ort, config = child.ask({"do": "reduce"}, np.frombuffer(content, np.uint8), timeout_s=_TIMEOUT_S)[1]
    sizes = [to_fact(one, "onnxruntime.toml") for one in read_toml(_FACTS)["sizes"].values()]
    ends = [
        [(_name_ends(graph)[index], graph.tensors[index].shape) for index in one]
        for one in (graph.inputs, graph.outputs)
    ]
    texts = fill_all(
        TEMPLATES / "onnx", name=label, sha256=graph.sha256, accuracy=writing.describe_accuracy(accuracy),
        onnx_bytes=len(content), ort_bytes=ort.size, sizes=sizes, inputs=ends[0], outputs=ends[1],
    )  # fmt: skip
    operators = [line for line in config.tobytes().decode().splitlines(keepends=True) if line[:4] != "# - "]
    files: dict[str, str | bytes] = {
        "model.onnx": content,
        "model.ort": ort.tobytes(),
        _CONFIG: "".join(operators),
        **texts,
    }
    facts = {"target": "onnx", "name": label, "model_sha256": graph.sha256}
    where, listed = writing.write_export(folder, files, facts), tuple(sorted([*files, writing.MANIFEST]))
    return Deployment(where, "onnx", label, listed, tuple(graph.operator_counts()), 0, 0, 0, graph.sha256)


def write_onnx(graph: ModelGraph) -> bytes:
    """The QDQ ONNX, opset 17, of an int8 model.

    ModelError : another precision, several subgraphs, or an operator that has no form in ONNX here.
    """
    try:
        from onnx import parser
    except ImportError as error:
        raise MissingPackageError(f"onnx is not installed, which writes ONNX; {name_install('onnx')}") from error
    if graph.precision != "int8" or graph.subgraphs > 1:
        what = f"{graph.precision}, {graph.subgraphs} subgraphs"
        raise ModelError(f"{graph.path}: {what}; ONNX is written of int8 models of one subgraph: convert it to int8")
    writer = _Writer(graph)
    model = parser.parse_model(fill(TEMPLATES / "onnx-graph", "graph.txt", graph=graph, writer=writer))
    used = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(one for name, one in writer.constants.items() if name in used)
    content: bytes = model.SerializeToString()
    return content


def _name_ends(graph: ModelGraph) -> dict[int, str]:
    """Names of inputs and outputs that ONNX's text form takes, by tensor."""
    names: dict[int, str] = {}
    for index in (*graph.inputs, *graph.outputs):
        plain = to_identifier(graph.tensors[index].name)
        names[index] = f"{plain}_{index}" if plain in names.values() else plain
    return names


class _Writer:
    """What the template asks of tensors; constants are kept as they are named."""

    def __init__(self, graph: ModelGraph) -> None:
        self.graph, self.constants = graph, dict[str, Any]()
        self.names = {index: f"T{index}" for index in range(len(graph.tensors))} | _name_ends(graph)
        for name, real in _NUMBERS.items():
            self._keep(name, np.float32(real))

    def refuse(self, operator: Operator) -> str:
        """End the writing at an operator that the template has no words for."""
        said = f"operator {operator.index} ({operator.name}) has no form in ONNX here"
        raise ModelError(f"{self.graph.path}: {said}; deploy it for tflm or c")

    def _keep(self, name: str, array: Any) -> str:
        from onnx.numpy_helper import from_array

        self.constants.setdefault(name, from_array(np.array(array, order="C"), name))
        return name

    def integers(self, numbers: Any) -> str:
        """The name of a constant that holds integers."""
        return self._keep(f"N{len(self.constants)}", np.asarray(numbers, np.int64).ravel())

    def settings(self, one: Operator) -> list[int]:
        """Integers that an operator takes as its second input."""
        return [int(number) for number in self.graph.constant(one.inputs[1]).ravel()]

    def keep_scale(self, index: int) -> bool:
        """Keep scale and zero point of an int8 tensor; False for a float."""
        tensor, name = self.graph.tensors[index], self.names[index]
        if tensor.dtype == "float32":
            return False
        if tensor.dtype != "int8" or len(tensor.scales) != 1:
            said = f"{self.graph.path}: tensor {index} is {tensor.dtype} of {len(tensor.scales)} scales"
            raise ModelError(f"{said}; activations of int8 with one are taken: convert it to int8")
        self._keep(f"S_{name}", np.float32(tensor.scales[0]))
        self._keep(f"Z_{name}", np.int8(tensor.zero_points[0]))
        return True

    def list_inputs(self, one: Operator) -> list[tuple[str, int | None]]:
        """Names of an operator's inputs as real numbers, and of a constant the axis of its scales."""
        numbers = (place for place, index in enumerate(one.inputs) if index >= 0 and self._is_data(one, place))
        return [self._operand(one, place) for place in numbers]

    def _is_data(self, one: Operator, place: int) -> bool:
        biased = place == 2 and one.name in _BIASED
        return biased or self.graph.tensors[one.inputs[place]].dtype != "int32"

    def _operand(self, one: Operator, place: int) -> tuple[str, int | None]:
        tensor = self.graph.tensors[one.inputs[place]]
        if not tensor.is_constant:
            mark = "D_" if tensor.index in self.graph.inputs and tensor.dtype == "int8" else ""
            return mark + self.names[tensor.index], None
        codes, name, axis = self.graph.constant(tensor.index), f"C{one.index}_{place}", tensor.quantised_dimension
        scale = np.asarray(tensor.scales, np.float32)
        if one.name in _TO_FIRST and place == 1:
            codes, axis = codes.transpose(_TO_FIRST[one.name]), 0
        if place == 2 and one.name in _BIASED:
            data, weights = (self.graph.tensors[index] for index in one.inputs[:2])
            scale, axis = np.float32(data.scales[0]) * np.asarray(weights.scales, np.float32), 0
        zero = np.resize(np.asarray(tensor.zero_points or (0,)), scale.shape).astype(codes.dtype)
        self._keep(f"Q_{name}", codes)
        for mark, array in (("S", scale), ("Z", zero)):
            self._keep(f"{mark}_{name}", array if array.size > 1 else array.reshape(()))
        return name, axis

    def pads(self, one: Operator) -> list[int]:
        """ONNX's padding of a window: what is left over stands behind."""
        tensors, over = self.graph.tensors, []
        given, made = (tensors[index].shape for index in (one.inputs[0], one.outputs[0]))
        kernel = tensors[one.inputs[1]].shape[1:3] if one.name in _TO_FIRST else one.filter
        for axis in (0, 1) if one.padding == "SAME" else ():
            reach = (made[axis + 1] - 1) * one.stride[axis] + (kernel[axis] - 1) * one.dilation[axis] + 1
            over.append(max(reach - given[axis + 1], 0))
        return [*(total // 2 for total in over), *(total - total // 2 for total in over)] or [0] * 4
