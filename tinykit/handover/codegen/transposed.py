"""TRANSPOSE_CONV on int8, int16 and float32.

Sources: tensorflow/lite/micro/kernels/transpose_conv.cc, kernels/internal/reference/transpose_conv.h and
integer_ops/transpose_conv.h: the padding is that of a convolution from the output to the input.
"""

import numpy as np

from tinykit.handover.codegen.fixed_point import channel_multipliers
from tinykit.handover.codegen.program import Lowered, Program, call_kernel, expect, fused_range, settle
from tinykit.handover.codegen.sixteen import expect_symmetric
from tinykit.handover.codegen.windowed import Window, check_scales
from tinykit.model.graph.model import Operator, Tensor

_BIAS = 3
_KERNELS = {"int8": ("narrow", "window"), "int16": ("wide", "wide_window"), "float32": ("float", "float_window")}


def lower_transposed(program: Program, operator: Operator) -> Lowered:
    """TRANSPOSE_CONV; its first input, the output's shape, is not read."""
    expect(len(operator.inputs) > 2 and len(operator.outputs) == 1, operator, f"{len(operator.inputs)} inputs")
    dtype = program.graph.tensors[operator.inputs[2]].dtype
    take = program.tensor if dtype == "float32" else program.activation
    source, result = (take(operator, index, (dtype,)) for index in (operator.inputs[2], operator.outputs[0]))
    stored = dtype if dtype == "float32" else "int8"
    values = program.constant(operator, 1, (stored,))
    window, channels = _place(operator, source, result, values.shape)
    fields = window.geometry() | {
        "low": window.limits[0], "high": window.limits[1],
        "weights": program.array("float" if dtype == "float32" else "int8_t", values),
    }  # fmt: skip
    fields |= _bias(program, operator, dtype, channels)
    if dtype != "float32":
        weights = program.graph.tensors[operator.inputs[1]]
        check_scales(operator, weights, channels)
        found = settle(operator, channel_multipliers, source, weights, result, channels)
        fields |= zip(("multiplier", "shift"), program.factors(found), strict=True)
    if dtype == "int8":
        fields |= {"in_offset": -source.zero_points[0], "out_offset": result.zero_points[0]}
    if dtype == "int16":
        expect_symmetric(operator, source, result)
    kernel, struct = _KERNELS[dtype]
    return call_kernel(program, operator, f"{kernel}_transpose_conv", struct, fields, unit="transposed",
                       inputs=0, states=(operator.inputs[2],))  # fmt: skip


def _place(operator: Operator, source: Tensor, result: Tensor, filters: tuple[int, ...]) -> tuple[Window, int]:
    shapes = f"weights {filters} for input {source.shape} and output {result.shape}"
    expect(len(source.shape) == len(result.shape) == len(filters) == 4, operator, shapes)
    expect(filters[3] == source.shape[3] and filters[0] == result.shape[3], operator, shapes)
    expect(source.shape[0] == result.shape[0] and operator.padding in ("SAME", "VALID"), operator, shapes)
    taps, stride, pads = (filters[1], filters[2]), operator.stride, []
    expect(all(0 < value < 1 << 15 for value in (*taps, *stride)), operator, f"taps and strides {(*taps, *stride)}")
    for axis in (0, 1):
        size, step, reach = result.shape[axis + 1], stride[axis], taps[axis]
        steps = -(-size // step) if operator.padding == "SAME" else (size + step - reach) // step
        pads.append(max((steps - 1) * step + reach - size, 0) // 2)
    limits = fused_range(operator, result)
    return Window(source, result, taps, stride, (1, 1), (pads[0], pads[1]), limits), filters[0]


def _bias(program: Program, operator: Operator, dtype: str, channels: int) -> dict[str, object]:
    given = operator.inputs[_BIAS] if len(operator.inputs) > _BIAS else -1
    stored = program.graph.tensors[given].dtype if given >= 0 else "int64"
    if dtype == "int16":
        expect(stored in ("int64", "int16"), operator, f"a bias of {stored}")
        values = program.constant(operator, _BIAS, (stored,)) if given >= 0 else np.zeros(channels, np.int64)
        expect(values.size == channels, operator, f"bias has {values.size} values, {channels} are needed")
        return {"wide_bias": program.array("int64_t", values)}
    stored = "float32" if dtype == "float32" else "int32"
    return {"bias": program.bias(operator, channels, position=_BIAS, dtype=stored)}


LOWERINGS = {("transpose_conv", dtype): lower_transposed for dtype in _KERNELS}
"""How a transposed convolution becomes C."""
