"""Between types: QUANTIZE and DEQUANTIZE of floats and of integers of any width, and CAST.

Rules: tensorflow/lite/kernels/internal/reference/quantize.h, dequantize.h and requantize.h. A product of a scale and a
code of 16 bits at most is exact before it is rounded to single precision, so single precision is enough for it.
"""

import numpy as np

from tinykit.handover.codegen.lookups import CODES, lower_rescale
from tinykit.handover.codegen.plain import lower_quantise, rescale_fields
from tinykit.handover.codegen.program import C_TYPES, Lowered, Program, call_kernel, expect, refuse
from tinykit.model.graph.model import Operator

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


LOWERINGS = {
    **{("rescale", dtype): lower_between_integers for dtype in (*CODES, "int16", "int32")},
    **{("dequantise", dtype): lower_to_float for dtype in (*CODES, "int16")},
    ("rescale", "float32"): lower_from_float,
    ("cast", "any"): lower_cast,
}
"""How each kind of operator becomes C, by the type of its data."""
