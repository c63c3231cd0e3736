"""An architecture as an integer `.tflite`, made in a millisecond without TensorFlow and untrained.

Operators, shapes, options and tensors are those that the converter of TensorFlow 2.21 writes of the tf-keras model once
it is trained: normalisation folded into weights and bias, ReLU into the operator before it, no RESHAPE where a fully
connected operator reads a map of one position. Weights are noise and scales plausible, so that every engine runs it:
arena, flash, latency and energy are those of the network, what it answers means nothing.
"""

import functools
import itertools
import math
from dataclasses import dataclass, replace
from reprlib import repr as say
from typing import Any

import numpy as np

from tinykit.ground.errors import ParameterError
from tinykit.ground.facts import read_csv, shipped_path
from tinykit.ground.limits import SKETCH_BYTES
from tinykit.model.graph.drafting import Array, Draft
from tinykit.model.graph.schema import ACTIVATIONS, PADDINGS, TYPE_NAMES
from tinykit.model.graph.writing import write_tree
from tinykit.train.architecture.value import WIDTH, Architecture, Pair, lay

_WRITTEN = {
    row["name"]: (int(row["version"]), row["options"], int(row["bytes"]))
    for row in read_csv(shipped_path("data", "sketch.csv")).rows
}
Scale = tuple[Array, Array]
_CODES = {"linear": 0, "plain": 0, "relu": ACTIVATIONS.index("RELU")}
_SCALES: dict[str, Scale] = {
    name: (np.array([scale], "<f4"), np.array([zero], "<i8")) for name, scale, zero in (
        ("input", 1 / 32, 0), ("linear", 1 / 32, 3), ("plain", 1 / 32, 3), ("relu", 1 / 64, -128),
        ("share", 1 / 256, -128), ("hidden", 1 / 128, 0), ("cell", 2**-15, 0))
}  # fmt: skip
_WIDE_SCALES = {name: (scale / 256, 0 * zero) for name, (scale, zero) in _SCALES.items()} | {
    "share": (np.array([2**-15], "<f4"), np.array([0], "<i8"))
}
PRECISIONS, _RANGE = ("int8", "int16x8"), 17
_WEIGHT, _NOISE = 1 / 512, np.random.default_rng(0).integers(-127, 128, 2**16, np.int8)


def sketch(architecture: Architecture, *, input_shape: tuple[int, ...], classes: int, precision: str = "int8") -> bytes:
    """The `.tflite` of an architecture, untrained.

    Parameters
    ----------
    architecture : what it is made of.
    input_shape : (height, width, channels), of a signal (samples, 1, channels), or (features,).
    classes : outputs.
    precision : "int8", or "int16x8" with activations of 16 bits.

    Raises
    ------
    ParameterError : a shape or number of classes that it cannot have, sizes beyond what a device can hold, another
        precision, or an LSTM with activations of 16 bits.
    """
    sizes, kinds = tuple(input_shape), {block.kind for block in architecture.blocks}
    whole = all(isinstance(size, int) and size > 0 for size in (*sizes, classes))
    if not whole or classes > WIDTH or (len(sizes) != 3 and (len(sizes) != 1 or kinds - {"dense"})):
        allowed = f"(height, width, channels), of dense blocks also (features,), and up to {WIDTH:,} classes"
        raise ParameterError(f"input_shape {say(sizes)} with {say(classes)} classes is not possible; give {allowed}")
    if precision not in PRECISIONS[: 1 if "lstm" in kinds else None]:
        told = f"precision {precision!r} of a sketch {'with an LSTM ' if 'lstm' in kinds else ''}"
        raise ParameterError(f"{told}is not possible; allowed: {', '.join(PRECISIONS)}, with an LSTM {PRECISIONS[0]}")
    make = _SketchLayers(wide=precision != PRECISIONS[0])
    start = make.tensor(sizes, make.scales["input"])
    tree = make.finish([start.index], [lay(make, start, architecture, classes).index])
    held = sum(len(tree.buffers[one.buffer]) + 3 * len(one.scales) for one in tree.main.tensors)
    return write_tree(tree).ljust(make.named_bytes + held + make.count_ranges(), b"\0")


@dataclass(frozen=True, slots=True)
class _Laid:
    """A tensor that an operator wrote: index, shape with its batch of 1, scale and zero point."""

    index: int
    shape: tuple[int, ...]
    quantised: Scale


class _SketchLayers(Draft):
    """What `lay` asks for, as operators of a `.tflite`."""

    def __init__(self, *, wide: bool) -> None:
        super().__init__()
        self.scales = _WIDE_SCALES if wide else _SCALES
        self._kind, self._bias = ("int16", "int64") if wide else ("int8", "int32")
        self._left, self.named_bytes = SKETCH_BYTES, _WRITTEN["FILE"][2]
        self._offset = itertools.count(step=61)

    def count_ranges(self) -> int:
        """Bytes of the least and largest values, which the converter keeps with activations of 16 bits alone."""
        kinds = [TYPE_NAMES.index(name) for name in ("int8", "int16")]
        ranges = [one for one in self.tensors if one.code in kinds] if self._kind == "int16" else []
        return sum(_RANGE + 2 * len(one.scales) for one in ranges)

    def tensor(self, sizes: tuple[int, ...], quantised: Scale, **options: Any) -> _Laid:
        shape = (1, *sizes)
        self._take(math.prod(shape))
        return _Laid(self.add(shape, *quantised, **{"kind": self._kind, **options}), shape, quantised)

    def conv(self, x: _Laid, width: int, kernel: Pair, stride: int, activation: str = "relu") -> _Laid:
        filters = self._weights((width, *kernel, x.shape[3]), x.quantised)
        return self._window("CONV_2D", [x, *filters], stride, width, activation)

    def depthwise(self, x: _Laid, kernel: Pair, stride: int) -> _Laid:
        filters = self._weights((1, *kernel, x.shape[3]), x.quantised, axis=3)
        return self._window("DEPTHWISE_CONV_2D", [x, *filters], stride, x.shape[3], "relu", depth_multiplier=1)

    def _window(self, kind: str, read: list[Any], stride: int, width: int, activation: str, **more: int) -> _Laid:
        sizes = (*(-(-size // stride) for size in read[0].shape[1:3]), width)
        options = {"stride_w": stride, "stride_h": stride, "activation": _CODES[activation], **more}
        return self._make(kind, read, sizes, self.scales[activation], **options)

    def join(self, x: _Laid, y: _Laid) -> _Laid:
        return self._make("ADD", [x, y], x.shape[1:], self.scales["relu"], activation=_CODES["relu"])

    def pool(self, x: _Laid, size: Pair, kind: str = "MAX_POOL_2D") -> _Laid:
        height, width = size
        sizes = (x.shape[1] // height, x.shape[2] // width, x.shape[3])
        if not all(sizes):
            raise ParameterError(f"pool: {size} positions are more than a map of {x.shape[1:3]} has; take fewer")
        options = {"stride_w": width, "stride_h": height, "filter_w": width, "filter_h": height}
        return self._make(kind, [x], sizes, x.quantised, padding=PADDINGS.index("VALID"), **options)

    average = functools.partialmethod(pool, kind="AVERAGE_POOL_2D")

    def flatten(self, x: _Laid) -> _Laid:
        sizes = (math.prod(x.shape),)
        return x if x.shape[-1:] == sizes else self.reshape(x, sizes)

    def last(self, x: _Laid) -> _Laid:
        """The last of the first axis behind the batch; masks as a Cropping layer has them."""
        rank, steps = len(x.shape), x.shape[1]
        read = [x, *(self.constant(one) for one in ([0, steps - 1, 0, 0][:rank], [0] * rank, [1] * rank))]
        masks = {"begin_mask": 1 + 2 ** (rank - 1), "end_mask": 2**rank - 1}
        return self._make("STRIDED_SLICE", read, (1, *x.shape[2:]), x.quantised, **masks)

    def reshape(self, x: _Laid, sizes: tuple[int, ...]) -> _Laid:
        return self._make("RESHAPE", [x, self.constant([1, *sizes])], sizes, x.quantised)

    def dense(self, x: _Laid, width: int, activation: str) -> _Laid:
        filters = self._weights((width, math.prod(x.shape)), x.quantised)
        kept = activation if activation in _CODES else "linear"
        made = self._make("FULLY_CONNECTED", [x, *filters], (width,), self.scales[kept], activation=_CODES[kept])
        return made if kept == activation else self._make("SOFTMAX", [made], (width,), self.scales["share"], beta=1.0)

    def drop(self, x: _Laid, share: float) -> _Laid:
        return x

    def lstm(self, x: _Laid, units: int) -> _Laid:
        """As in LiteRT's kernel: weights and biases of the four gates, and two states; what it has no use for is -1."""
        gates = [self._weights((units, x.shape[2]), x.quantised, scales=1) for _ in range(4)]
        again = [self._filters((units, units)) for _ in range(4)]
        hidden, kinds = self.scales["hidden"], (("hidden", "int8"), ("cell", "int16"))
        states = [self.tensor((units,), self.scales[one], is_variable=True, kind=kind) for one, kind in kinds]
        weights, biases = zip(*gates, strict=True)
        read = [x, *weights, *again, -1, -1, -1, *biases, -1, -1, *states, -1, -1, -1, -1]
        between = [self.add((0,), np.empty(0), np.empty(0), kind="float32") for _ in range(4)]
        between += [self.add((0,), *hidden)]
        options = {"activation": ACTIVATIONS.index("TANH"), "cell_clip": 10.0}
        made = self._make("UNIDIRECTIONAL_SEQUENCE_LSTM", read, (x.shape[1], units), hidden, **options)
        self.operators[-1] = replace(self.operators[-1], intermediates=tuple(between))
        return made

    def _weights(self, shape: tuple[int, ...], given: Scale, *, axis: int = 0, scales: int = 0) -> tuple[int, int]:
        """Noise as weights, and a bias of int32, with a scale for each output or so many as are given."""
        count, each = shape[axis], scales or shape[axis]
        filters, bias = self._filters(shape, axis, each), self._noise(count).astype(self._bias)
        return filters, self.add((count,), np.full(each, _WEIGHT) * given[0], np.zeros(each), data=bias)

    def _filters(self, shape: tuple[int, ...], axis: int = 0, each: int = 1) -> int:
        noise = self._noise(math.prod(shape))
        return self.add(shape, np.full(each, _WEIGHT), np.zeros(each), axis=axis, data=noise)

    def _noise(self, count: int) -> Array:
        """Other numbers each time, so that no two constants are one."""
        self._take(count)
        return np.resize(_NOISE[next(self._offset) % (_NOISE.size // 2) :], count)

    def _take(self, nbytes: int) -> None:
        self._left -= nbytes
        if self._left < 0:
            raise ParameterError(f"the network has more than {SKETCH_BYTES:,} bytes of tensors; make it smaller")

    def _make(self, kind: str, read: list[Any], sizes: tuple[int, ...], quantised: Scale, **options: float) -> _Laid:
        made, (version, table, named) = self.tensor(sizes, quantised), _WRITTEN[kind]
        self.named_bytes += named
        inputs = [one.index if isinstance(one, _Laid) else one for one in read]
        given = {name: value for name, value in options.items() if value}
        self.emit(kind, inputs, made.index, version=version, table=table, options=given)
        return made
