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
