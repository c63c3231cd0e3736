"""An int8 `.tflite` as QDQ ONNX: every tensor is quantised and turned back where the kernel had it, scales kept.

A template writes the operators in ONNX's text form; convolutions and pools stand between transpositions, since ONNX
takes channels first, and inputs and outputs keep the order that the `.tflite` has. Names in capitals are ours.
"""

import importlib.metadata
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinykit.ground.errors import MissingPackageError, ModelError, name_install
from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.handover.codegen.filling import fill, fill_all, to_identifier
from tinykit.handover.deployment import writing
from tinykit.handover.deployment.writing import TEMPLATES, Deployment
from tinykit.model.graph.model import ModelGraph, Operator, Tensor
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.onnx_session import ask_onnx, reduce_onnx
from tinykit.predict.runtime.refusal import require_sound
from tinykit.train.datasets.scoring import Accuracy

_TO_FIRST = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2)}
_ACTIVATIONS = {"RELU": ("Relu (", ""), "RELU6": ("Clip (", ", ZERO, SIX"), "RELU_N1_TO_1": ("Clip (", ", LESS, ONE")}
_BIASED = (*_TO_FIRST, "FULLY_CONNECTED")
_FACTS, _CONFIG = shipped_path("data", "firmware", "onnxruntime.toml"), "required_operators_and_types.config"
_NUMBERS = {"ZERO": 0.0, "SIX": 6.0, "ONE": 1.0, "LESS": -1.0}


def deploy_onnx(
    model: ModelGraph | bytes | str | Path, folder: str | Path, *, accuracy: Accuracy | None = None, name: str = "",
    samples: ArrayLike | None = None
) -> Deployment:  # fmt: skip
    """Write an int8 model as QDQ ONNX and `.ort`, with what a reduced build of ONNX Runtime takes; all or nothing.

    Parameters
    ----------
    model : a .tflite file, its bytes or its graph.
    folder : new, empty, or an earlier export nobody has changed.
    accuracy : as scored in TFLM, for the README.
    name : of the export; default the file's.
    samples : [n, *shape] real inputs for the golden ones, a tuple for several inputs; three random ones if None.

    Raises
    ------
    ModelError : as `write_onnx`, or ONNX Runtime does not load what was written.
    MissingPackageError : the extra `onnx` is not installed.
    DataError : samples of another shape, or NaN.
    OutputError : the folder cannot be written, or holds other files.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    require_sound(graph)
    content, label, golden = write_onnx(graph), writing.label_model(graph, name), io.BytesIO()
    ort, config = reduce_onnx(content)
    given, made = ask_onnx(graph.data, content, samples)
    known = _name_ends(graph)
    np.savez(golden, **dict(zip(known.values(), (*given, *made), strict=True)))  # type: ignore[arg-type,unused-ignore]
    sizes = [to_fact(one, "onnxruntime.toml") for one in read_toml(_FACTS)["sizes"].values()]
    ends = [[(known[index], graph.tensors[index].shape) for index in one] for one in (graph.inputs, graph.outputs)]
    texts = fill_all(
        TEMPLATES / "onnx", name=label, sha256=graph.sha256, accuracy=writing.describe_accuracy(accuracy),
        onnx_bytes=len(content), ort_bytes=len(ort), vectors=len(made[0]), sizes=sizes,
        version=importlib.metadata.version("onnxruntime"), inputs=ends[0], outputs=ends[1],
    )  # fmt: skip
    made_here = {"model.onnx": content, "model.ort": ort, "golden.npz": golden.getvalue(), _CONFIG: config.encode()}
    files: dict[str, str | bytes] = {**made_here, **texts}
    facts = {"target": "onnx", "name": label, "model_sha256": graph.sha256}
    where, listed = writing.write_export(folder, files, facts), tuple(sorted([*files, writing.MANIFEST]))
    return Deployment(where, "onnx", label, listed, tuple(graph.operator_counts()), 0, 0, len(made[0]), graph.sha256)


def write_onnx(graph: ModelGraph) -> bytes:
    """The QDQ ONNX, opset 17, of an int8 model.

    Raises
    ------
    ModelError : another precision, several subgraphs, or an operator that has no form in ONNX here.
    MissingPackageError : the extra `onnx` is not installed.
    """
    try:
        from onnx import parser
    except ImportError as error:
        raise MissingPackageError(f"onnx is not installed, which writes ONNX; {name_install('onnx')}") from error
    if graph.precision != "int8" or graph.subgraphs > 1:
        what = f"{graph.precision}, {graph.subgraphs} subgraphs"
        raise ModelError(f"{graph.path}: {what}; ONNX is written of int8 models of one subgraph: convert it to int8")
    writer = _Writer(graph)
    model = parser.parse_model(fill(TEMPLATES / "onnx-graph", "graph.txt", refuse=writer.refuse, **writer.describe()))
    model.graph.initializer.extend(writer.constants.values())
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
    def __init__(self, graph: ModelGraph) -> None:
        self.graph, self.constants, self.dequantised = graph, dict[str, Any](), list[tuple[str, int]]()
        self.names = {index: f"T{index}" for index in range(len(graph.tensors))}
        self.names |= _name_ends(graph)
        for name, real in _NUMBERS.items():
            self._keep(name, np.float32(real))

    def describe(self) -> dict[str, Any]:
        """What the template writes."""
        graph = self.graph
        known = ("int8", "float32")
        operators = [self._describe(one) for one in graph.operators if graph.tensors[one.outputs[0]].dtype in known]
        quantised = [self.names[index] for index in graph.inputs if self._keep_scale(graph.tensors[index])]
        inputs, outputs = ([f"float[{','.join(map(str, graph.tensors[index].shape))}] {self.names[index]}"
                            for index in ends] for ends in (graph.inputs, graph.outputs))  # fmt: skip
        return {"inputs": inputs, "outputs": outputs, "quantised": quantised, "constants": self.dequantised,
                "operators": operators}  # fmt: skip

    def refuse(self, operator: dict[str, Any]) -> str:
        """End the writing at an operator that the template has no words for."""
        said = f"operator {operator['index']} ({operator['name']}) has no form in ONNX here"
        raise ModelError(f"{self.graph.path}: {said}; deploy it for tflm or c")

    def _keep(self, name: str, array: Any) -> str:
        from onnx.numpy_helper import from_array

        self.constants.setdefault(name, from_array(np.array(array, order="C"), name))
        return name

    def _integers(self, numbers: Any) -> str:
        return self._keep(f"N{len(self.constants)}", np.asarray(numbers, np.int64).ravel())

    def _keep_scale(self, tensor: Tensor) -> bool:
        """Keep scale and zero point of an int8 tensor; False for a float."""
        if tensor.dtype == "float32":
            return False
        if tensor.dtype != "int8" or len(tensor.scales) != 1:
            said = f"{self.graph.path}: tensor {tensor.index} is {tensor.dtype} of {len(tensor.scales)} scales"
            raise ModelError(f"{said}; activations of int8 with one are taken: convert it to int8")
        self._keep(f"S_{self.names[tensor.index]}", np.float32(tensor.scales[0]))
        self._keep(f"Z_{self.names[tensor.index]}", np.int8(tensor.zero_points[0]))
        return True

    def _describe(self, one: Operator) -> dict[str, Any]:
        """An operator in the words of the template; settings that it takes as constants are `numbers`."""
        tensors = self.graph.tensors
        given, made, biased = tensors[one.inputs[0]], tensors[one.outputs[0]], one.name in _BIASED
        second = tensors[one.inputs[1]] if one.inputs[1:] > (-1,) else made
        settles = second.dtype == "int32" and second.is_constant
        numbers = self.graph.constant(second.index).ravel().tolist() if settles else []
        data = [place for place, index in enumerate(one.inputs) if index >= 0 and tensors[index].dtype != "int32"]
        data += [2] if biased and one.inputs[2:3] > (-1,) else []
        activate, bounds = _ACTIVATIONS.get(one.activation, ("Identity (", ""))
        output, quantised = self.names[made.index], self._keep_scale(made)
        depth = tensors[one.inputs[1]].shape[-1] if biased else 1
        return {
            "index": one.index, "name": one.name, "inputs": [self._operand(one, place) for place in data],
            "output": output, "made": f"F_{output}" if quantised else output, "quantised": quantised,
            "activate": activate, "bounds": bounds, "shape": self._integers(made.shape), "stride": [*one.stride],
            "dilation": [*one.dilation], "filter": [*one.filter], "axis": one.axis, "beta": one.beta,
            "numbers": numbers, "alpha": one.option("alpha"), "pads": self._pads(one, made),
            "flat": self._integers([-1, depth]),
            "groups": given.shape[-1] if one.name == "DEPTHWISE_CONV_2D" else 1,
            "border": self._integers(np.reshape(numbers, (-1, 2)).T) if one.name[:3] == "PAD" else "",
        }  # fmt: skip

    def _operand(self, one: Operator, place: int) -> str:
        """The name of an input as real numbers; a constant is kept, weights of a convolution channels first."""
        tensor = self.graph.tensors[one.inputs[place]]
        if not tensor.is_constant:
            mark = "D_" if tensor.index in self.graph.inputs and tensor.dtype == "int8" else ""
            return mark + self.names[tensor.index]
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
        self.dequantised.append((name, axis))
        return name

    def _pads(self, one: Operator, made: Tensor) -> list[int]:
        """ONNX's padding of a window: what is left over stands behind."""
        if one.padding != "SAME":
            return [0, 0, 0, 0]
        given = self.graph.tensors[one.inputs[0]].shape
        kernel = self.graph.tensors[one.inputs[1]].shape[1:3] if one.name in _TO_FIRST else one.filter
        over = []
        for axis in (0, 1):
            reach = (made.shape[axis + 1] - 1) * one.stride[axis] + (kernel[axis] - 1) * one.dilation[axis] + 1
            over.append(max(reach - given[axis + 1], 0))
        return [*(total // 2 for total in over), *(total - total // 2 for total in over)]
