"""More int8 operators: differences, comparisons, maxima, reductions, positions of maxima, resizing, picking by index.

Rules: tensorflow/lite/micro/kernels/sub.cc, squared_difference.cc, prelu_common.cc, comparisons.cc,
maximum_minimum.cc, reduce_common.cc, arg_min_max.cc, gather.cc, and tensorflow/lite/kernels/internal/reference/
(integer_ops/sub.h, integer_ops/l2normalization.h, resize_bilinear.h, resize_nearest_neighbor.h).
"""

import math

import numpy as np

from tinykit.handover.codegen import fixed_point as fixed
from tinykit.handover.codegen.plain import broadcast, lower_sums, pair_factors, pair_fields, reduce_axes
from tinykit.handover.codegen.program import (
    C_TYPES,
    Lowered,
    Program,
    call_kernel,
    expect,
    fused_range,
    kind_of,
    refuse,
    settle,
)
from tinykit.model.graph.model import Operator, Tensor

LESS, SAME, MORE = 1, 2, 4
COMPARISONS = {
    "less": LESS,
    "less_equal": LESS + SAME,
    "equal": SAME,
    "not_equal": LESS + MORE,
    "greater": MORE,
    "greater_equal": SAME + MORE,
}
"""Which of the three outcomes make a comparison true."""

_BITS = 10
"""Fraction bits of a place between two pixels."""


def lower_difference(program: Program, operator: Operator) -> Lowered:
    """SUB and SQUARED_DIFFERENCE, with an operand repeated along axes of size 1."""
    (a, b), result = program.operands(operator, at_least=2)
    squared = kind_of(operator) == "squared_difference"
    low, high = fixed.activation_range("NONE", result) if squared else fused_range(operator, result)
    fields = pair_fields(operator, a, b, result) | {"out_offset": result.zero_points[0], "low": low, "high": high}
    fields |= pair_factors(operator, a, b, result)
    kernel = "squared_difference" if squared else "sub"
    return call_kernel(program, operator, kernel, "pair", fields, inputs=2, unit="elements")


def lower_slopes(program: Program, operator: Operator) -> Lowered:
    """PRELU: below zero times a slope for each channel."""
    (source, slope), result = program.operands(operator, at_least=2)
    straight = settle(operator, fixed.quantise_multiplier, source.scales[0] / result.scales[0])
    bent = settle(operator, fixed.quantise_multiplier, source.scales[0] * slope.scales[0] / result.scales[0])
    fields = pair_fields(operator, source, slope, result) | {
        "out_offset": result.zero_points[0], "multiplier": straight.multiplier, "shift": straight.shift,
        "multiplier_b": bent.multiplier, "shift_b": bent.shift,
    }  # fmt: skip
    return call_kernel(program, operator, "prelu", "pair", fields, inputs=2, unit="elements")


def lower_comparison(program: Program, operator: Operator) -> Lowered:
    """EQUAL, LESS and the like of two codes, each on the scale of its numbers with 8 bits to spare."""
    expect(len(operator.inputs) == 2, operator, f"{len(operator.inputs)} inputs")
    a, b = (program.activation(operator, index) for index in operator.inputs)
    result = program.tensor(operator, operator.outputs[0], ("bool",))
    first, second = (settle(operator, fixed.quantise_multiplier, one.scales[0]) for one in (a, b))
    expect(first.shift <= 0 and second.shift <= 0, operator, f"scales {a.scales[0]} and {b.scales[0]} from 1 on")
    fields = pair_fields(operator, a, b, result) | {
        "low": COMPARISONS[kind_of(operator)], "multiplier_a": first.multiplier, "shift_a": -first.shift,
        "multiplier_b": second.multiplier, "shift_b": -second.shift,
    }  # fmt: skip
    return call_kernel(program, operator, "compare", "pair", fields, inputs=2, unit="elements")


def lower_choice(program: Program, operator: Operator) -> Lowered:
    """MAXIMUM and MINIMUM of codes, as TFLM takes them: whatever their scales."""
    (a, b), result = program.operands(operator, at_least=2)
    shape, step_a, step_b = broadcast(operator, a.shape, b.shape, result.shape)
    fields: dict[str, object] = {"shape": shape, "step_a": step_a, "step_b": step_b}
    return call_kernel(program, operator, kind_of(operator), "pair", fields, inputs=2, unit="elements")


def lower_total(program: Program, operator: Operator) -> Lowered:
    """SUM over any axes, rescaled."""
    return lower_sums(program, operator, lambda source, result, _: fixed.mean_multiplier(source, result, 1))


def lower_extreme(program: Program, operator: Operator) -> Lowered:
    """REDUCE_MAX and REDUCE_MIN over any axes."""
    (source,), result = program.operands(operator)
    if (source.scales, source.zero_points) != (result.scales, result.zero_points):
        raise refuse(operator, "another scale or zero point than its input", "TFLM refuses it too: convert again")
    shape, step = reduce_axes(program, operator, source, result)
    fields = {"shape": shape, "step": step, "outputs": result.elements}
    return call_kernel(program, operator, kind_of(operator), "mean_axes", fields, unit="elements")


def lower_position(program: Program, operator: Operator) -> Lowered:
    """ARG_MAX and ARG_MIN along one axis: the first of equals."""
    result = program.tensor(operator, operator.outputs[0], ("int32",))
    source = program.tensor(operator, operator.inputs[0], ("int8", "float32"))
    given = program.constant(operator, 1, ("int32", "int64")).reshape(-1)
    axis = int(given[0]) if given.size == 1 else len(source.shape)
    expect(-len(source.shape) <= axis < len(source.shape), operator, f"axis {axis} of {source.shape}")
    axis %= len(source.shape)
    count, inner = source.shape[axis], math.prod(source.shape[axis + 1 :])
    expect(result.elements * count == source.elements, operator, f"shapes {source.shape} to {result.shape}")
    fields = {"outer": math.prod(source.shape[:axis]), "count": count, "inner": inner}
    kernel = kind_of(operator) + ("_float" if source.dtype == "float32" else "")
    return call_kernel(program, operator, kernel, "search", fields, unit="elements")


def lower_unit_length(program: Program, operator: Operator) -> Lowered:
    """L2_NORMALIZATION of each row, onto a scale of 1/128 and a zero point of 0."""
    source, _ = program.alike(operator)
    depth = source.shape[-1] if source.shape else 1
    expect(depth < 1 << 15, operator, f"rows of {depth} values")
    fields = {"rows": source.elements // depth, "depth": depth, "in_offset": -source.zero_points[0]}
    return call_kernel(program, operator, "normalize", "rows", fields, unit="elements")


def lower_nearest(program: Program, operator: Operator) -> Lowered:
    """RESIZE_NEAREST_NEIGHBOR of any type: the numbers of the rows and columns to take, worked out here."""
    source, result = _images(program, operator, tuple(C_TYPES))
    tables = [_nearest(operator, source.shape[axis], result.shape[axis]) for axis in (1, 2)]
    names = [program.array("int32_t", table) for table in tables]
    (batches, rows, columns, _), (_, out_rows, out_columns, _) = source.shape, result.shape
    run = source.nbytes // (batches * rows * columns)
    return _pick(program, operator, (batches, rows, columns, out_rows, out_columns, run), names)


def _nearest(operator: Operator, size: int, wanted: int) -> list[int]:
    """Where each row of the output comes from, in single precision as TFLM finds it."""
    corners, half = operator.option("align_corners"), operator.option("half_pixel_centers")
    spread = corners and wanted > 1
    scale = np.float32(size - 1) / np.float32(wanted - 1) if spread else np.float32(size) / np.float32(wanted)
    places = [float((np.float32(row) + np.float32(0.5 if half else 0)) * scale) for row in range(wanted)]
    return [max(min(fixed.round_half_away(at) if corners else math.floor(at), size - 1), 0) for at in places]


def lower_gather(program: Program, operator: Operator) -> Lowered:
    """GATHER along one axis, of any type; an index outside ends the run with an error."""
    source = program.tensor(operator, operator.inputs[0], tuple(C_TYPES))
    index = program.tensor(operator, operator.inputs[1], ("int32",))
    result = program.tensor(operator, operator.outputs[0], (source.dtype,))
    rank, axis = len(source.shape), int(operator.option("axis"))
    expect(-rank <= axis < rank and not operator.option("batch_dims"), operator, f"axis {axis} of {source.shape}")
    axis %= rank
    wanted = source.elements // source.shape[axis] * index.elements
    expect(result.elements == wanted, operator, f"{index.elements} of {source.shape} to {result.shape}")
    run = math.prod(source.shape[axis + 1 :]) * (source.nbytes // source.elements)
    sizes = (math.prod(source.shape[:axis]), source.shape[axis], 1, index.elements, 1, run)
    return _pick(program, operator, sizes, [program.place(operator.inputs[1]), program.array("int32_t", [0])])


def _pick(program: Program, operator: Operator, sizes: tuple[int, ...], names: list[str]) -> Lowered:
    places = ", ".join([*names, program.start(operator.inputs[0]), program.start(operator.outputs[0])])
    struct = f"    static const {program.name}_picking arguments = {{{', '.join(map(str, sizes))}}};"
    return Lowered(f"{struct}\n    return {program.name}_pick(&arguments, {places});", kernels=("moves",))


def lower_bilinear(program: Program, operator: Operator) -> Lowered:
    """RESIZE_BILINEAR: for each row and column of the output the two it lies between, and how far, in 1/1024."""
    source, result = _images(program, operator, ("int8",))
    names = []
    for axis in (1, 2):
        places = _between(operator, source.shape[axis], result.shape[axis])
        names += [program.array("int32_t", [place[part] for place in places]) for part in range(3)]
    fields = {
        "batches": source.shape[0], "in_rows": source.shape[1], "in_columns": source.shape[2],
        "out_rows": result.shape[1], "out_columns": result.shape[2], "channels": source.shape[3],
        **dict(zip(("row", "next_row", "row_part", "column", "next_column", "column_part"), names, strict=True)),
    }  # fmt: skip
    return call_kernel(program, operator, "resize_bilinear", "resizing", fields, unit="elements")


def _between(operator: Operator, size: int, wanted: int) -> list[tuple[int, int, int]]:
    """The lower and the upper neighbour of each place, and its distance from the lower; C's division cuts off."""
    spread = operator.option("align_corners") and wanted > 1
    whole, parts = (size - 1, wanted - 1) if spread else (size, wanted)
    scale = ((whole << _BITS) + parts // 2) // parts
    shift = scale // 2 - (1 << (_BITS - 1)) if operator.option("half_pixel_centers") else 0
    found = []
    for row in range(wanted):
        at = row * scale + shift
        lower = max(int(at / (1 << _BITS)), 0)
        upper = min(int((at + (1 << _BITS) - 1) / (1 << _BITS)), size - 1)
        found.append((lower, upper, at - (lower << _BITS)))
    return found


def _images(program: Program, operator: Operator, dtypes: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Input and output [batch, rows, columns, channels] that differ in rows and columns only."""
    source = program.tensor(operator, operator.inputs[0], dtypes)
    result = program.tensor(operator, operator.outputs[0], (source.dtype,))
    alike = len(source.shape) == len(result.shape) == 4 and source.shape[::3] == result.shape[::3]
    expect(alike and max(result.shape) < 1 << 16, operator, f"shapes {source.shape} to {result.shape}")
    return source, result


LOWERINGS = {
    **{(kind, "int8"): lower_comparison for kind in COMPARISONS},
    ("squared_difference", "int8"): lower_difference, ("prelu", "int8"): lower_slopes,
    ("unit_length", "int8"): lower_unit_length,
    ("difference", "int8"): lower_difference, ("maximum", "int8"): lower_choice, ("minimum", "int8"): lower_choice,
    ("reduce_sum", "int8"): lower_total, ("reduce_max", "int8"): lower_extreme, ("reduce_min", "int8"): lower_extreme,
    **{(kind, dtype): lower_position for kind in ("arg_max", "arg_min") for dtype in ("int8", "float32")},
    ("resize_nearest", "any"): lower_nearest,
    ("gather", "any"): lower_gather, ("resize_bilinear", "int8"): lower_bilinear,
}  # fmt: skip
"""How each kind of operator becomes C, by the type of its data."""
