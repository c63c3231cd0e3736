"""Operators that change each code of 8 bits by itself: what becomes of all 256 is worked out here, the device looks up.

The rules are those of TFLM's reference kernels, down to each rounding: tensorflow/lite/micro/kernels/
activations_common.cc, leaky_relu_common.cc, hard_swish_common.cc, elementwise.cc (Abs, Rsqrt), tanh.cc, elu.cc, and
tensorflow/lite/kernels/internal/reference/ (leaky_relu.h, hard_swish.h, requantize.h, integer_ops/tanh.h) on gemmlowp's
fixed point (https://github.com/google/gemmlowp, fixedpoint/fixedpoint.h).

And between types: QUANTIZE and DEQUANTIZE of floats and of integers of any width, and CAST. Rules: quantize.h,
dequantize.h and requantize.h there. A product of a scale and a code of 16 bits at most is exact before it is rounded to
single precision, so single precision is enough for it.
"""

import math
from collections.abc import Callable

import numpy as np

from tinykit.handover.codegen.fixed_point import Multiplier, logistic_parameters, quantise_multiplier, round_half_away
from tinykit.handover.codegen.integers import divide_by_power, high_multiply, inverse_root, requantise, saturate, tanh
from tinykit.handover.codegen.plain import lower_quantise, rescale_fields
from tinykit.handover.codegen.program import C_TYPES, RANGES, Lowered, Program, call_kernel, expect, refuse, settle
from tinykit.model.graph.model import Operator, Tensor

CODES = ("int8", "uint8")
_ROOT_BITS = 20
Curve = Callable[[int], int]


def lower_lookup(program: Program, operator: Operator, curve: Curve) -> Lowered:
    """A table of the curve (from code less zero point to code, before it is cut off), and the kernel that looks up."""
    source, result = program.graph.tensors[operator.inputs[0]], program.graph.tensors[operator.outputs[0]]
    expect(source.elements == result.elements, operator, f"shapes {source.shape} to {result.shape}")
    low, high = RANGES[source.dtype]
    floor, ceiling = RANGES[result.dtype]
    codes = range(low, high + 1) if low == 0 else [*range(high + 1), *range(low, 0)]  # by the bits of the code
    values = [min(max(curve(code - source.zero_points[0]), floor), ceiling) for code in codes]
    table = program.array(C_TYPES[result.dtype], values)
    places = [f"({{}}uint8_t *)(void *){program.start(index)}" for index in (operator.inputs[0], operator.outputs[0])]
    call = f"{program.name}_look_up((const uint8_t *){table}, {places[0].format('const ')}, {places[1].format('')}"
    return Lowered(f"    {call}, {source.elements});\n    return 0;", kernels=("codes",))


def _codes(program: Program, operator: Operator) -> tuple[Tensor, Tensor]:
    expect(len(operator.inputs) == len(operator.outputs) == 1, operator, "one input and one output are needed")
    found = program.activation(operator, operator.inputs[0], CODES)
    return found, program.activation(operator, operator.outputs[0], CODES)


def _ratio(source: Tensor, result: Tensor, alpha: float = 1.0) -> float:
    """Scale of the input by that of the output, in single precision, as LEAKY_RELU and HARD_SWISH take it."""
    return float(np.float32(source.scales[0]) * np.float32(alpha) / np.float32(result.scales[0]))


def lower_rescale(program: Program, operator: Operator) -> Lowered:
    """QUANTIZE between int8 and uint8: to another scale and zero point."""
    source, result = _codes(program, operator)
    factor = settle(operator, quantise_multiplier, source.scales[0] / result.scales[0])
    zero = result.zero_points[0]
    return lower_lookup(program, operator, lambda value: requantise(value, factor) + zero)


def lower_relu(program: Program, operator: Operator) -> Lowered:
    """RELU: rescaled, and at least the output's zero."""
    source, result = _codes(program, operator)
    factor = settle(operator, quantise_multiplier, source.scales[0] / result.scales[0])
    zero = result.zero_points[0]
    return lower_lookup(program, operator, lambda value: max(requantise(value, factor) + zero, zero))


def lower_relu6(program: Program, operator: Operator) -> Lowered:
    """RELU6: cut off on the input's own scale."""
    source, _ = _codes(program, operator)
    zero = source.zero_points[0]
    six = min(round_half_away(float(np.float32(6) / np.float32(source.scales[0]))), RANGES[source.dtype][1] - zero)
    return lower_lookup(program, operator, lambda value: min(max(value, 0), six) + zero)


def lower_leaky(program: Program, operator: Operator) -> Lowered:
    """LEAKY_RELU: two factors, by the sign of the input."""
    source, result = _codes(program, operator)
    straight = settle(operator, quantise_multiplier, _ratio(source, result))
    bent = settle(operator, quantise_multiplier, _ratio(source, result, operator.option("alpha")))
    zero = result.zero_points[0]
    return lower_lookup(program, operator, lambda value: requantise(value, straight if value >= 0 else bent) + zero)


def lower_absolute(program: Program, operator: Operator) -> Lowered:
    """ABS, rescaled where the scales differ."""
    source, result = _codes(program, operator)
    factor = settle(operator, quantise_multiplier, source.scales[0] / result.scales[0])
    zero, same = result.zero_points[0], source.scales[0] == result.scales[0]

    def curve(value: int) -> int:
        return (abs(value) if same else requantise(abs(value), factor)) + zero

    return lower_lookup(program, operator, curve)


def lower_tanh(program: Program, operator: Operator) -> Lowered:
    """TANH, onto 1/128, from an input in Q4.27."""
    source, _ = _codes(program, operator)
    factor, radius = settle(operator, logistic_parameters, source)

    def curve(value: int) -> int:
        if abs(value) >= radius:
            return 127 if value > 0 else -128
        return divide_by_power(tanh(requantise(value, factor)), 24)

    return lower_lookup(program, operator, curve)


def lower_hard_swish(program: Program, operator: Operator) -> Lowered:
    """HARD_SWISH: the input on 7 more bits, times a ramp from 0 to 1 in Q0.15, in 16-bit arithmetic."""
    source, result = _codes(program, operator)
    fine = np.float32(1 / 128) * np.float32(source.scales[0])
    out = settle(operator, quantise_multiplier, float(fine / np.float32(result.scales[0])))
    ramp = settle(operator, quantise_multiplier, float(fine / (np.float32(3) / np.float32(32768))))
    expect(out.shift <= 0, operator, f"output scale {result.scales[0]} for input scale {source.scales[0]}")
    out_factor, ramp_factor = (min((one.multiplier + (1 << 15)) >> 16, 32767) for one in (out, ramp))
    zero = result.zero_points[0]

    def curve(value: int) -> int:
        wide = value * 128
        slope = saturate(wide << max(ramp.shift - 1, 0), 16)
        slope = high_multiply(slope, ramp_factor, 16)
        slope = saturate(slope << 1, 16) if ramp.shift > 0 else divide_by_power(slope, -ramp.shift)
        share = (slope + (1 << 15)) >> 1
        product = share * high_multiply(wide, out_factor, 16)
        return divide_by_power(int(product / (1 << 15)), -out.shift) + zero

    return lower_lookup(program, operator, curve)


def lower_elu(program: Program, operator: Operator) -> Lowered:
    """ELU, in single precision from code to code: TFLM fills the same table."""
    source, result = _codes(program, operator)
    scale, inverse = np.float32(source.scales[0]), np.float32(1) / np.float32(result.scales[0])

    def curve(value: int) -> int:
        x = scale * np.float32(value)
        y = np.exp(x, dtype=np.float32) - np.float32(1) if x < 0 else x
        return round_half_away(float(np.float32(y * inverse))) + result.zero_points[0]

    return lower_lookup(program, operator, curve)


def lower_inverse_root(program: Program, operator: Operator) -> Lowered:
    """RSQRT, with 20 bits to spare; 0 becomes the highest code, and so does what TFLM refuses, a number below 0."""
    source, result = _codes(program, operator)
    whole = settle(operator, quantise_multiplier, 1 / (math.sqrt(source.scales[0]) * result.scales[0]))
    factor = Multiplier(whole.multiplier, whole.shift - _ROOT_BITS)

    def curve(value: int) -> int:
        if value <= 0:
            return RANGES[result.dtype][1]
        root = inverse_root(value)
        wide = requantise(1, Multiplier(root.multiplier, root.shift + _ROOT_BITS))
        return requantise(wide, factor) + result.zero_points[0]

    return lower_lookup(program, operator, curve)


_WIDTHS = {"int8": "8", "int16": "16", "int32": "32"}
_KERNELS = ("8_16", "8_32", "16_8", "16_16", "16_32", "32_8", "32_16")


def lower_between_integers(program: Program, operator: Operator) -> Lowered:
    """QUANTIZE of integers: by a table between codes of 8 bits, else by a kernel for both widths."""
    source = program.activation(operator, operator.inputs[0], (*CODES, "int16", "int32"))
    result = program.activation(operator, operator.outputs[0], (*CODES, "int16", "int32"))
    if source.dtype == result.dtype == "int8":
        return lower_quantise(program, operator)
    if source.dtype in CODES and result.dtype in CODES:
        return lower_rescale(program, operator)
    widths = f"{_WIDTHS.get(source.dtype)}_{_WIDTHS.get(result.dtype)}"
    if widths not in _KERNELS:
        raise refuse(operator, f"from {source.dtype} to {result.dtype}", "TFLM has no kernel for it either")
    fields = rescale_fields(operator, source, result)
    return call_kernel(program, operator, f"rescale_{widths}", "rescale", fields, unit="ends")


def lower_from_float(program: Program, operator: Operator) -> Lowered:
    """QUANTIZE of floats."""
    source = program.tensor(operator, operator.inputs[0], ("float32",))
    result = program.activation(operator, operator.outputs[0], (*CODES, "int16"))
    return _scale(program, operator, f"quantize_to_{result.dtype}", (source.elements, result.elements))


def lower_to_float(program: Program, operator: Operator) -> Lowered:
    """DEQUANTIZE."""
    source = program.activation(operator, operator.inputs[0], (*CODES, "int16"))
    result = program.tensor(operator, operator.outputs[0], ("float32",))
    return _scale(program, operator, f"dequantize_{source.dtype}", (source.elements, result.elements))


def _scale(program: Program, operator: Operator, kernel: str, counts: tuple[int, int]) -> Lowered:
    expect(counts[0] == counts[1], operator, f"{counts[0]} elements to {counts[1]}")
    tensors = (program.graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
    codes = next(tensor for tensor in tensors if tensor.dtype != "float32")
    fields = {"count": counts[0], "zero_point": codes.zero_points[0], "scale": np.float32(codes.scales[0])}
    return call_kernel(program, operator, kernel, "scaling", fields, unit="ends")


def lower_cast(program: Program, operator: Operator) -> Lowered:
    """CAST: each number in another type, as C converts it."""
    source = program.tensor(operator, operator.inputs[0], tuple(C_TYPES))
    result = program.tensor(operator, operator.outputs[0], tuple(C_TYPES))
    expect(source.elements == result.elements, operator, f"shapes {source.shape} to {result.shape}")
    value = "input[i] != 0" if result.dtype == "bool" else f"({C_TYPES[result.dtype]})input[i]"
    return Lowered(
        f"    const {C_TYPES[source.dtype]} *input = {program.place(source.index)};\n"
        f"    {C_TYPES[result.dtype]} *output = {program.place(result.index)};\n"
        f"    for (int32_t i = 0; i < {source.elements}; ++i) {{\n        output[i] = {value};\n    }}\n    return 0;"
    )


CURVES = {
    ("relu", "int8"): lower_relu, ("relu6", "int8"): lower_relu6, ("leaky", "int8"): lower_leaky,
    ("absolute", "int8"): lower_absolute, ("tanh", "int8"): lower_tanh, ("hard_swish", "int8"): lower_hard_swish,
    ("elu", "int8"): lower_elu, ("reciprocal_root", "int8"): lower_inverse_root,
}  # fmt: skip
"""Functions of a code, looked up in a table."""
LOWERINGS = CURVES | {
    **{("rescale", dtype): lower_between_integers for dtype in (*CODES, "int16", "int32")},
    **{("dequantise", dtype): lower_to_float for dtype in (*CODES, "int16")},
    ("rescale", "float32"): lower_from_float, ("cast", "any"): lower_cast,
}  # fmt: skip
"""How each kind of operator becomes C, by the type of its data."""
