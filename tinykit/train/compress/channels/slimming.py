"""Structured pruning: the model rebuilt without the channels that matter least, its weights cut axis by axis."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError, ParameterError
from tinykit.ground.results import Result
from tinykit.train.compress.channels.choosing import choose_channels, group_channels, rate_channels, spread_fractions
from tinykit.train.compress.channels.tracing import DEPTHWISE, PRODUCERS, ChannelMap, trace_channels
from tinykit.train.compress.channels.wiring import Wire, count_macs, read_wiring
from tinykit.train.keras import quiet

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


@dataclass(frozen=True, slots=True)
class KeptChannels(Result):
    """Output channels of one layer.

    Parameters
    ----------
    name : of the layer.
    kept : indices of the channels that stayed, ascending.
    before : how many there were.
    """

    name: str
    kept: tuple[int, ...] = field(repr=False)
    before: int

    def __str__(self) -> str:
        return f"{self.name}: {len(self.kept)} of {self.before}"


@dataclass(frozen=True, slots=True, eq=False)
class Slimmed(Result):
    """A model with fewer channels, not yet fine-tuned: give `model` to `train`.

    Parameters
    ----------
    model : tf-keras, the layers' names unchanged.
    channels : of every convolution, depthwise and dense layer, in model order.
    importance, multiple_of : how channels were rated, and what their number was rounded up to.
    macs_before, macs_after, parameters_before, parameters_after : of one inference; of all weights.
    coupled : layers that had to lose the same channels.
    notes : what to know of it.
    """

    model: Any = field(repr=False)
    channels: tuple[KeptChannels, ...]
    importance: str
    multiple_of: int
    macs_before: int
    macs_after: int
    parameters_before: int
    parameters_after: int
    coupled: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def macs_saved(self) -> float:
        """Share of MACs that went, 0–1."""
        return 1 - self.macs_after / self.macs_before if self.macs_before else 0.0

    @property
    def kept(self) -> dict[str, tuple[int, ...]]:
        """Indices of the channels that stayed, by layer."""
        return {layer.name: layer.kept for layer in self.channels}

    def __str__(self) -> str:
        return (
            f"MACs {self.macs_before:,} → {self.macs_after:,} ({self.macs_saved:.0%} fewer), "
            f"parameters {self.parameters_before:,} → {self.parameters_after:,}"
        )


def prune_channels(
    model: Any, fraction: float | Mapping[str, float], *, importance: str = "l1", multiple_of: int = 1
) -> Slimmed:
    """Remove the least important output channels of convolutions and dense layers, and rewire what follows.

    Smaller in every respect that a device sees: MACs, arena, flash, latency; what zeros in a kernel do not give.
    Channels that meet in a residual sum go together; those of the output stay. With nothing to remove the copy
    computes the same to the bit.

    Parameters
    ----------
    model : Functional or Sequential tf-keras model, float, channels last; left as it was.
    fraction : of channels to remove of every layer, 0 <= fraction < 1, or {layer: fraction} with the rest untouched.
    importance : "l1" or "l2", the norm in `rate_channels`.
    multiple_of : the channels that stay are rounded up to a multiple of it (4 or 8 fill the kernels' inner loops).

    Raises
    ------
    ParameterError : fraction outside [0, 1), an unknown layer or norm, coupled layers with different fractions,
        multiple_of below 1.
    ModelError : no channel can go, the model is wrapped by tfmot, a layer is used twice, or no Functional model.
    """
    if isinstance(multiple_of, bool) or not isinstance(multiple_of, int) or multiple_of < 1:
        raise ParameterError(f"multiple_of {multiple_of!r}: give a whole number from 1, such as 4 or 8")
    wires, _ = read_wiring(model)
    if wrapped := [wire.name for wire in wires if wire.kind.startswith(("Quantize", "Prune", "Cluster"))]:
        raise ModelError(f"layer {wrapped[0]!r} is wrapped by tfmot; remove the channels of its float parent first")
    channels = trace_channels(model)
    groups = group_channels(channels)
    ratings = rate_channels(wires, channels, importance)
    gone = choose_channels(groups, ratings, spread_fractions(groups, fraction), multiple_of)
    slim = rebuild(model, wires, channels, gone)
    stays = {wire.name: ~gone[channels.outputs[wire.name]] for wire in wires if wire.kind in (*PRODUCERS, *DEPTHWISE)}
    kept = tuple(KeptChannels(name, tuple(np.flatnonzero(one).tolist()), len(one)) for name, one in stays.items())
    coupled = tuple(makers for makers in groups if len(makers) > 1)
    names = ", ".join(channels.left_whole)
    note = f"{names}: left whole with all channels they take and give, for how to cut them is not known"
    return Slimmed(
        slim, kept, importance, multiple_of, count_macs(model), count_macs(slim),
        model.count_params(), slim.count_params(), coupled, (note,) if names else (),
    )  # fmt: skip


def rebuild(model: Any, wires: tuple[Wire, ...], channels: ChannelMap, gone: Keep) -> Any:
    """The model without the classes of channels in `gone`, bool [classes]."""
    config = model.get_config()
    by_name = {wire.name: wire for wire in wires}
    for entry in config["layers"]:
        name = entry["config"]["name"]
        entry.pop("build_config", None)
        if name in by_name and name not in channels.left_whole:
            entry["config"] = entry["config"] | _resize(by_name[name], ~gone[channels.outputs[name]])
    with quiet():
        slim = type(model).from_config(config)
    for wire in wires:
        slim_layer = wire.layer if wire.kind == "InputLayer" else slim.get_layer(wire.name)
        if slim_layer is not wire.layer and wire.layer.weights:
            slim_layer.set_weights(cut_weights(wire, channels, gone))
    return slim


def cut_weights(wire: Wire, channels: ChannelMap, gone: Keep) -> list[NDArray[np.float32]]:
    """The layer's weights without the entries of classes that go, in the order of `get_weights`."""
    cut = []
    for _, values, masks in _masked_axes(wire, channels, gone):
        for axis, keep in masks.items():
            values = np.compress(keep, values, axis=axis)  # noqa: PLW2901 - one axis after the other
        cut.append(values)
    return cut


def blank_weights(wire: Wire, channels: ChannelMap, gone: Keep) -> list[NDArray[np.float32]]:
    """The layer's weights with those entries zero instead; a variance stays as it is, for it divides."""
    blank = []
    for name, values, masks in _masked_axes(wire, channels, gone):
        for axis, keep in ({} if name == "moving_variance" else masks).items():
            shape = [1] * values.ndim
            shape[axis] = -1
            values = values * keep.reshape(shape)  # noqa: PLW2901 - one axis after the other
        blank.append(values)
    return blank


def _resize(wire: Wire, keep: Keep) -> dict[str, Any]:
    """What changes in a layer's config when only some of its output channels stay."""
    count = int(keep.sum())
    if wire.kind == "Dense":
        return {"units": count}
    if wire.kind in PRODUCERS:
        return {"filters": count}
    if wire.kind == "Reshape":
        return {"target_shape": (*wire.layer.output_shape[1:-1], count)}
    return {}


def _masked_axes(
    wire: Wire, channels: ChannelMap, gone: Keep
) -> Iterator[tuple[str, NDArray[np.float32], dict[int, Keep]]]:
    """Name and values of each weight with {axis: True where the entry stays}; no axis for a layer left whole."""
    carries = wire.kind in _CARRIERS and wire.name not in channels.left_whole
    for weight, values in zip(wire.layer.weights, wire.layer.get_weights(), strict=True):
        name = str(weight.name).rsplit("/", maxsplit=1)[-1].partition(":")[0]
        sides = _TRANSPOSED if name == "kernel" and wire.kind.endswith("Transpose") else _AXES.get(name, _LAST)
        masks = {axis: ~gone[_classes(wire, channels, side)] for axis, side in sides.items()} if carries else {}
        yield name, values, masks


def _classes(wire: Wire, channels: ChannelMap, side: str) -> NDArray[np.int64]:
    if side == _GIVEN:
        return channels.outputs[wire.name]
    taken = channels.inputs[wire.name]
    return np.repeat(taken, wire.layer.depth_multiplier) if side == _BETWEEN else taken
