"""BATCH_MATMUL on int8 and float32: two tensors of matrices, either of them computed, either transposed.

Sources: tensorflow/lite/micro/kernels/batch_matmul_common.cc, kernels/internal/reference/batch_matmul.h: sums run along
the inner side, int8 factors are made as those of a fully connected operator.
"""

from tinykit.handover.codegen.fixed_point import LIMITS, dense_multiplier
from tinykit.handover.codegen.plain import AXES, extend, steps_of
from tinykit.handover.codegen.program import Lowered, Program, call_kernel, expect, settle
from tinykit.model.graph.model import Operator, Tensor


def lower_matrices(program: Program, operator: Operator) -> Lowered:
    """BATCH_MATMUL, matrices repeated along leading axes of size 1."""
    dtype = program.graph.tensors[operator.inputs[0]].dtype
    (a, b), result = program.operands(operator, at_least=2, dtype=dtype)
    fields = _sizes(operator, a, b, result)
    if dtype == "float32":
        return call_kernel(program, operator, "float_multiply", "matrices", fields, inputs=2, unit="matrices")
    one = settle(operator, dense_multiplier, a, b, result)
    low, high = LIMITS[dtype]
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


LOWERINGS = {("matrices", dtype): lower_matrices for dtype in ("int8", "float32")}
"""How products of matrices become C."""
