"""Weights coded as TFLM's DECODE operator reads them: lookup tables, pruning; its cost, and which runtimes have it.

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
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ParameterError, UnknownRuntimeError, keywords
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.quantity import Estimate, propagate, relabel
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph, Tensor
from tinykit.model.operators.table import DECODE
from tinykit.predict.flash import decoder_code
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.latency.shapes import from_graph
from tinykit.target.boards.record import Board
from tinykit.target.runtimes import default_runtime, list_runtimes
from tinykit.target.target import Target, fill_in

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

DECODE_RUNTIMES = tuple(runtime.name for runtime in list_runtimes() if runtime.runs_decode)
_REFUSALS = {"exporter": "the C exporter writes weights as plain arrays"} | {
    runtime.name: runtime.no_decode for runtime in list_runtimes()
}
_QUICK_BITS = (2, 3, 4)
_DECODING = read_toml(shipped_path("data", "firmware", "decoding.toml"))


@dataclass(frozen=True, slots=True)
class DecodeCost(Result):
    """What the DECODE operators of a model cost on a device.

    Parameters
    ----------
    code : flash of the decoder as an `Estimate` [byte].
    weights : weights decoded at each inference.
    largest_bytes : the largest decoded tensor, which lies in the arena beside its layer's activations [byte].
    cycles : of decoding at each inference on a Cortex-M, as an `Estimate` ["1"]; None with a coding of another kind.
    device : what is known of outputs on a device.
    """

    JSON = ("code_bytes=code", "weights", "largest_bytes", "cycles", "runtimes", "device")
    runtimes = DECODE_RUNTIMES

    code: Estimate
    weights: int
    largest_bytes: int
    cycles: Estimate | None
    device: str = UNVERIFIED

    def latency(self, clock_hz: float, core: str = "cortex-m4") -> Estimate | None:
        """Time to decode all weights once at a clock [Hz], as an `Estimate` [s]; None off Cortex-M: unknown."""
        if self.cycles is None or not core.startswith("cortex-m"):
            return None
        return propagate(lambda cycles: cycles / clock_hz, self.cycles, unit="s")


def cost_of_decode(graph: ModelGraph) -> DecodeCost:
    """The cost of the DECODE operators of a model, whoever put them there; one without any costs nothing."""
    pairs = [
        (graph.tensors[tables], graph.tensors[decoded])
        for operator in graph.operators
        if operator.name == DECODE
        for tables, decoded in zip(operator.inputs[1::2], operator.outputs, strict=False)
        if tables >= 0
    ]
    kinds = [_kind_of(graph, tables, decoded) for tables, decoded in pairs]
    sizes = [decoded.elements for _, decoded in pairs]
    return DecodeCost(
        decoder_code() if pairs else Estimate.exact(0, "byte", "compiled", "no DECODE operator"),
        sum(sizes),
        max((decoded.nbytes for _, decoded in pairs), default=0),
        None if "" in kinds else _count_cycles(kinds, sizes),
    )


def refuse_decode(runtime: str) -> str:
    """Why a runtime cannot run DECODE, "" where it can. `runtime` as in `tinykit.budget.fit`, or "exporter".

    >>> refuse_decode("tflm-cmsis-nn"), refuse_decode("x-cube-ai")
    ('', "X-CUBE-AI does not know TFLM's custom operators")
    """
    return _REFUSALS.get(runtime, f"whether {runtime!r} has TFLM's DECODE operator is unknown")


def has_decode(graph: ModelGraph) -> bool:
    """Whether weights of the model are decoded on the device."""
    return any(operator.name == DECODE for operator in graph.operators)


@keywords
def predict_packed_latency(
    graph: ModelGraph,
    *,
    target: Target | None = None,
    core: str | None = None,
    clock_hz: float | None = None,
    runtime: str | None = None,
    runtime_version: str | None = None,
    runtime_option: str | None = None,
    board: str | Board | None = None,
    build: str | None = None,
    arena_region: str | None = None,
) -> Estimate:
    """Latency [s] of a model that may decode its weights: that of its other operators, and of decoding.

    Parameters
    ----------
    graph : the model.
    target, core, clock_hz, runtime, runtime_version, runtime_option, board, build, arena_region : as for
        `tinykit.predict.latency.predict_latency`.

    Raises
    ------
    UnknownRuntimeError : the runtime has no DECODE, its time on this core is unknown, or as `predict_latency`.
    """
    predict = partial(
        predict_latency, target=target, core=core, clock_hz=clock_hz, runtime=runtime, runtime_version=runtime_version,
        runtime_option=runtime_option, board=board, build=build, arena_region=arena_region,
    )  # fmt: skip
    if not has_decode(graph):
        return predict(graph)
    core, clock_hz, runtime = fill_in(target, core=core, clock_hz=clock_hz, runtime=runtime)
    if not core or not clock_hz:
        raise ParameterError("decoding on what core at what clock? give core and clock_hz, or a target with a clock")
    runtime = runtime or default_runtime(core)
    if refusal := refuse_decode(runtime):
        raise UnknownRuntimeError(f"{runtime} cannot run this model: {refusal}\nuse the model without DECODE operators")
    extra = cost_of_decode(graph).latency(clock_hz, core)
    if extra is None:
        raise UnknownRuntimeError(
            f"how long DECODE takes on {core} is unknown\nmeasure it on the board and give the figure (--latency)"
        )
    plain = predict(tuple(shape for shape in from_graph(graph) if shape.name != DECODE))
    total = propagate(lambda one, other: one + other, plain, extra, unit="s")
    return relabel(total, runtime=runtime, sources=(*plain.sources, f"decoding {extra}", *extra.sources))


def _kind_of(graph: ModelGraph, tables: Tensor, decoded: Tensor) -> str:
    """Which loop decodes a tensor, "" where its kind is none of the two."""
    header = graph.data[tables.data_start : tables.data_start + tables.data_bytes][:16]
    if len(header) < 16 or header[0] not in (LOOKUP, PRUNING):
        return ""
    if header[0] == PRUNING:
        return "pruning"
    quick = header[5] & 7 in _QUICK_BITS and not is_last_axis(decoded) and decoded.dtype == "int8"
    return "quick" if quick else "table"


def _count_cycles(kinds: list[str], sizes: list[int]) -> Estimate:
    pairs = list(zip(kinds, sizes, strict=True))
    low, value, high = (sum(_DECODING["cycles"][kind][end] * size for kind, size in pairs) for end in range(3))
    return Estimate(value, low, high, "1", "modelled", sources=_DECODING["source"])
