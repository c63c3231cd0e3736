"""Scales become the integers that kernels compute with, as TFLM's kernels do it while they are prepared.

Sources: tensorflow/lite/kernels/internal/quantization_util.cc (QuantizeMultiplier, PreprocessSoftmaxScaling,
CalculateInputRadius), kernels/kernel_util.cc (CalculateActivationRangeQuantized), micro/kernels/add_common.cc,
mul_common.cc, squared_difference.cc, logistic_common.cc, softmax_common.cc. Double rounding everywhere: a product with
2^-31 * multiplier is rounded, then the shift rounds again.
"""

import math
from dataclasses import dataclass

import numpy as np

from tinykit.model.graph.model import Tensor

LARGEST_FLOAT = float(np.finfo(np.float32).max)
LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767), "float32": (-LARGEST_FLOAT, LARGEST_FLOAT)}
"""Lowest and highest value of a type."""

ADD_LEFT_SHIFTS = {"int8": 20, "int16": 15}
SQUARE_LEFT_SHIFT = 7
SOFTMAX_INPUT_BITS = 5
LOGISTIC_INPUT_BITS = 4
_LARGEST_SHIFT = 30


@dataclass(frozen=True, slots=True)
class Multiplier:
    """A positive factor as `multiplier * 2^-31 * 2^shift`; the multiplier lies in 2^30 … 2^31 - 1, or is 0."""

    multiplier: int
    shift: int


def quantise_multiplier(factor: float) -> Multiplier:
    """The nearest `Multiplier` to a factor below 2^30; ValueError for another. Below about 2^-32 it is 0.

    >>> quantise_multiplier(0.75)
    Multiplier(multiplier=1610612736, shift=0)
    """
    if not math.isfinite(factor) or factor < 0:
        raise ValueError(f"a factor of {factor} cannot be written as multiplier and shift")
    found = _frexp31(factor)
    if found.shift > _LARGEST_SHIFT:
        raise ValueError(f"a factor of {factor} is too large for the kernels")
    return Multiplier(0, 0) if found.shift < -31 else found


def channel_multipliers(source: Tensor, weights: Tensor, result: Tensor, channels: int) -> tuple[Multiplier, ...]:
    """Factor input scale x weight scale / output scale of each output channel, in double precision."""
    scales = weights.scales if len(weights.scales) == channels else weights.scales[:1] * channels
    return tuple(quantise_multiplier(source.scales[0] * scale / result.scales[0]) for scale in scales)


def dense_multiplier(source: Tensor, weights: Tensor, result: Tensor) -> Multiplier:
    """The one factor of a per-tensor fully connected operator: the product of the scales is rounded to single."""
    product = float(np.float32(source.scales[0]) * np.float32(weights.scales[0]))
    return quantise_multiplier(product / result.scales[0])


def activation_range(activation: str, result: Tensor) -> tuple[float, float]:
    """Lowest and highest output of a fused activation: codes on the output's scale, of float32 values."""
    limits = {"RELU": (0.0, None), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}.get(activation, (None, None))
    ends = LIMITS[result.dtype]
    if result.dtype == "float32":
        low, high = (end if limit is None else limit for limit, end in zip(limits, ends, strict=True))
        return low, high
    low, high = (
        end
        if limit is None
        else result.zero_points[0] + round_half_away(float(np.float32(limit) / np.float32(result.scales[0])))
        for limit, end in zip(limits, ends, strict=True)
    )
    return max(ends[0], low), min(ends[1], high)


def add_multipliers(a: Tensor, b: Tensor, result: Tensor) -> tuple[Multiplier, Multiplier, Multiplier]:
    """Factors of both operands, onto twice the larger scale with bits to spare, and of their sum; all below 1."""
    spare = 1 << ADD_LEFT_SHIFTS[result.dtype]
    twice = 2.0 * max(a.scales[0], b.scales[0])
    factors = (a.scales[0] / twice, b.scales[0] / twice, twice / (spare * result.scales[0]))
    found = tuple(quantise_multiplier(factor) for factor in factors)
    if any(one.shift > 0 for one in found):
        raise ValueError(f"a factor of {max(factors)} is too large for an addition")
    return found[0], found[1], found[2]


def square_multipliers(a: Tensor, b: Tensor, result: Tensor) -> tuple[Multiplier, Multiplier, Multiplier]:
    """As `add_multipliers` for the square of a difference, with 7 bits to spare on both operands."""
    twice = 2.0 * max(a.scales[0], b.scales[0])
    factors = (
        a.scales[0] / twice,
        b.scales[0] / twice,
        twice * twice / ((1 << 2 * SQUARE_LEFT_SHIFT) * result.scales[0]),
    )
    found = tuple(quantise_multiplier(factor) for factor in factors)
    if any(one.shift > 0 for one in found):
        raise ValueError(f"a factor of {max(factors)} is too large for the square of a difference")
    return found[0], found[1], found[2]


def softmax_parameters(source: Tensor, beta: float) -> tuple[Multiplier, int]:
    """Factor onto Q5.26, and the lowest difference to the largest input that still counts."""
    factor = min(beta * source.scales[0] * (1 << (31 - SOFTMAX_INPUT_BITS)), 2.0**31 - 1)
    if not factor > 1:
        raise ValueError(f"beta {beta} times scale {source.scales[0]} is too small for a softmax")
    found = _frexp31(factor)
    return found, -_input_radius(SOFTMAX_INPUT_BITS, found.shift)


def logistic_parameters(source: Tensor) -> tuple[Multiplier, int]:
    """Factor onto Q4.27, and the distance from zero beyond which the result is 0 or 1."""
    found = _frexp31(source.scales[0] * (1 << (31 - LOGISTIC_INPUT_BITS)))
    if not 0 <= found.shift <= 31 or found.multiplier >= 1 << 31:
        raise ValueError(f"a scale of {source.scales[0]} is out of a logistic's range")
    return found, _input_radius(LOGISTIC_INPUT_BITS, found.shift)


def _frexp31(factor: float) -> Multiplier:
    mantissa, shift = math.frexp(factor)
    multiplier = round_half_away(mantissa * 2.0**31)
    return Multiplier(multiplier // 2, shift + 1) if multiplier == 1 << 31 else Multiplier(multiplier, shift)


def _input_radius(integer_bits: int, left_shift: int) -> int:
    return math.floor(((1 << integer_bits) - 1) * 2.0 ** (31 - integer_bits) / 2.0**left_shift)


def mean_multiplier(source: Tensor, result: Tensor, count: int) -> Multiplier:
    """Factor input scale / output scale / count, the division done on the integer multiplier."""
    whole = quantise_multiplier(source.scales[0] / result.scales[0])
    shift = min(count.bit_length() - 1, 32, 31 + whole.shift)
    return Multiplier((whole.multiplier << shift) // count, whole.shift - shift)


def round_half_away(value: float) -> int:
    """Nearest integer, halves away from zero."""
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)
