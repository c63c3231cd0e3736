"""Scratch buffers that CMSIS-NN's kernels ask for, by version and core family.

Sizes follow the library's `*_get_buffer_size` functions (CMSIS-NN Source/ConvolutionFunctions, PoolingFunctions; TFLM
tensorflow/lite/micro/kernels/cmsis_nn): they differ between cores with Helium ("mve"), with the DSP extension ("dsp")
and with neither ("plain").
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tinykit.model.operators.call import Call
from tinykit.model.operators.scratch import accumulate_output, size_cells

NEWEST = "2026"
"""As TFLM of mid-2026 links it."""
EARLIER = "2023"
"""Before the depthwise 3 × 3 kernel went without a buffer on cores with the DSP extension (kws on an nRF52840: 24,164
bytes, with today's kernels 22,820), and before there were transposed convolutions; else as the newest, as a bound."""
EXPORTED = "4.0.0"
"""What an export in C carries; the exported program can ask the library itself (`<name>_scratch_check`)."""

CmsisRule = Callable[[Call, str, str], tuple[int, ...]]
"""Call, core family and version -> bytes of each buffer."""

_CHANNEL_BLOCK = 124
"""Channels that Helium's depthwise kernel takes at a time."""
_REVERSE_CHANNELS = 16
"""A transposed convolution of more input channels is computed as a convolution with its filter reversed."""


def goes_as_convolution(call: Call) -> bool:
    """Whether a fully connected operator is computed as a 1 × 1 convolution: rank above 2, depth of 4 n."""
    rank, depth = len(call.outputs[0].shape), call.read(1).shape[-1]
    return rank > 2 and depth % 4 == 0 and call.read(0).dtype == "int8"


def _convolution(call: Call, family: str, version: str) -> tuple[int, ...]:
    """None for 1 × 1; patches of all input channels, though the filters of a grouped convolution see fewer."""
    height, width, filtered = call.read(1).shape[1:]
    channels, dtype = call.read(0).shape[-1], call.read(0).dtype
    columns = height * width * channels
    if dtype == "int16":
        return (4 * 2 * _up(columns, 8) if family == "mve" else 2 * 2 * columns,)
    if dtype != "int8" or ((height, width) == (1, 1) == call.dilation and channels == filtered):
        return ()
    if version == EXPORTED:
        return _exported_convolution(call, family, columns)
    if family == "mve" and _is_one_by_n(call):
        return _one_by_n(call, width, channels)
    return (_patches(columns, family),)


def _up(count: int, block: int) -> int:
    return block * math.ceil(count / block)


def _patches(columns: int, family: str) -> int:
    """Patches of the input laid out as columns: four in whole vectors of 16 with Helium, two of int16 elsewhere."""
    return 4 * _up(columns, 16) if family == "mve" else 2 * 2 * _up(columns, 4)


def _exported_convolution(call: Call, family: str, columns: int) -> tuple[int, ...]:
    if family != "mve":
        return (4 * columns,)
    in_rows = call.read(0).shape[1] == call.read(1).shape[1] == call.dilation[1] == 1
    return () if in_rows and call.outputs[0].shape[2] % 4 == 0 else (4 * _up(columns, 8),)


def _is_one_by_n(call: Call) -> bool:
    shape, filter_shape = call.read(0).shape, call.read(1).shape
    in_rows = shape[1] == filter_shape[1] == call.dilation[1] == 1 and shape[-1] == filter_shape[-1]
    return in_rows and call.stride[1] * shape[-1] % 4 == 0


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


def _depthwise(call: Call, family: str, version: str) -> tuple[int, ...]:
    """Patches of one image; of the earlier kernels whatever type, batch and dilation are."""
    height, width, channels = call.read(1).shape[1:]
    patch = (2 * channels * height * width,)
    if version == EARLIER and family == "dsp" and call.depth_multiplier == 1:
        return patch
    values = call.read(0)
    if values.dtype != "int8" or values.shape[-1] != channels or values.shape[0] != 1 or call.dilation != (1, 1):
        return ()
    if family == "mve":
        return (4 * _CHANNEL_BLOCK * height * width,)
    goes_without = (height, width) == (3, 3) and version != EXPORTED
    return () if family == "plain" or goes_without else patch


def sum_units(call: Call, family: str, version: str) -> tuple[int, ...]:
    """A sum of weights for each unit of a fully connected operator, which Helium's kernels need."""
    if family != "mve" or version == EXPORTED or call.read(0).dtype != "int8" or goes_as_convolution(call):
        return ()
    return (4 * call.read(1).shape[0],)


def _average_pool(call: Call, family: str, version: str) -> tuple[int, ...]:
    fits = family == "dsp" and call.read(0).dtype in ("int8", "int16")
    return (4 * call.read(0).shape[-1],) if fits else ()


def _transposed(call: Call, family: str, version: str) -> tuple[int, ...]:
    """Patches and the reversed filter for many channels, 32-bit rows of the output for few."""
    values, weights = call.read(2), call.read(1)
    if values.dtype != "int8" or version != NEWEST:
        return accumulate_output(call)
    filters, height, width, channels = weights.shape
    if max(call.stride) <= 2 and channels > _REVERSE_CHANNELS:
        return _patches(height * width * channels, family), filters * height * width * channels
    across = (values.shape[2] - 1) * call.stride[1] + max(width, call.stride[0])
    return (4 * across * filters * max(height, call.stride[0]),)


def _cells(call: Call, family: str, version: str) -> tuple[int, ...]:
    """The integer LSTM in three buffers, the reference in four."""
    return size_cells(call)[: 3 if call.read(0).dtype in ("int8", "int16") else 4]


RULES: dict[str, CmsisRule] = {
    "convolution": _convolution,
    "depthwise": _depthwise,
    "units": sum_units,
    "average pool": _average_pool,
    "transposed": _transposed,
    "cells": _cells,
}
