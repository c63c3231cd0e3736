"""From a quantised ONNX graph to the operators of an int8 `.tflite`, its scales kept.

A value is known by the scale of the QuantizeLinear behind it; an operator is written as soon as all that it needs is
known, and what cannot be said in int8 is refused with the node's name. The rules are in `onnx_child`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinykit.ground.errors import ModelError
from tinykit.model.graph.schema import ACTIVATIONS
from tinykit.model.graph.tree import ModelTree
from tinykit.train.conversion.onnx_graph import Array, Graph, Node
from tinykit.train.conversion.onnx_values import Layout, Tensors, Value, channels_last, plain

Scale = tuple[Array, Array]
_FUSED = {(0.0, np.inf): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}
_PASSING = frozenset("Transpose Reshape Flatten Squeeze Unsqueeze MaxPool Relu Clip Slice Pad".split())
"""Operators behind which a value has the scale that it had before."""
_BLIND = frozenset("QuantizeLinear DequantizeLinear Relu Clip Add Sub Mul Sigmoid Tanh Pad Concat".split())
"""Operators that do not heed the order of axes, so that what is before them may have that of what is behind."""
_UINT8, _INT8 = 2, 3


class Lowering:
    """A graph on its way: what its values became so far."""

    def __init__(self, graph: Graph, rules: Mapping[str, Callable[[Lowering, Node], None]], notes: list[str]) -> None:
        self.graph, self.notes, self.tensors, self._rules = graph, notes, Tensors(), rules
        self.values: dict[str, Value] = {}
        self.done: set[str] = set()
        self.readers: dict[str, list[Node]] = defaultdict(list)
        for node in graph.nodes:
            for name in node.inputs:
                self.readers[name].append(node)

    def run(self) -> ModelTree:
        """The whole, as a model tree."""
        named = [(node, node.row["rule"]) for node in self.graph.nodes]
        for name, kind in self.graph.inputs.items():
            self._take_input(name, kind)
        known = self.graph.constants  # constants first: a node may stand before the one that gives it its bias
        for node, rule in sorted(named, key=lambda pair: pair[1] != "dequantise" or pair[0].inputs[0] not in known):
            if node.outputs[0] not in self.done:
                self._rules[rule](self, node)
        inputs, outputs = (tuple(self._end(name, what) for name in names) for names, what in (
            (self.graph.inputs, "input"), (self.graph.outputs, "output")))  # fmt: skip
        return self.tensors.finish(inputs, outputs)

    def _take_input(self, name: str, kind: int) -> None:
        """An input as a value, channels last where a window moves over it, behind nothing that heeds its axes."""
        found = self.quantisation(name)
        for reader in self.readers[name] if kind in (_UINT8, _INT8) else ():
            found = self.read_scale(reader)[:2]
        if found is None:
            raise ModelError(f"input {name[:60]!r} is not quantised (no QuantizeLinear behind it); quantise all of it")
        rank, names = len(self.graph.shapes[name]), {name}
        for node in self.graph.nodes:
            names |= {*node.outputs} if node.kind in _BLIND and names & {*node.inputs} else set()
        windowed = any("Pool" in node.kind or node.kind == "Conv" for one in names for node in self.readers[one])
        self.values[name] = self.tensors.make(
            self.graph.shapes[name], channels_last(rank) if windowed else plain(rank), *found
        )

    def _end(self, name: str, what: str) -> int:
        """The tensor of an input or output, named; it is told where its axes stand in another order than in ONNX."""
        value = self.values.get(name)
        if value is None or value.codes is not None:
            raise ModelError(f"{what} {name[:60]!r} is not quantised, or constant; quantise the whole network")
        layout = tuple(axis for axis in self.tensors.home(value) if axis is not None)
        node = self.tensors.name(tensor := self.tensors.take(value, layout), name)
        if layout != plain(len(layout)):
            self.notes.append(f"{what} {name[:60]!r} {value.shape} is {node.shape} in the .tflite: channels last")
        return tensor

    # what rules ask

    def read_scale(self, node: Node) -> tuple[Array, Array, int]:
        """Scales, zero points as int8 has them, and what was taken off these, of a QuantizeLinear or its inverse."""
        constants, options = self.graph.constants, node.options
        scale, zero = constants.get(node.inputs[1]), constants.get((*node.inputs, "")[2])
        if scale is None:
            raise node.refuse("its scale is found as the model runs; quantise again with quantize_static")
        given = constants.get(node.inputs[0]) if node.kind == "DequantizeLinear" else None
        kind = (zero if zero is not None else given if given is not None else np.zeros(1, np.uint8)).dtype.name
        kind = "int8" if zero is None and options.get("output_dtype") == _INT8 else kind
        if kind not in ("int8", "uint8", "int32") or options.get("block_size"):
            raise node.refuse(f"it quantises to {kind}, or in blocks; int8 is taken: quantise again with QInt8")
        scales, offset = np.atleast_1d(scale).astype(np.float32).ravel(), 128 if kind == "uint8" else 0
        zeros = np.zeros(1) if zero is None else zero.ravel()
        if not scales.size or zeros.size not in (1, scales.size) or not (np.isfinite(scales) & (scales > 0)).all():
            raise node.refuse(f"its scale is {scales[:3]} with {zeros.size} zero points; a scale is above 0")
        return scales, np.broadcast_to(zeros.astype(np.int64) - offset, scales.shape), offset

    def quantisation(self, name: str) -> Scale | None:
        """The scale and zero point of the QuantizeLinear behind a value, also behind operators that keep a scale."""
        for _ in range(len(self.graph.nodes) + 1):
            readers = self.readers.get(name, [])
            if found := next((one for one in readers if one.kind == "QuantizeLinear"), None):
                scale, zero, _ = self.read_scale(found)
                if scale.size > 1:
                    raise found.refuse(f"{scale.size} scales for one activation; TFLM takes one: quantise per tensor")
                return scale, zero
            name = next((one.outputs[0] for one in readers if one.kind in _PASSING and one.inputs[0] == name), "")
        return None

    def value(self, node: Node, position: int = 0) -> Value:
        """What a node reads; refused where that is not quantised."""
        name = (*node.inputs, "")[min(position, len(node.inputs))]
        if name not in self.values:
            kind = "constant" if name in self.graph.constants else "input"
            raise node.refuse(f"its {kind} {name[:60]!r} has no scale; quantise the whole network")
        return self.values[name]

    def number(self, node: Node, position: int) -> Array | None:
        """Numbers of a constant that a node reads, with a scale or without; None where it reads none."""
        name = (*node.inputs, "")[min(position, len(node.inputs))]
        found = self.values.get(name)
        return found.reals if found is not None and found.codes is not None else self.graph.constants.get(name)

    def integers(self, node: Node, name: str, position: int) -> list[int] | None:
        """Integers that a node has as an attribute, or since a later version as an input; None where it has neither."""
        if name in node.options:
            return [int(one) for one in np.atleast_1d(node.options[name])]
        found = self.number(node, position)
        if found is None and any(node.inputs[position : position + 1]):
            raise node.refuse(f"its {name} are found as the model runs; a microcontroller needs every size fixed")
        return None if found is None else [int(one) for one in found.ravel()]

    def shape(self, node: Node, name: str) -> tuple[int, ...]:
        """The shape of what a node makes."""
        if name not in self.graph.shapes:
            raise node.refuse("the shape of its output is open; a microcontroller needs every size fixed")
        return self.graph.shapes[name]

    def emit(
        self, node: Node, operator: str, inputs: list[int], layout: Layout, quantised: Scale | None = None, *,
        name: str = "", **options: Any
    ) -> int:  # fmt: skip
        """An operator for a node's output, with the scale given or that of the QuantizeLinear behind it."""
        name = name or node.outputs[0]
        if (found := quantised or self.quantisation(name)) is None:
            said = "its output is not quantised (no QuantizeLinear behind it)"
            raise node.refuse(f"{said}; quantise the whole network, its outputs too")
        self.values[name] = self.tensors.make(self.shape(node, name), layout, *found)
        return self.tensors.operate(operator, inputs, self.values[name].forms[layout], **options)

    def fuse(self, node: Node) -> tuple[int, str]:
        """The activation that goes into an operator, by its code, and the name of what is then made."""
        name, readers = node.outputs[0], self.readers.get(node.outputs[0], [])
        alone = len(readers) == 1 and name not in self.graph.outputs and readers[0].kind in ("Relu", "Clip")
        if alone and (fused := _FUSED.get(self.bounds(readers[0]))):
            self.done.add(readers[0].outputs[0])
            return ACTIVATIONS.index(fused), readers[0].outputs[0]
        return 0, name

    def bounds(self, node: Node) -> tuple[float, float]:
        """What a Relu or Clip holds its values between."""
        found = [0.0 if node.kind == "Relu" else -np.inf, np.inf]
        for position, name in enumerate(node.inputs[1:], 1):
            given = self.number(node, position)
            if name and given is None:
                raise node.refuse("its bounds are found as the model runs; give constants")
            found[position - 1] = found[position - 1] if given is None else float(given.ravel()[0])
        return found[0], found[1]

    def weights(self, node: Node, position: int, axis: int) -> Value:
        """Weights in int8, scales along the axis of the outputs or one for all; refused where TFLM takes none such."""
        found = self.value(node, position)
        if found.codes is None or found.codes.dtype != np.int8:
            raise node.refuse("its weights are not constants of 8 bits; quantise them with QInt8")
        if found.zero.any():
            told = f"{'uint8' if found.offset else 'int8'} zero point {(found.zero + found.offset)[:4].tolist()}"
            raise node.refuse(f"weights {told}: TFLM takes int8 with zero point 0; quantise again with QInt8")
        if found.scale.size > 1 and found.axis != axis:
            raise node.refuse("its weights have a scale for each input; TFLM takes one for each output")
        return found

    def bias(self, node: Node, position: int, given: Value, weights: Value, count: int) -> int:
        """The bias as int32 with the scale of input times weights, zeros where there is none."""
        scale = given.scale[0] * weights.scale
        real = self.number(node, position)
        if real is None and any(node.inputs[position : position + 1]):
            raise node.refuse("its bias is found as the model runs; TFLM takes a constant")
        wide = np.rint((np.zeros(1) if real is None else real.ravel()) / scale.astype(np.float64))
        codes = np.broadcast_to(np.clip(wide, -(2**31), 2**31 - 1).astype(np.int32), (count,))
        return self.tensors.add((count,), scale, np.zeros(scale.size), data=codes)
