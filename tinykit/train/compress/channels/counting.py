"""Multiply-accumulates of a Keras model, counted as in the converted file."""

from __future__ import annotations

import math
from typing import Any

from tinykit.train.compress.channels.wiring import Wire, read_wiring


def count_macs(model: Any) -> int:
    """MACs of one inference of a Functional or Sequential model; 1 MAC = 2 ops.

    Convolutions, depthwise, separable, transposed and dense layers count, padding included, as MLPerf Tiny counts.

    Raises
    ------
    ModelError : see `read_wiring`.
    """
    return sum(_count(wire) for wire in read_wiring(model)[0])


def _count(wire: Wire) -> int:
    layer = wire.layer
    shapes = {str(weight.name).rsplit("/", maxsplit=1)[-1].partition(":")[0]: weight.shape for weight in layer.weights}
    if "depthwise_kernel" in shapes:
        size = math.prod(layer.output_shape[1:-1])
        return sum(int(size * math.prod(shape)) for name, shape in shapes.items() if name.endswith("kernel"))
    if "kernel" not in shapes or wire.kind not in _KINDS:
        return 0
    shape = layer.input_shape if wire.kind.endswith("Transpose") else layer.output_shape
    return int(math.prod(shape[1:-1]) * math.prod(shapes["kernel"]))


_KINDS = ("Conv1D", "Conv2D", "Conv1DTranspose", "Conv2DTranspose", "Dense")
