"""An operator as a kernel is handed it, its multiply-accumulates, and what its kernel asks of the arena.

Scratch of TFLM's reference kernels is what the x86-64 interpreter records (tests/test_arena.py). CMSIS-NN's follows its
`*_get_buffer_size` functions (Source/ConvolutionFunctions, PoolingFunctions; TFLM
tensorflow/lite/micro/kernels/cmsis_nn): it differs by version, and between cores with Helium ("mve"), with the DSP
extension ("dsp") and with neither ("plain"). Where CMSIS-NN has no kernel, its set runs the reference kernel.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinykit.ground.errors import ModelError

Shape = tuple[int, ...]
NEWEST = "2026"
"""CMSIS-NN as TFLM of mid-2026 links it."""
EARLIER = "2023"
"""Before the depthwise 3 × 3 kernel went without a buffer on cores with the DSP extension (kws on an nRF52840: 24,164
bytes, with today's kernels 22,820), and before there were transposed convolutions; else as the newest, as a bound."""
EXPORTED = "4.0.0"
"""What an export in C carries; the exported program can ask the library itself (`<name>_scratch_check`)."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """Whose kernels run: core family ("plain", "dsp", "mve"), and version of CMSIS-NN, "" for TFLM's reference."""

    family: str
    cmsis: str = ""


@dataclass(frozen=True, slots=True)
class Operand:
    """What a kernel sees of a tensor: shape, type, bytes, and how many scales it has."""

    shape: Shape
    dtype: str
    nbytes: int
    scales: int


@dataclass(frozen=True, slots=True)
class Call:
    """One operator as its kernel is handed it: the tensors it reads and writes, and the options that shape its work.

    An input left out is None; an operator that only changes a state has no outputs; pairs are (height, width).
    """

    name: str
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Operand, ...]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: str = ""
    depth_multiplier: int = 0

    def read(self, position: int) -> Operand:
        """An input that the ranks of the operator's row promise; ModelError where it is left out all the same."""
        found = self.inputs[position] if position < len(self.inputs) else None
        if found is None:
            raise ModelError(f"{self.name} has no input {position}, which its kernel reads; the file is damaged")
        return found


MacsRule = Callable[[Sequence[Shape], Shape], int]
"""Shapes of the inputs and of the first output -> multiply-accumulates of one invocation (1 MAC = 2 ops). Counted are
products with weights or between two activations, padding included, as MLPerf Tiny and the vendors' tools count them;
bias adds, requantisation and pooling are not MACs."""

BytesRule = Callable[[Call, Kernels], tuple[int, ...]]
"""Call, and whose kernels run -> bytes of each buffer, in the order in which the kernel asks for them."""

_INTEGERS = ("int8", "int16")
_LSTM_CELL = 19
"""Position of the input that holds the state of an LSTM's cells."""
_SOFTMAX_TABLE_BYTES = 1026
_DECODE_STATE_BYTES = 40
"""One decoder of a DECODE operator, 36 or 40 bytes (72 or 80 on a 64-bit host, as the interpreter records there)."""
_CHANNEL_BLOCK = 124
"""Channels that Helium's depthwise kernel takes at a time."""
_REVERSE_CHANNELS = 16
"""A transposed convolution of more input channels is computed as a convolution with its filter reversed."""


def _gates(inputs: Sequence[Shape], output: Shape) -> int:
    return math.prod(inputs[0][:-1]) * sum(math.prod(weights) for weights in inputs[1:9] if len(weights) == 2)


MACS: dict[str, MacsRule] = {
    "weights at outputs": lambda inputs, output: math.prod(output[:-1]) * math.prod(inputs[1]),
    "weights at inputs": lambda inputs, output: math.prod(inputs[2][:-1]) * math.prod(inputs[1]),
    "matrices": lambda inputs, output: math.prod(output) * math.prod(inputs[0][-1:]),
    "filters": lambda inputs, output: inputs[0][0] * (math.prod(inputs[1]) + math.prod(inputs[2])),
    "gates": _gates,
}
"""Every weight multiplies once at each position, of the output or of the input, however the weights are laid out."""


def _goes_as_convolution(call: Call) -> bool:
    """Whether CMSIS-NN computes a fully connected operator as a 1 × 1 convolution: rank above 2, depth of 4 n."""
    rank, depth = len(call.outputs[0].shape), call.read(1).shape[-1]
    return rank > 2 and depth % 4 == 0 and call.read(0).dtype == "int8" and not _unpacked(call)


def _unpacked(call: Call) -> tuple[int, ...]:
    """Bytes of weights of four bits once unpacked, as TFLM's reference kernels do with all of them; none for others."""
    return (math.prod(call.read(1).shape),) if call.read(1).dtype == "int4" else ()


def _multipliers(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """Multiplier and shift of each channel."""
    return (4 * call.outputs[0].shape[-1],) * 2


def _unit_multipliers(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """For scales of its own, and once more where CMSIS-NN hands them on to a convolution."""
    handed_on = kernels.cmsis != "" and _goes_as_convolution(call)
    return _multipliers(call, kernels) * ((call.read(1).scales > 1) + handed_on)


def _filter_sums(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """One sum of weights for each filter of an integer SVDF, with CMSIS-NN on Helium."""
    kept = kernels.cmsis and kernels.family == "mve" and call.read(0).dtype in _INTEGERS
    return (4 * call.read(1).shape[0],) if kept else ()


def _gate_sums(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """With CMSIS-NN on every core, one sum a unit for the input and the state of each of an integer LSTM's gates."""
    size = {"int8": 4, "int16": 8}.get(call.read(0).dtype, 0)
    return (size * call.outputs[0].shape[-1],) * 8 if kernels.cmsis and size else ()


def _spectrum(call: Call) -> int:
    """Bytes of what a Fourier transform takes in, or gives back: two numbers fewer than its spectrum has."""
    numbers = max((*call.read(0).shape[-1:], *call.outputs[0].shape[-1:], 2)) - 2
    return numbers * (call.outputs[0].nbytes // max(1, math.prod(call.outputs[0].shape)))


PREPARED: dict[str, BytesRule] = {
    "spectrum": lambda call, kernels: (5 * _spectrum(call) // 2 + 288,),  # twiddles, a half and a quarter, and factors
    "multipliers": _multipliers,
    "integer multipliers": lambda call, kernels: (
        () if kernels.cmsis and call.outputs[0].dtype == "float32" else _multipliers(call, kernels)
    ),
    "unit multipliers": _unit_multipliers,
    "operands": lambda call, kernels: (4 * len(call.inputs),) * 2 if call.outputs[0].dtype == "int8" else (),
    "softmax tables": lambda call, kernels: (_SOFTMAX_TABLE_BYTES,) * 2 if call.read(0).dtype == "int16" else (),
    "dimensions": lambda call, kernels: (4 + 4 * len(call.outputs[0].shape),),  # a length, and one int32 each
    "decoders": lambda call, kernels: (4 * len(call.outputs), *(_DECODE_STATE_BYTES for _ in call.outputs)),
    "filter sums": _filter_sums,
    "gate sums": _gate_sums,
    "variable": lambda call, kernels: (call.read(1).nbytes,),  # each assignment is taken for another variable's
}
"""What kernels allocate for good while they are prepared, in bytes of a 32-bit target."""


def _reduction(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """Index and axes of a reduction."""
    return 4 * len(call.read(0).shape), 4 * math.prod(call.read(1).shape)


def _sums(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """Index and axes, and 32-bit sums of integers."""
    sums = () if call.read(0).dtype == "float32" else (4 * math.prod(call.outputs[0].shape),)
    return (*_reduction(call, kernels), *sums)


def _filters(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """32-bit results of an SVDF's filters, and of its units for int8."""
    values, features = call.read(0), call.read(1)
    filters = 4 * values.shape[0] * features.shape[0]
    return (filters,) if values.dtype == "float32" else (filters, 4 * math.prod(call.outputs[0].shape))


def _cells(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """Buffers of the size of an LSTM's cells: four, three for integers with CMSIS-NN."""
    return (call.read(_LSTM_CELL).nbytes,) * (3 if kernels.cmsis and call.read(0).dtype in _INTEGERS else 4)


def _up(count: int, block: int) -> int:
    return block * math.ceil(count / block)


def _patches(columns: int, family: str) -> int:
    """Patches of the input laid out as columns: four in whole vectors of 16 with Helium, two of int16 elsewhere."""
    return 4 * _up(columns, 16) if family == "mve" else 2 * 2 * _up(columns, 4)


def _convolution(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """None for 1 × 1; patches of all input channels, though the filters of a grouped convolution see fewer."""
    height, width, filtered = call.read(1).shape[1:]
    channels, dtype, helium = call.read(0).shape[-1], call.read(0).dtype, kernels.family == "mve"
    columns = height * width * channels
    if kernels.cmsis and dtype == "int16":
        return (4 * 2 * _up(columns, 8) if helium else 2 * 2 * columns,)
    pointwise = (height, width) == (1, 1) == call.dilation and channels == filtered
    if not kernels.cmsis or dtype != "int8" or pointwise:
        return () if kernels.cmsis else _unpacked(call)
    if _unpacked(call):  # CMSIS-NN's s4 kernels look at the filter as it is
        return (_patches(columns, "mve") if helium else 4 * columns,)
    in_rows = call.read(0).shape[1] == height == call.dilation[1] == 1
    if kernels.cmsis == EXPORTED:
        goes_without = helium and in_rows and call.outputs[0].shape[2] % 4 == 0
        return () if goes_without else (4 * (_up(columns, 8) if helium else columns),)
    if helium and in_rows and channels == filtered and call.stride[1] * channels % 4 == 0:
        return _one_by_n(call, width, channels)
    return (_patches(columns, kernels.family),)


def _one_by_n(call: Call, width: int, channels: int) -> tuple[int, ...]:
    """One padded row at the left or right end; the general buffer where padding takes more than the whole row."""
    inside, outside, stride = call.read(0).shape[2], call.outputs[0].shape[2], call.stride[1]
    total = (outside - 1) * stride + width - inside
    pad = max(0, total) // 2 if call.padding == "SAME" else 0
    odd = math.fmod(total, 2) != 0
    right = max(1, -(-(pad + odd) // stride)) if pad + odd else 0
    left = max(1, -(-pad // stride)) if pad else 0
    if left + right > outside:
        return (_patches(width * channels, "mve"),)
    return (max(width + pad, width - 1 + (right if odd else pad)) * channels,)


def _depthwise(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """Patches of one image; of the earlier kernels whatever type, batch and dilation are."""
    height, width, channels = call.read(1).shape[1:]
    patch = (2 * channels * height * width,)
    if not kernels.cmsis:
        return _unpacked(call)
    if kernels == Kernels("dsp", EARLIER) and call.depth_multiplier == 1:
        return patch
    values = call.read(0)
    if (values.dtype, values.shape[0], call.dilation) != ("int8", 1, (1, 1)):
        return ()
    if _unpacked(call) and values.shape[-1] == channels:  # on every core, with Helium the most of any version
        return (max(patch[0], 4 * _CHANNEL_BLOCK * height * width * (kernels.family == "mve")),)
    goes_without = (height, width) == (3, 3) and kernels.cmsis != EXPORTED
    if values.shape[-1] != channels or kernels.family == "plain" or (kernels.family == "dsp" and goes_without):
        return ()
    return (4 * _CHANNEL_BLOCK * height * width,) if kernels.family == "mve" else patch


def _unit_sums(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """A sum of weights for each unit of a fully connected operator, which Helium's kernels need."""
    if _unpacked(call):
        return () if kernels.cmsis else _unpacked(call)
    sums = kernels.family == "mve" and kernels.cmsis in (NEWEST, EARLIER) and call.read(0).dtype == "int8"
    return (4 * call.read(1).shape[0],) if sums and not _goes_as_convolution(call) else ()


def _average_pool(call: Call, kernels: Kernels) -> tuple[int, ...]:
    fits = kernels.cmsis and kernels.family == "dsp" and call.read(0).dtype in _INTEGERS
    return (4 * call.read(0).shape[-1],) if fits else ()


def _transposed(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """Accumulators of the whole output, 32-bit for int8 and 64-bit for int16; CMSIS-NN takes patches and the reversed
    filter for many channels, 32-bit rows of the output for few."""
    values, weights = call.read(2), call.read(1)
    if values.dtype == "float32":
        return ()
    if values.dtype != "int8" or kernels.cmsis != NEWEST:
        return ((8 if call.outputs[0].dtype == "int16" else 4) * math.prod(call.outputs[0].shape),)
    filters, height, width, channels = weights.shape
    if max(call.stride) <= 2 and channels > _REVERSE_CHANNELS:
        return _patches(height * width * channels, kernels.family), filters * height * width * channels
    across = (values.shape[2] - 1) * call.stride[1] + max(width, call.stride[0])
    return (4 * across * filters * max(height, call.stride[0]),)


SCRATCH: dict[str, BytesRule] = {
    "spectrum": lambda call, kernels: (_spectrum(call),),
    "reduction": _reduction,
    "sums": _sums,
    "mirror": lambda call, kernels: (4 * len(call.read(0).shape),) * 2,  # elements below each dimension, in and out
    "filters": _filters,
    "cells": _cells,
    "convolution": _convolution,
    "depthwise": _depthwise,
    "unit sums": _unit_sums,
    "average pool": _average_pool,
    "transposed": _transposed,
}
"""What kernels ask for while they run."""
