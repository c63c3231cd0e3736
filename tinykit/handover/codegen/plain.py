"""Operators without weights, on the portable kernels: pairs, curves, copies, padding, means, products of matrices.

BATCH_MATMUL on int8 and float32: either tensor may be computed, either transposed. Sources: tensorflow/lite/micro/
kernels/batch_matmul_common.cc, kernels/internal/reference/batch_matmul.h: sums run along the inner side, int8 factors
are made as those of a fully connected operator.
"""

import math
from collections.abc import Callable, Sequence
from itertools import groupby

from tinykit.handover.codegen import fixed_point as fixed
from tinykit.handover.codegen.program import Lowered, Program, call_kernel, expect, fused_range, kind_of, refuse, settle
from tinykit.model.graph.model import Operator, Tensor

AXES = 6
_CURVE_SCALE, _CURVE_ZERO = 1 / 256, -128

Factor = Callable[[Tensor, Tensor, int], fixed.Multiplier]
"""How a sum of some elements is rescaled."""


def lower_pair(program: Program, operator: Operator) -> Lowered:
    """ADD and MUL, with an operand repeated along axes of size 1."""
    (a, b), result = program.operands(operator, at_least=2)
    low, high = fused_range(operator, result)
    fields = pair_fields(operator, a, b, result) | {"out_offset": result.zero_points[0], "low": low, "high": high}
    fields |= pair_factors(operator, a, b, result)
    return call_kernel(program, operator, operator.name.lower(), "pair", fields, inputs=2, unit="pairs")


def pair_fields(operator: Operator, a: Tensor, b: Tensor, result: Tensor) -> dict[str, object]:
    """Shape, steps and offsets of two operands."""
    shape, step_a, step_b = broadcast(operator, a.shape, b.shape, result.shape)
    return {"shape": shape, "step_a": step_a, "step_b": step_b,
            "offset_a": -a.zero_points[0], "offset_b": -b.zero_points[0]}  # fmt: skip


def pair_factors(operator: Operator, a: Tensor, b: Tensor, result: Tensor) -> dict[str, object]:
    """The factor of a product, or three of a sum, whose kernel divides by powers: shifts are positive exponents."""
    kind = kind_of(operator)
    if kind == "product":
        one = settle(operator, fixed.quantise_multiplier, a.scales[0] * b.scales[0] / result.scales[0])
        return {"multiplier": one.multiplier, "shift": one.shift}
    find = fixed.square_multipliers if kind == "squared_difference" else fixed.add_multipliers
    first, second, total = settle(operator, find, a, b, result)
    return {
        "multiplier_a": first.multiplier, "shift_a": -first.shift, "multiplier_b": second.multiplier,
        "shift_b": -second.shift, "multiplier": total.multiplier, "shift": -total.shift,
    }  # fmt: skip


def broadcast(
    operator: Operator, a: tuple[int, ...], b: tuple[int, ...], result: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Shape and steps of both operands over the output, neighbouring axes of one kind made one."""
    rank = max(len(a), len(b))
    wide_a, wide_b = ((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b)
    both = tuple(max(x, y) for x, y in zip(wide_a, wide_b, strict=True))
    fits = all(x in (1, z) and y in (1, z) for x, y, z in zip(wide_a, wide_b, both, strict=True))
    expect(fits and both == result, operator, f"shapes {a} and {b} to {result}")
    axes = [(x == 1, y == 1, size) for x, y, size in zip(wide_a, wide_b, both, strict=True) if size > 1]
    groups = [(held, math.prod(size for *_, size in same)) for held, same in groupby(axes, key=lambda axis: axis[:2])]
    expect(len(groups) <= AXES, operator, f"shapes {a} and {b} alternate more than {AXES} times")
    shape = extend([size for _, size in groups])
    return shape, steps_of(shape, [held[0] for held, _ in groups]), steps_of(shape, [held[1] for held, _ in groups])


def extend(sizes: Sequence[int], filler: int = 1) -> tuple[int, ...]:
    """As many numbers as the kernels have axes, fillers first."""
    return (filler,) * (AXES - len(sizes)) + tuple(int(size) for size in sizes)


def steps_of(shape: tuple[int, ...], held: Sequence[int]) -> tuple[int, ...]:
    """Elements from one entry to the next along each axis; 0 along the axes held still."""
    still, steps, step = extend(held, 0), [0] * AXES, 1
    for axis in reversed(range(AXES)):
        if not still[axis] and shape[axis] > 1:
            steps[axis], step = step, step * shape[axis]
    return tuple(steps)


def lower_quantise(program: Program, operator: Operator) -> Lowered:
    """QUANTIZE from int8 to int8."""
    (source,), result = program.operands(operator)
    return call_kernel(program, operator, "quantize", "rescale", rescale_fields(operator, source, result), unit="pairs")


def rescale_fields(operator: Operator, source: Tensor, result: Tensor) -> dict[str, object]:
    """Members of the struct that takes integers to another scale and zero point."""
    expect(source.elements == result.elements, operator, f"shapes {source.shape} to {result.shape}")
    one = settle(operator, fixed.quantise_multiplier, source.scales[0] / result.scales[0])
    return {"count": source.elements, "in_offset": -source.zero_points[0], "out_offset": result.zero_points[0],
            "multiplier": one.multiplier, "shift": one.shift}  # fmt: skip


def lower_softmax(program: Program, operator: Operator) -> Lowered:
    """SOFTMAX over the last axis, onto a scale of 1/256 and a zero point of -128."""
    source = _curve_source(program, operator)
    one, lowest = settle(operator, fixed.softmax_parameters, source, operator.beta)
    depth = source.shape[-1] if source.shape else 1
    expect(depth < 1 << 12, operator, f"a softmax over {depth} values")
    fields = {"rows": source.elements // depth, "depth": depth, "multiplier": one.multiplier,
              "left_shift": one.shift, "lowest_difference": lowest}  # fmt: skip
    return call_kernel(program, operator, "softmax", "softmax_rows", fields, unit="curves")


def lower_logistic(program: Program, operator: Operator) -> Lowered:
    """LOGISTIC, onto a scale of 1/256 and a zero point of -128."""
    source = _curve_source(program, operator)
    one, radius = settle(operator, fixed.logistic_parameters, source)
    fields = {"count": source.elements, "in_offset": -source.zero_points[0], "radius": radius,
              "multiplier": one.multiplier, "left_shift": one.shift}  # fmt: skip
    return call_kernel(program, operator, "logistic", "logistic_curve", fields, unit="curves")


def _curve_source(program: Program, operator: Operator) -> Tensor:
    source, result = program.alike(operator)
    if (result.scales[0], result.zero_points[0]) != (_CURVE_SCALE, _CURVE_ZERO):
        raise refuse(operator, f"output scale {result.scales[0]}, zero point {result.zero_points[0]}",
                     f"the kernel writes scale {_CURVE_SCALE}, zero point {_CURVE_ZERO}")  # fmt: skip
    return source


def lower_reshape(program: Program, operator: Operator) -> Lowered:
    """RESHAPE: a copy, as the interpreter makes one."""
    (source,), result = program.operands(operator)
    expect(source.elements == result.elements, operator, f"shapes {source.shape} to {result.shape}")
    places = f"{program.place(operator.inputs[0])}, {program.place(operator.outputs[0])}"
    return Lowered(f"    {program.name}_copy({places}, {source.elements});\n    return 0;", kernels=("shapes",))


def lower_mean(program: Program, operator: Operator) -> Lowered:
    """MEAN over any axes: sums, then one rescaling that holds the division."""
    return lower_sums(program, operator, fixed.mean_multiplier)


def lower_sums(program: Program, operator: Operator, factor: Factor) -> Lowered:
    """Sums over some axes, rescaled by a factor that knows how many are summed."""
    (source,), result = program.operands(operator)
    fields = sum_fields(program, operator, source, result, factor)
    scratch = (4 * result.elements,) * 3
    return call_kernel(program, operator, "mean", "mean_axes", fields, scratch=scratch, unit="shapes")


def reduce_axes(
    program: Program, operator: Operator, source: Tensor, result: Tensor
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shape and steps of a reduction's output over its input; its axes are a constant."""
    axes, rank = program.axes(operator, source), len(source.shape)
    expect(rank <= AXES, operator, f"shape {source.shape}")
    kept = [size for axis, size in enumerate(source.shape) if axis not in axes]
    expect(math.prod(kept) == result.elements, operator, f"output shape {result.shape} without axes {sorted(axes)}")
    shape = extend(source.shape)
    return shape, steps_of(shape, [axis in axes for axis in range(rank)])


def sum_fields(
    program: Program, operator: Operator, source: Tensor, result: Tensor, factor: Factor
) -> dict[str, object]:
    """Members of the struct of sums over some axes, on int8 and int16."""
    shape, step = reduce_axes(program, operator, source, result)
    count = source.elements // result.elements
    expect(count < 1 << 23, operator, f"a mean over {count} values")
    one = settle(operator, factor, source, result, count)
    return {
        "shape": shape, "step": step, "outputs": result.elements,
        "zero_sum": source.zero_points[0] * count, "out_offset": result.zero_points[0],
        "multiplier": one.multiplier, "shift": one.shift,
    }  # fmt: skip


def lower_matrices(program: Program, operator: Operator) -> Lowered:
    """BATCH_MATMUL, matrices repeated along leading axes of size 1."""
    dtype = program.graph.tensors[operator.inputs[0]].dtype
    (a, b), result = program.operands(operator, at_least=2, dtype=dtype)
    fields = _sizes(operator, a, b, result)
    if dtype == "float32":
        return call_kernel(program, operator, "float_multiply", "matrices", fields, inputs=2, unit="matrices")
    one = settle(operator, fixed.dense_multiplier, a, b, result)
    low, high = fixed.LIMITS[dtype]
    fields |= {
        "offset_a": -a.zero_points[0], "offset_b": -b.zero_points[0], "out_offset": result.zero_points[0],
        "low": low, "high": high, "multiplier": one.multiplier, "shift": one.shift,
    }  # fmt: skip
    return call_kernel(program, operator, "multiply", "matrices", fields, inputs=2, unit="matrices")


def _sizes(operator: Operator, a: Tensor, b: Tensor, result: Tensor) -> dict[str, object]:
    """Sizes of the matrices, and elements from row to row, column to column and matrix to matrix."""
    shapes = f"shapes {a.shape} and {b.shape} to {result.shape}"
    rank = len(result.shape)
    expect(2 <= min(len(a.shape), len(b.shape)) <= max(len(a.shape), len(b.shape)) == rank <= AXES, operator, shapes)
    inner_a, inner_b = int(not operator.option("adj_x")), int(operator.option("adj_y"))
    depth = a.shape[inner_a - 2]
    rows, columns = a.shape[-1 - inner_a], b.shape[-1 - inner_b]
    expect(b.shape[inner_b - 2] == depth and result.shape[-2:] == (rows, columns), operator, shapes)
    leading = [(1,) * (rank - len(one.shape)) + one.shape[:-2] for one in (a, b)]
    both = tuple(max(pair) for pair in zip(*leading, strict=True))
    fits = all(size in (1, wide) for one in leading for size, wide in zip(one, both, strict=True))
    expect(fits and result.shape[:-2] == both, operator, shapes)
    shape = extend(both)
    steps = [steps_of(shape, [size == 1 for size in one]) for one in leading]
    return {
        "shape": shape,
        "step_a": tuple(step * rows * depth for step in steps[0]),
        "step_b": tuple(step * depth * columns for step in steps[1]),
        "rows": rows, "depth": depth, "columns": columns,
        "row_a": depth if inner_a else 1, "inner_a": 1 if inner_a else rows,
        "column_b": depth if inner_b else 1, "inner_b": 1 if inner_b else columns,
    }  # fmt: skip


LOWERINGS = {
    ("sum", "int8"): lower_pair, ("product", "int8"): lower_pair, ("rescale", "int8"): lower_quantise,
    ("softmax", "int8"): lower_softmax, ("logistic", "int8"): lower_logistic, ("copy", "int8"): lower_reshape,
    ("mean", "int8"): lower_mean,
    ("matrices", "int8"): lower_matrices, ("matrices", "float32"): lower_matrices,
}  # fmt: skip
"""How each kind of operator becomes C, by the type of its data."""
