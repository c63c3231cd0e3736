"""Which channels of a network are one and the same: followed from the layer that makes them to those that use them.

Every tensor carries, along its last axis, the class each entry belongs to. A convolution or a dense layer starts new
classes; normalisation, activation, pooling and depthwise convolution pass them on; Flatten repeats them; Concatenate
lines them up; Add makes two classes one, for a channel can leave a residual sum only with its partner. What another
layer would need whole (the model's inputs and outputs, softmax, recurrent layers) is held.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.train.compress.channels.wiring import Wire, read_wiring

Classes = NDArray[np.int64]

PRODUCERS = ("Conv1D", "Conv2D", "Conv1DTranspose", "Conv2DTranspose", "Dense", "SeparableConv1D", "SeparableConv2D")
DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D")
_PASSING = frozenset(
    "Activation ReLU LeakyReLU ELU ThresholdedReLU PReLU BatchNormalization Dropout SpatialDropout1D SpatialDropout2D "
    "GaussianNoise GaussianDropout ActivityRegularization MaxPooling1D MaxPooling2D AveragePooling1D AveragePooling2D "
    "GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D ZeroPadding1D ZeroPadding2D "
    "Cropping1D Cropping2D UpSampling1D UpSampling2D".split()
)
_ELEMENTWISE = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
_SHAPING = ("Flatten", "Reshape", "Permute")


@dataclass(frozen=True, slots=True, eq=False)
class ChannelMap:
    """Classes of channels in a network; two entries of one class stay or go together.

    Parameters
    ----------
    inputs, outputs : class of each entry along the last axis of what a layer takes (if one tensor) and gives.
    held : bool [classes], those that must stay.
    producers : class names of channels to the layers with weights that make them: {class: (layer, …)}.
    left_whole : layers this module cannot cut, kept as they are with all they take and give.
    """

    inputs: Mapping[str, Classes] = field(repr=False)
    outputs: Mapping[str, Classes] = field(repr=False)
    held: NDArray[np.bool_] = field(repr=False)
    producers: Mapping[int, tuple[str, ...]] = field(repr=False)
    left_whole: tuple[str, ...]


def trace_channels(model: Any) -> ChannelMap:
    """Follow every channel of a Functional or Sequential model, channels last; errors as `read_wiring`."""
    wires, ends = read_wiring(model)
    tracer = _Tracer()
    for wire in wires:
        tracer.follow(wire)
    for name in ends:
        tracer.hold(tracer.outputs[name])
    return tracer.finish(wires)


class _Tracer:
    def __init__(self) -> None:
        self.inputs: dict[str, Classes] = {}
        self.outputs: dict[str, Classes] = {}
        self.left_whole: list[str] = []
        self._class: Classes = np.zeros(0, np.int64)
        self._held: list[int] = []

    def follow(self, wire: Wire) -> None:
        sources = [self.outputs[name] for name in wire.sources]
        if len(sources) == 1:
            self.inputs[wire.name] = sources[0]
        steps: tuple[tuple[bool, Callable[[Wire, list[Classes]], Classes]], ...] = (
            (not sources, self._new_held),
            (not _is_plain(wire), self._leave_whole),
            (wire.kind in PRODUCERS, self._new),
            (wire.kind in DEPTHWISE, lambda wire, sources: np.repeat(sources[0], wire.layer.depth_multiplier)),
            (wire.kind in _PASSING, lambda wire, sources: sources[0]),
            (wire.kind in _SHAPING, self._shape),
            (wire.kind in _ELEMENTWISE, self._join),
            (wire.kind == "Concatenate", self._concatenate),
            (True, self._leave_whole),
        )
        self.outputs[wire.name] = next(step for fits, step in steps if fits)(wire, sources)
        if _mixes(wire):
            self.hold(self.outputs[wire.name])

    def hold(self, classes: Classes) -> None:
        self._held += np.unique(classes).tolist()

    def finish(self, wires: tuple[Wire, ...]) -> ChannelMap:
        _, number = np.unique(self._class, return_inverse=True)
        inputs, outputs = ({name: number[one] for name, one in table.items()} for table in (self.inputs, self.outputs))
        held = np.zeros(int(number.max(initial=-1)) + 1, dtype=bool)
        held[number[self._held]] = True
        makers: dict[int, tuple[str, ...]] = {}
        for wire in (wire for wire in wires if wire.kind in PRODUCERS and wire.name not in self.left_whole):
            for one in np.unique(outputs[wire.name]).tolist():
                makers[one] = (*makers.get(one, ()), wire.name)
        return ChannelMap(inputs, outputs, held, makers, tuple(self.left_whole))

    def _new(self, wire: Wire, sources: list[Classes]) -> Classes:
        made = np.arange(len(self._class), len(self._class) + int(wire.shape[-1] or 1), dtype=np.int64)
        self._class = np.concatenate([self._class, made])
        return made

    def _new_held(self, wire: Wire, sources: list[Classes]) -> Classes:
        self.hold(made := self._new(wire, sources))
        return made

    def _shape(self, wire: Wire, sources: list[Classes]) -> Classes:
        """The classes of each element moved as the layer moves elements; held unless every row then has the same."""
        shape = tuple(wire.layer.input_shape[1:])
        if None in shape:
            return self._leave_whole(wire, sources)
        spread = np.broadcast_to(sources[0], shape)
        if wire.kind == "Permute":
            moved = spread.transpose([axis - 1 for axis in wire.layer.dims])
        else:
            moved = spread.reshape(wire.layer.output_shape[1:])
        rows = moved.reshape(-1, moved.shape[-1])
        return rows[0].copy() if (rows == rows[0]).all() else self._leave_whole(wire, sources)

    def _join(self, wire: Wire, sources: list[Classes]) -> Classes:
        if len({len(one) for one in sources}) > 1:  # one entry spread over all channels
            return self._leave_whole(wire, sources)
        for source in sources[1:]:
            for one, other in zip(sources[0], source, strict=True):
                self._class[self._class == self._class[other]] = self._class[one]
        return sources[0]

    def _concatenate(self, wire: Wire, sources: list[Classes]) -> Classes:
        rank = len(wire.layer.output_shape)
        return np.concatenate(sources) if wire.layer.axis % rank == rank - 1 else self._join(wire, sources)

    def _leave_whole(self, wire: Wire, sources: list[Classes]) -> Classes:
        for one in sources:
            self.hold(one)
        self.left_whole.append(wire.name)
        return self._new_held(wire, sources)


def _is_plain(wire: Wire) -> bool:
    """Channels last, one group: the form whose weights this room knows how to cut."""
    layer = wire.layer
    if getattr(layer, "data_format", "channels_last") == "channels_first" or getattr(layer, "groups", 1) != 1:
        return False
    if wire.kind == "BatchNormalization":
        axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
        return [axis % len(layer.input_shape) for axis in axes] == [len(layer.input_shape) - 1]
    return wire.kind != "PReLU" or len(layer.input_shape) - 1 not in (layer.shared_axes or ())


def _mixes(wire: Wire) -> bool:
    """Softmax over the channels: one of them gone would change all others."""
    return wire.kind == "Softmax" or wire.layer.get_config().get("activation") == "softmax"
