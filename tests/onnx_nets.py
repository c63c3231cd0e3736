"""Networks as PyTorch exports them, written with ONNX's own helper: `Torch().conv(8).relu().flatten().gemm(4)`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Torch:
    """A graph under construction, channels first; weights come from the seed."""

    def __init__(self, shape: tuple[Any, ...] = (1, 3, 32, 32), *, seed: int = 0, opset: int = 17, batch: Any = 1):
        self.rng, self.opset = np.random.default_rng(seed), opset
        self.input = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape[1:]])
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.last, self.shape = "x", tuple(shape)

    def constant(self, array: Any, name: str = "") -> str:
        name = name or f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, kind: str, inputs: list[str], shape: tuple[int, ...], **options: Any) -> Torch:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [f"{name}_out"], name, **options))
        self.last, self.shape = f"{name}_out", shape
        return self

    def conv(
        self,
        filters: int,
        kernel: Any = 3,
        *,
        stride: int = 1,
        pad: int | None = None,
        group: int = 1,
        bias: bool = True,
    ):
        axes = len(self.shape) - 2
        sizes = [kernel] * axes if isinstance(kernel, int) else list(kernel)
        pads = [size // 2 if pad is None else pad for size in sizes]
        fan = self.shape[1] // group
        weights = self.rng.normal(0, 1 / math.sqrt(fan * math.prod(sizes)), (filters, fan, *sizes))
        inputs = [self.last, self.constant(weights.astype(np.float32))]
        if bias:
            inputs.append(self.constant(self.rng.normal(0, 0.1, filters).astype(np.float32)))
        made = [(size + 2 * p - k) // stride + 1 for size, p, k in zip(self.shape[2:], pads, sizes, strict=True)]
        return self.node("Conv", inputs, (self.shape[0], filters, *made), kernel_shape=sizes, pads=pads * 2,
                         strides=[stride] * axes, group=group, dilations=[1] * axes)  # fmt: skip

    def norm(self) -> Torch:
        size = self.shape[1]
        draw = [self.rng.uniform(0.5, 1.5, size), self.rng.normal(0, 0.2, size), self.rng.normal(0, 0.2, size),
                self.rng.uniform(0.5, 1.5, size)]  # fmt: skip
        return self.node(
            "BatchNormalization", [self.last, *(self.constant(d.astype(np.float32)) for d in draw)], self.shape
        )

    def relu(self) -> Torch:
        return self.node("Relu", [self.last], self.shape)

    def clip(self, low: float = 0, high: float = 6) -> Torch:
        bounds = [self.constant(np.float32(one)) for one in (low, high)]
        return self.node("Clip", [self.last, *bounds], self.shape)

    def unary(self, kind: str, **options: Any) -> Torch:
        return self.node(kind, [self.last], self.shape, **options)

    def add(self, other: str) -> Torch:
        return self.node("Add", [self.last, other], self.shape)

    def pool(self, kind: str = "MaxPool", size: int = 2, stride: int = 2, pad: int = 0, **options: Any) -> Torch:
        made = [(one + 2 * pad - size) // stride + 1 for one in self.shape[2:]]
        axes = len(self.shape) - 2
        told = {"kernel_shape": [size] * axes, "strides": [stride] * axes, "pads": [pad] * 2 * axes}
        return self.node(kind, [self.last], (*self.shape[:2], *made), **told, **options)

    def mean(self) -> Torch:
        return self.node("GlobalAveragePool", [self.last], (*self.shape[:2], *[1] * (len(self.shape) - 2)))

    def flatten(self) -> Torch:
        return self.node("Flatten", [self.last], (self.shape[0], math.prod(self.shape[1:])), axis=1)

    def gemm(self, units: int) -> Torch:
        fan = self.shape[-1]
        weights = self.rng.normal(0, 1 / math.sqrt(fan), (units, fan)).astype(np.float32)
        bias = self.rng.normal(0, 0.1, units).astype(np.float32)
        return self.node(
            "Gemm", [self.last, self.constant(weights), self.constant(bias)], (*self.shape[:-1], units), transB=1
        )

    def matmul(self, units: int, bias: bool = True) -> Torch:
        fan = self.shape[-1]
        weights = self.rng.normal(0, 1 / math.sqrt(fan), (fan, units)).astype(np.float32)
        self.node("MatMul", [self.last, self.constant(weights)], (*self.shape[:-1], units))
        return self.add(self.constant(self.rng.normal(0, 0.1, units).astype(np.float32))) if bias else self

    def model(self) -> onnx.ModelProto:
        end = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "main_graph", [self.input], [end], self.constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], producer_name="pytorch")
        made.ir_version = min(made.ir_version, 8)
        return made


class Scaled(Torch):
    """A graph that has its scales: `.scale()` quantises the last value, `.known(…)` is a constant with scales."""

    def scale(self, step: Any = 0.05, zero: int = 0, **options: Any) -> Scaled:
        """QuantizeLinear and DequantizeLinear behind the last value."""
        steps = np.asarray(step, np.float32)
        told = [self.constant(steps), self.constant(np.full(steps.shape, zero, np.int8))]
        for kind in ("QuantizeLinear", "DequantizeLinear"):
            self.node(kind, [self.last, *told], self.shape, **options)
        return self

    def known(self, codes: np.ndarray, step: Any = 0.01, axis: int = 0) -> str:
        """The name of a constant of int8 or int32, which has a scale or one for each slice of an axis."""
        last, shape, steps = self.last, self.shape, np.asarray(step, np.float32)
        told = [self.constant(one) for one in (codes, steps, np.zeros(steps.shape, codes.dtype))]
        self.node("DequantizeLinear", told, codes.shape, **({"axis": axis} if steps.ndim else {}))
        name, self.last, self.shape = self.last, last, shape
        return name


def unquantise(graph: Any) -> onnx.ModelProto:
    """A trained int8 network as the float one that PyTorch would have exported: channels first, BatchNorm apart."""
    net = Torch(_first(graph.tensors[graph.inputs[0]].shape))
    names = {graph.inputs[0]: "x"}
    for one in graph.operators:
        net.last, net.shape = names[one.inputs[0]], _first(graph.tensors[one.inputs[0]].shape)
        _write(net, graph, one, names, _first(graph.tensors[one.outputs[0]].shape))
        names[one.outputs[0]] = net.relu().last if one.activation == "RELU" else net.last
    return net.model()


def _first(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[3], shape[1], shape[2]) if len(shape) == 4 else tuple(shape)


def _write(net: Torch, graph: Any, one: Any, names: dict[int, str], made: tuple[int, ...]) -> None:
    if one.name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        order = (0, 3, 1, 2) if one.name == "CONV_2D" else (3, 0, 1, 2)
        weights = _real(graph, one.inputs[1], one.name == "DEPTHWISE_CONV_2D").transpose(order)
        group = 1 if one.name == "CONV_2D" else net.shape[1]
        inputs = [net.last, net.constant(weights.astype(np.float32))]
        kernel = weights.shape[2:]
        net.node("Conv", inputs, made, group=group, **_window(net, one, kernel, made))
        ones = np.ones(len(weights), np.float32)  # the bias as a normalisation, as networks are trained
        values = [ones, _bias(graph, one).astype(np.float32), 0 * ones, ones]
        net.node("BatchNormalization", [net.last, *map(net.constant, values)], made, epsilon=0.0)
    elif one.name in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        kind = "MaxPool" if one.name == "MAX_POOL_2D" else "AveragePool"
        net.node(kind, [net.last], made, **_window(net, one, one.filter, made))
    elif one.name == "FULLY_CONNECTED":
        weights = _real(graph, one.inputs[1], False)
        if len(net.shape) == 4:  # Flatten of channels first: the weights stand in another order
            channels, height, width = net.shape[1:]
            weights = weights.reshape(-1, height, width, channels).transpose(0, 3, 1, 2).reshape(len(weights), -1)
            net.flatten()
        inputs = [
            net.last,
            net.constant(weights.astype(np.float32)),
            net.constant(_bias(graph, one).astype(np.float32)),
        ]
        net.node("Gemm", inputs, made, transB=1)
    elif one.name == "ADD":
        net.node("Add", [names[one.inputs[0]], names[one.inputs[1]]], made)
    elif one.name == "SOFTMAX":
        net.node("Softmax", [net.last], made, axis=-1)
    else:
        raise NotImplementedError(one.name)


def _real(graph: Any, index: int, last: bool) -> np.ndarray:
    tensor, codes = graph.tensors[index], graph.constant(index).astype(np.float64)
    shape = [1] * codes.ndim
    shape[-1 if last else 0] = -1
    return codes * np.asarray(tensor.scales, np.float64).reshape(shape if len(tensor.scales) > 1 else ())


def _bias(graph: Any, one: Any) -> np.ndarray:
    data, weights = (graph.tensors[index] for index in one.inputs[:2])
    return graph.constant(one.inputs[2]) * np.asarray(weights.scales) * data.scales[0]


def _window(net: Torch, one: Any, kernel: Any, made: tuple[int, ...]) -> dict[str, Any]:
    over = [
        max((made[2 + axis] - 1) * one.stride[axis] + kernel[axis] - net.shape[2 + axis], 0)
        if one.padding == "SAME"
        else 0
        for axis in (0, 1)
    ]
    pads = [*(total // 2 for total in over), *(total - total // 2 for total in over)]
    return {"kernel_shape": [*kernel], "strides": [*one.stride], "pads": pads}
