"""The weights of one layer, axis by axis: which belong to what it takes, which to what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.train.compress.channels.tracing import DEPTHWISE, PRODUCERS, ChannelMap
from tinykit.train.compress.channels.wiring import Wire

Keep = NDArray[np.bool_]
_TAKEN, _GIVEN, _BETWEEN = "taken", "given", "between"
_AXES: Mapping[str, Mapping[int, str]] = {
    "kernel": {-2: _TAKEN, -1: _GIVEN},
    "depthwise_kernel": {-2: _TAKEN},
    "pointwise_kernel": {-2: _BETWEEN, -1: _GIVEN},
}
_LAST: Mapping[int, str] = {-1: _GIVEN}
_TRANSPOSED: Mapping[int, str] = {-1: _TAKEN, -2: _GIVEN}
_CARRIERS = frozenset((*PRODUCERS, *DEPTHWISE, "BatchNormalization", "PReLU"))


def cut_weights(wire: Wire, channels: ChannelMap, gone: Keep) -> list[NDArray[np.float32]]:
    """The layer's weights without the entries of classes that go, in the order of `get_weights`.

    Parameters
    ----------
    gone : bool [classes], True for those removed.
    """
    cut = []
    for values, masks in _masked_axes(wire, channels, gone):
        for axis, keep in masks.items():
            values = np.compress(keep, values, axis=axis)  # noqa: PLW2901 - one axis after the other
        cut.append(values)
    return cut


def blank_weights(wire: Wire, channels: ChannelMap, gone: Keep) -> list[NDArray[np.float32]]:
    """The layer's weights with those entries set to zero instead: the same function, no layer rebuilt.

    A variance stays as it is, for it divides.
    """
    names = [_name(weight) for weight in wire.layer.weights]
    blank = []
    for name, (values, masks) in zip(names, _masked_axes(wire, channels, gone), strict=True):
        for axis, keep in ({} if name == "moving_variance" else masks).items():
            shape = [1] * values.ndim
            shape[axis] = -1
            values = values * keep.reshape(shape)  # noqa: PLW2901 - one axis after the other
        blank.append(values)
    return blank


def _masked_axes(wire: Wire, channels: ChannelMap, gone: Keep) -> list[tuple[NDArray[np.float32], dict[int, Keep]]]:
    """Each weight with {axis: True where the entry stays}; no axis for a layer left whole."""
    found = []
    for weight, values in zip(wire.layer.weights, wire.layer.get_weights(), strict=True):
        masks = {}
        if wire.kind in _CARRIERS and wire.name not in channels.left_whole:
            for axis, side in _sides(wire, _name(weight)).items():
                masks[axis] = ~gone[_classes(wire, channels, side)]
        found.append((values, masks))
    return found


def _sides(wire: Wire, name: str) -> Mapping[int, str]:
    if name == "kernel" and wire.kind.endswith("Transpose"):
        return _TRANSPOSED
    return _AXES.get(name, _LAST)


def _classes(wire: Wire, channels: ChannelMap, side: str) -> NDArray[np.int64]:
    if side == _GIVEN:
        return channels.outputs[wire.name]
    taken = channels.inputs[wire.name]
    return np.repeat(taken, wire.layer.depth_multiplier) if side == _BETWEEN else taken


def _name(weight: Any) -> str:
    return str(weight.name).rsplit("/", maxsplit=1)[-1].partition(":")[0]
