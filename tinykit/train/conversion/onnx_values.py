"""Tensors of a `.tflite` that stand for values of an ONNX graph, whatever the order of their axes.

ONNX keeps channels first, kernels for microcontrollers take them last. So a value has *forms*: a tensor for each layout
it was asked in. A layout lists the value's axes as the tensor has them, None for an axis of size 1 that only the tensor
has: (0, 2, 3, 1) is NHWC, (0, None, 2, 1) a signal as an image of one row. What nobody asks for is never written.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tinykit.model.graph.drafting import Draft
from tinykit.train.conversion.onnx_graph import Array, list_operators

Layout = tuple[int | None, ...]
_PER_CHANNEL = 12
"""The version of FULLY_CONNECTED that has a scale for each output."""


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A value of ONNX's shape and the tensors that hold it, by layout.

    Scales are float32 and zero points those of int8, one or one a channel of `axis`. A constant has codes; `offset` is
    what was taken off its zero points, 128 where ONNX had uint8. `source` is what it is a reshape of, if no more.
    """

    shape: tuple[int, ...]
    scale: Array
    zero: Array
    axis: int = 0
    codes: Array | None = None
    offset: int = 0
    forms: dict[Layout, int] = field(default_factory=dict)
    source: Value | None = None

    @property
    def quantised(self) -> tuple[Array, Array]:
        """Scales and zero points."""
        return self.scale, self.zero

    def has(self, scale: Array, zero: Array) -> bool:
        """Whether its numbers are quantised so."""
        return np.array_equal(self.scale, scale) and np.array_equal(self.zero, zero)

    @property
    def reals(self) -> Array:
        """What the codes of a constant stand for."""
        shape = [-1 if axis == self.axis else 1 for axis in range(len(self.shape))] if self.scale.size > 1 else ()
        steps: Array = np.asarray(self.codes, np.float64) - self.zero.astype(np.float64).reshape(shape)
        return steps * self.scale.astype(np.float64).reshape(shape)

    def reshaped(self, shape: tuple[int, ...]) -> Value:
        """The value in another shape: nothing is written before somebody needs it."""
        if self.codes is not None:
            axis = self.axis + len(shape) - len(self.shape)
            return replace(self, shape=shape, codes=self.codes.reshape(shape), axis=axis, forms={})
        return Value(shape, *self.quantised, source=self.source if not self.forms and self.source else self)

    def transposed(self, order: list[int]) -> Value:
        """The value with its axes in another order: the tensors stay, the axes have other numbers."""
        forms: dict[Layout, int] = {}
        for layout, tensor in self.forms.items():
            forms[tuple(None if axis is None else order.index(axis) for axis in layout)] = tensor
        shape, axis = tuple(self.shape[axis] for axis in order), order.index(self.axis) if self.scale.size > 1 else 0
        codes = None if self.codes is None else self.codes.transpose(order)
        return Value(shape, *self.quantised, axis, codes, self.offset, forms if codes is None else {})


def plain(rank: int) -> Layout:
    """The layout of ONNX itself."""
    return tuple(range(rank))


def channels_last(rank: int) -> Layout:
    """The layout in which people give an image or a signal to a `.tflite`."""
    return (0, *range(2, rank), 1) if rank > 2 else plain(rank)


def image(rank: int) -> Layout:
    """As `channels_last`, a signal as the image of one row that kernels take."""
    return (0, None, 2, 1) if rank == 3 else channels_last(rank)


@functools.lru_cache(16)
def _order(shape: tuple[int, ...], layout: Layout) -> Array:
    """Numbers of a value's elements in the order in which a tensor of this layout has them."""
    axes = [axis for axis in layout if axis is not None]
    found: Array = np.arange(math.prod(shape)).reshape(shape).transpose(axes).ravel()
    return found


class Tensors(Draft):
    """The tensors, operators and constants written so far."""

    def operate(self, name: str, inputs: Sequence[int], output: int, **options: float | bytes) -> int:
        """An operator of one output, which is returned."""
        row = next(one for rows in list_operators().values() for one in rows if one["operator"] == name)
        channels = name == "FULLY_CONNECTED" and len(self.tensors[inputs[1]].scales) > 4
        version = _PER_CHANNEL if channels else int(row["version"])
        return self.emit(name, inputs, output, version=version, table=row["options"], options=options)

    def make(self, shape: Sequence[int], layout: Layout, scale: Array, zero: Array) -> Value:
        """A new value with a tensor of a layout, for an operator to write."""
        value = Value(tuple(shape), scale, zero)
        value.forms[layout] = self.add(_sizes(value, layout), scale, zero)
        return value

    def home(self, value: Value) -> Layout:
        """The layout in which a value is best read: that it was made in, or one that costs no reordering."""
        likely = [*value.forms, channels_last(len(value.shape)), plain(len(value.shape))]
        return next((one for one in likely if self._alike(value, one) is not None), likely[-1])

    def take(self, value: Value, layout: Layout) -> int:
        """The tensor that holds a value in a layout, written where there is none yet."""
        if layout not in value.forms:
            value.forms[layout] = self._write(value, layout)
        return value.forms[layout]

    def _write(self, value: Value, layout: Layout) -> int:
        shape, axes = _sizes(value, layout), tuple(axis for axis in layout if axis is not None)
        if value.codes is not None:
            place = layout.index(value.axis) if value.scale.size > 1 else 0
            return self.add(shape, *value.quantised, axis=place, data=value.codes.transpose(axes).reshape(shape))
        alike = self._alike(value, layout)
        if alike is not None and self.tensors[alike].shape == shape:
            return alike
        if alike is not None:
            sizes = np.asarray(shape, "<i4")
            made = self.add(shape, *value.quantised)
            return self.operate("RESHAPE", [alike, self.constant(sizes)], made, new_shape=sizes.tobytes())
        if value.source is not None and not value.forms:
            self.take(value.source, plain(len(value.source.shape)))
            self.take(value, plain(len(value.shape)))
        if axes != layout:  # in its own axes first, which then only change their form
            self.take(value, axes)
        if axes != layout or self._alike(value, layout) is not None:
            return self._write(value, layout)
        first = tuple(axis for axis in next(iter(value.forms)) if axis is not None)
        inputs = [self.take(value, first), self.constant([first.index(axis) for axis in axes])]
        return self.operate("TRANSPOSE", inputs, self.add(shape, *value.quantised))

    def _alike(self, value: Value, layout: Layout) -> int | None:
        """A tensor that holds the value's elements in the order of this layout, whatever its shape."""
        wanted = _order(value.shape, layout)
        for one in filter(None, (value, value.source)):
            for known, tensor in one.forms.items():
                if np.array_equal(_order(one.shape, known), wanted):
                    return tensor
        return None

    def requantise(self, value: Value, scale: Array, zero: Array) -> Value:
        """The value with another scale or zero point, by a QUANTIZE where it has not these already."""
        if value.has(scale, zero):
            return value
        if value.codes is not None:
            codes = np.clip(np.rint(value.reals / float(scale[0])) + zero[0], -128, 127).astype(np.int8)
            return replace(value, scale=scale, zero=zero, codes=codes, forms={})
        if not value.forms and value.source is not None:
            return self.requantise(value.source, scale, zero).reshaped(value.shape)
        layout = self.home(value)
        made = self.make(value.shape, layout, scale, zero)
        self.operate("QUANTIZE", [self.take(value, layout)], made.forms[layout])
        return made

    def read_flat(self, value: Value) -> tuple[int, Array | slice]:
        """A tensor with the elements of a row, and their order among the value's own."""
        source = value.source
        if value.forms or source is None or not source.forms:
            return self.take(value, plain(len(value.shape))), slice(None)
        layout, tensor = next(iter(source.forms.items()))
        return tensor, _order(source.shape, layout)


def _sizes(value: Value, layout: Layout) -> tuple[int, ...]:
    return tuple(1 if axis is None else value.shape[axis] for axis in layout)
