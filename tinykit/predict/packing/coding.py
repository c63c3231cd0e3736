"""Weights coded as TFLM's DECODE operator reads them: lookup tables, pruning.

A coded tensor is two byte vectors. The first holds indices or a bitmask, most significant bit first. The second begins
with 16 bytes: kind (0 lookup table, 2 pruning), version 1, two reserved; then for either kind version 1, for a lookup
table also its axis and index width (high and low half of a byte) and the values from one channel's table to the next.
The values follow: the tables, or the weights that are not zero. Format: TFLM `decode_state.h`, `decode_state_lut.cc`,
`decode_state_prune.cc` and `compression/decode.py` (commit 8f6596d).

The kernel moves to the next table with each *quantisation channel* of the tensor it writes: first axis, or last where
the scales go along that. A table for all channels therefore has a step of 0 between tables; a step of its length would
silently give every other channel wrong weights.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.model.graph.model import Tensor

LOOKUP, PRUNING = 0, 2
_WIDEST_INDEX = 7
_ONE_TABLE_AXIS = 15
_HEADER = struct.Struct("<BBHBBB9x")
_VALUE_TYPES = ("int8", "int16", "float32")

Values = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Coding:
    """A tensor as DECODE reads it: the operator's two constants, bits of an index, number of tables (0 for pruning)."""

    codes: bytes
    tables: bytes
    bits: int
    table_count: int

    @property
    def nbytes(self) -> int:
        """Size of both [byte]."""
        return len(self.codes) + len(self.tables)


def list_codings(tensor: Tensor, values: Values) -> tuple[Coding, ...]:
    """Every coding of a weight tensor that the kernel decodes exactly, the smallest first; empty where none does."""
    axis = _channel_axis(tensor)
    if axis is None or tensor.dtype not in _VALUE_TYPES or not values.size:
        return ()
    channels = max(1, len(tensor.scales))
    found = [_code_table(values, axis, channels, per_channel=False), _code_pruned(tensor, values)]
    if channels > 1:
        found.append(_code_table(values, axis, channels, per_channel=True))
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.nbytes))


def decode_coding(coding: Coding, tensor: Tensor) -> Values:
    """The weights again, as the kernel computes them: what a coding is checked with before it is used."""
    kind, _, _, _, packed, step = _HEADER.unpack_from(coding.tables)
    count, dtype = tensor.elements, np.dtype({"int8": "<i1", "int16": "<i2", "float32": "<f4"}[tensor.dtype])
    table = np.frombuffer(coding.tables, dtype, offset=_HEADER.size)
    bits = np.unpackbits(np.frombuffer(coding.codes, np.uint8))
    if kind == PRUNING:
        flat = np.zeros(count, dtype)
        flat[bits[:count] == 1] = table
        return flat.reshape(tensor.shape)
    width = packed & _WIDEST_INDEX
    indices = bits[: count * width].reshape(count, width) @ (1 << np.arange(width)[::-1])
    channels = max(1, len(tensor.scales))
    position = np.arange(count)
    channel = position % channels if is_last_axis(tensor) else position // (count // channels)
    values: Values = table[indices + channel * step]
    return values.reshape(tensor.shape)


def _channel_axis(tensor: Tensor) -> int | None:
    """Axis the kernel steps its tables along, None where it cannot decode the tensor."""
    channels, axis = len(tensor.scales), tensor.quantised_dimension
    if len(tensor.zero_points) != channels:
        return None
    own = 0 <= axis < len(tensor.shape) and axis in (0, len(tensor.shape) - 1) and tensor.shape[axis] == channels
    return axis if (own if channels > 1 else axis == 0) else None


def is_last_axis(tensor: Tensor) -> bool:
    """Whether scales go along the last axis of a tensor."""
    return len(tensor.scales) > 1 and tensor.quantised_dimension == len(tensor.shape) - 1


def _code_table(values: Values, axis: int, channels: int, *, per_channel: bool) -> Coding | None:
    """One table for all channels, or one a channel; None where an index would need more than seven bits."""
    keys = values.view(f"u{values.itemsize}")
    moved = np.moveaxis(keys, axis, 0)
    rows = moved.reshape(channels, -1) if per_channel else keys.reshape(1, -1)
    if _has_too_many(rows):
        return None
    ordered = np.sort(rows, axis=1)
    first = np.ones(rows.shape, bool)  # of a run of equal values
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    longest = int(first.sum(axis=1).max())
    width = max(1, (longest - 1).bit_length())
    if width > _WIDEST_INDEX:
        return None
    place = first.cumsum(axis=1) - 1
    indices = np.empty_like(place)
    np.put_along_axis(indices, np.argsort(rows, axis=1, kind="stable"), place, axis=1)
    if per_channel:
        indices = np.moveaxis(indices.reshape(moved.shape), 0, axis)
    padded = np.zeros((len(rows), longest), keys.dtype)
    padded[np.nonzero(first)[0], place[first]] = ordered[first]
    shown_axis, step = (axis, longest) if per_channel else (_ONE_TABLE_AXIS, 0 if channels > 1 else longest)
    header = _HEADER.pack(LOOKUP, 1, 0, 1, shown_axis << 4 | width, step)
    return Coding(_pack(indices.ravel(), width), header + padded.tobytes(), width, len(rows))


def _has_too_many(rows: NDArray[Any]) -> bool:
    """Whether some row of bytes has more values than an index can tell apart: counted, which is quicker than sorted."""
    most = 1 << _WIDEST_INDEX
    if rows.itemsize > 1 or rows.shape[1] <= most:
        return False
    return any(np.count_nonzero(np.bincount(row)) > most for row in rows)


def _code_pruned(tensor: Tensor, values: Values) -> Coding | None:
    """The kernel writes the zero point where a bit is 0, which for weights has to be the number 0."""
    if any(tensor.zero_points):
        return None
    bits = values.ravel().view(f"u{values.itemsize}")
    kept = bits != 0
    header = _HEADER.pack(PRUNING, 1, 0, 1, 0, 0)
    return Coding(np.packbits(kept).tobytes(), header + bits[kept].tobytes(), 0, 0)


def _pack(indices: NDArray[np.integer], width: int) -> bytes:
    """Indices of `width` bits one behind the other, most significant bit first."""
    shifts = np.arange(width)[::-1]
    return np.packbits((indices[:, None] >> shifts & 1).astype(np.uint8).ravel()).tobytes()


UNVERIFIED = "unverified on device"
"""Outputs are compared in TFLM on this host. On Cortex-M4 models of this kind were loaded and invoked under QEMU, their
outputs not compared; with CMSIS-NN or ESP-NN kernels nothing was tried."""
