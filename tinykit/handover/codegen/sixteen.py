"""Operators on int16 activations with int8 weights (int16x8), on the portable kernels, equal to TFLM's reference.

Sources: tensorflow/lite/kernels/internal/reference/integer_ops (conv.h, depthwise_conv.h, fully_connected.h, pooling.h,
add.h, mul.h, logistic.h, tanh.h), reference/softmax.h, internal/common.h (gen_lut) and common.cc
(MultiplyByQuantizedMultiplier on 64 bits); micro/kernels/logistic_common.cc, tanh.cc, softmax_common.cc,
leaky_relu_common.cc.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tinykit.handover.codegen import fixed_point as fixed
from tinykit.handover.codegen.plain import broadcast, pair_factors, sum_fields
from tinykit.handover.codegen.program import Lowered, Program, call_kernel, expect, fused_range, kind_of, settle
from tinykit.handover.codegen.windowed import read_convolution, read_dense, read_pool
from tinykit.model.graph.model import Operator, Tensor

DTYPE = "int16"
_PAIRS = {"sum": "'+'", "difference": "'-'", "product": "'*'", "minimum": "'<'", "maximum": "'>'"}
_CURVE_SCALE = 1 / 32768
_TABLE_STEPS = 512
Floats = NDArray[np.float32]


def bias_type(program: Program, operator: Operator) -> str:
    """int64 where the bias is that or left out, else int32; of a depthwise convolution TFLM reads int64 in any case."""
    given = operator.inputs[2] if len(operator.inputs) > 2 else -1
    narrow = given >= 0 and program.graph.tensors[given].dtype == "int32"
    return "int32" if narrow and kind_of(operator) == "convolution" else "int64"


def expect_symmetric(operator: Operator, *tensors: Tensor) -> None:
    """Refuse activations whose zero point is not 0, as TFLM does."""
    zeros = [tensor.zero_points[0] for tensor in tensors]
    expect(not any(zeros), operator, f"int16 activations with zero points {zeros}")


def lower_convolution(program: Program, operator: Operator) -> Lowered:
    """CONV_2D (with groups) and DEPTHWISE_CONV_2D."""
    (source,), result = program.operands(operator, dtype=DTYPE)
    expect_symmetric(operator, source, result)
    dtype = bias_type(program, operator)
    window, found = read_convolution(program, operator, dtype=DTYPE, bias=dtype)
    wide, narrow = ("NULL", found.bias) if dtype == "int32" else (found.bias, "NULL")
    fields = window.geometry() | {
        "tap_channels": found.filter_channels, "low": window.limits[0], "high": window.limits[1],
        "weights": found.weights, "wide_bias": wide, "bias": narrow,
        "multiplier": found.multiplier, "shift": found.shift,
    }  # fmt: skip
    kernel = f"wide_{operator.name.lower()}"
    return call_kernel(program, operator, kernel, "wide_window", fields, unit="sixteen_windows")


def lower_pool(program: Program, operator: Operator) -> Lowered:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    window = read_pool(program, operator, dtype=DTYPE)
    fields = window.geometry() | {"low": window.limits[0], "high": window.limits[1]}
    kernel = f"wide_{operator.name.lower()}"
    return call_kernel(program, operator, kernel, "wide_window", fields, unit="sixteen_windows")


def lower_dense(program: Program, operator: Operator) -> Lowered:
    """FULLY_CONNECTED with one scale or one for each unit, and a bias of int64."""
    (source,), result = program.operands(operator, dtype=DTYPE)
    expect_symmetric(operator, source, result)
    dense = read_dense(program, operator, dtype=DTYPE, bias="int64")
    names = "rows depth units step low high weights bias multiplier shift".split()
    fields = {name: getattr(dense, name) for name in names}
    return call_kernel(program, operator, "wide_fully_connected", "wide_dense", fields, unit="sixteen")


def lower_pair(program: Program, operator: Operator) -> Lowered:
    """ADD, SUB, MUL, MINIMUM and MAXIMUM, an operand repeated along axes of size 1."""
    (a, b), result = program.operands(operator, at_least=2, dtype=DTYPE)
    shape, step_a, step_b = broadcast(operator, a.shape, b.shape, result.shape)
    kind = kind_of(operator)
    low, high = fused_range(operator, result) if operator.activation else fixed.LIMITS[DTYPE]
    fields: dict[str, object] = {"shape": shape, "step_a": step_a, "step_b": step_b, "kind": _PAIRS[kind],
                                 "low": low, "high": high}  # fmt: skip
    if kind in ("sum", "difference", "product"):
        expect_symmetric(operator, a, b, result)
        fields |= pair_factors(operator, a, b, result)
    return call_kernel(program, operator, "wide_pairs", "wide_pair", fields, inputs=2, unit="sixteen")


def lower_leaky(program: Program, operator: Operator) -> Lowered:
    """LEAKY_RELU: one factor from the zero point up, another below."""
    source, result = program.alike(operator, DTYPE)
    ratio = source.scales[0] / result.scales[0]
    same = settle(operator, fixed.quantise_multiplier, ratio)
    slope = settle(operator, fixed.quantise_multiplier, abs(ratio * operator.option("alpha")))
    sign = -1 if operator.option("alpha") < 0 else 1
    fields = {
        "count": source.elements, "in_offset": -source.zero_points[0], "out_offset": result.zero_points[0],
        "low": fixed.LIMITS[DTYPE][0], "high": fixed.LIMITS[DTYPE][1],
        "multiplier": same.multiplier, "shift": same.shift,
        "slope_multiplier": sign * slope.multiplier, "slope_shift": slope.shift,
    }  # fmt: skip
    return call_kernel(program, operator, "wide_ramps", "wide_ramp", fields, unit="sixteen")


def lower_relu(program: Program, operator: Operator) -> Lowered:
    """RELU, which rescales, and RELU6, which only cuts off."""
    source, result = program.alike(operator, DTYPE)
    zero, low, high = source.zero_points[0], result.zero_points[0], fixed.LIMITS[DTYPE][1]
    factor = settle(operator, fixed.quantise_multiplier, source.scales[0] / result.scales[0])
    if kind_of(operator) == "relu6":
        factor, low = fixed.Multiplier(1 << 30, 1), zero
        high = min(high, zero + fixed.round_half_away(float(np.float32(6) / np.float32(source.scales[0]))))
    fields = {
        "count": source.elements, "in_offset": -zero, "out_offset": low, "low": low, "high": high,
        "multiplier": factor.multiplier, "shift": factor.shift,
        "slope_multiplier": factor.multiplier, "slope_shift": factor.shift,
    }  # fmt: skip
    return call_kernel(program, operator, "wide_ramps", "wide_ramp", fields, unit="sixteen")


def lower_mean(program: Program, operator: Operator) -> Lowered:
    """MEAN over any axes, as on int8."""
    (source,), result = program.operands(operator, dtype=DTYPE)
    fields, scratch = sum_fields(program, operator, source, result, fixed.mean_multiplier), (4 * result.elements,) * 3
    return call_kernel(program, operator, "wide_mean", "mean_axes", fields, scratch=scratch, unit="sixteen")


def sigmoid_table(program: Program) -> str:
    """C name of the table of 2^16 / (1 + exp(-i / 24)) - 2^15, each moved by half the error in the middle behind it."""
    here, middle, after = (65536 / (1 + np.exp(-(np.arange(256) + shift) / 24)) for shift in (0, 0.5, 1))
    values = np.round(here + (middle - (here + after) / 2) / 2) - 32768
    return program.array("int16_t", np.append(values[:-1], 32767).astype(np.int16))


def lower_curve(program: Program, operator: Operator) -> Lowered:
    """LOGISTIC and TANH by a table, onto a scale of 2^-15."""
    source = _curve_source(program, operator)
    power, scale = round(math.log2(source.scales[0])), source.scales[0]
    exact = abs(math.log2(scale) - power) < 1e-3
    if exact and power + 12 in ((0, 1) if kind_of(operator) == "tanh" else (0,)):
        multiplier, shift = 3 << (power + 12), 0
    else:
        wide, shift = scale * 4096 * 3, 0
        while wide <= 32767 / 2 and shift <= 30:
            wide, shift = wide * 2, shift + 1
        multiplier = int(wide)
    expect(multiplier <= 32767 and shift <= 30, operator, f"input scale {scale}")
    fields = {"count": source.elements, "multiplier": multiplier, "shift": shift, "table": sigmoid_table(program)}
    return call_kernel(program, operator, f"wide_{kind_of(operator)}", "wide_curve", fields, unit="sixteen")


def _curve_source(program: Program, operator: Operator) -> Tensor:
    source, result = program.alike(operator, DTYPE)
    expect_symmetric(operator, source, result)
    sound = abs(result.scales[0] / _CURVE_SCALE - 1) < 1e-3
    expect(sound, operator, f"output scale {result.scales[0]}, the kernel writes {_CURVE_SCALE}")
    return source


def lower_softmax(program: Program, operator: Operator) -> Lowered:
    """SOFTMAX over the last axis by tables of exp and 1 / (1 + x), onto a scale of 2^-15."""
    source = _curve_source(program, operator)
    depth = source.shape[-1] if source.shape else 1
    factor = settle(operator, fixed.quantise_multiplier, source.scales[0] * operator.beta / (10.0 / 65535.0))
    fields = {
        "rows": source.elements // depth, "depth": depth, "multiplier": factor.multiplier, "shift": factor.shift,
        "exponentials": program.array("int16_t", _table(np.exp, -10.0, 0.0)),
        "reciprocals": program.array("int16_t", _table(lambda x: np.float32(1) / (np.float32(1) + x), 0.0, 1.0)),
    }  # fmt: skip
    return call_kernel(program, operator, "wide_softmax", "wide_softmax_rows", fields, unit="sixteen")


def _table(function: Callable[[Floats], Floats], low: float, high: float) -> NDArray[np.int16]:
    """A function in Q0.15 at 513 points; each is moved by half the error in the middle behind it."""
    step = np.float32((high - low) / _TABLE_STEPS)
    points = np.float32(low) + np.arange(_TABLE_STEPS, dtype=np.float32) * step
    scale, half = np.float32(32768), np.float32(2)
    here, middle, after = (function(points + shift) for shift in (np.float32(0), step / half, step))
    drawn = _round((after * scale + _round(here * scale)) / half)
    values = _round(here * scale) - _round((drawn - _round(middle * scale)) / half)
    last = _round(function(np.full(1, high, np.float32)) * scale)
    return np.clip(np.append(values, last), -32768, 32767).astype(np.int16)


def _round(values: Floats) -> Floats:
    """Nearest whole numbers, halves away from zero."""
    return np.asarray(np.copysign(np.floor(np.abs(values) + np.float32(0.5)), values), np.float32)


LOWERINGS = {
    (kind, DTYPE): lower
    for kind, lower in {
        "convolution": lower_convolution, "depthwise": lower_convolution, "average_pool": lower_pool,
        "max_pool": lower_pool, "dense": lower_dense, **dict.fromkeys(_PAIRS, lower_pair), "leaky": lower_leaky,
        "relu": lower_relu, "relu6": lower_relu, "mean": lower_mean, "logistic": lower_curve, "tanh": lower_curve,
        "softmax": lower_softmax,
    }.items()
}  # fmt: skip
"""How each kind of operator becomes C on int16."""
