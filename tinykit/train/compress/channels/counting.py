"""Multiply-accumulates of a Keras model, counted as in the converted file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinykit.model.operators import Shape, list_rows
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
    row = next((one for one in list_rows().values() if wire.kind in (one.layers or ())), None)
    if row is None:
        return 0
    widen = wire.kind.endswith(("1D", "1DTranspose"))
    data, output = (_with_a_row(shape, 1, widen) for shape in (layer.input_shape, layer.output_shape))
    kernels = [weight.shape for weight in layer.weights if weight.name.partition(":")[0].endswith("kernel")]
    return sum(row.count_macs(row.arrange(data, _with_a_row(one, 0, widen)), output) for one in kernels)


def _with_a_row(shape: Sequence[int | None], place: int, widen: bool) -> Shape:
    """Sizes, 1 for an open batch, with an axis of 1 at a place for what has one dimension."""
    sizes = [int(size or 1) for size in shape]
    return tuple((*sizes[:place], 1, *sizes[place:]) if widen else sizes)
