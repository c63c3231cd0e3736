"""Shapes as kernels walk over them: all axes, and the steps of operands that are held still along some."""

import math
from collections.abc import Sequence
from itertools import groupby

from tinykit.handover.codegen.program import Program, expect
from tinykit.model.graph.model import Operator, Tensor

AXES = 6


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
    return shape, steps_over(shape, [held[0] for held, _ in groups]), steps_over(shape, [held[1] for held, _ in groups])


def extend(sizes: Sequence[int], filler: int = 1) -> tuple[int, ...]:
    """Sizes of all axes, those that are missing in front."""
    return (filler,) * (AXES - len(sizes)) + tuple(int(size) for size in sizes)


def steps_over(shape: tuple[int, ...], held: Sequence[int]) -> tuple[int, ...]:
    """Elements from one entry to the next along each axis; 0 along the axes held still."""
    still, steps, step = extend(held, 0), [0] * AXES, 1
    for axis in reversed(range(AXES)):
        if not still[axis] and shape[axis] > 1:
            steps[axis], step = step, step * shape[axis]
    return tuple(steps)


def reduce_axes(
    program: Program, operator: Operator, source: Tensor, result: Tensor
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shape and steps of a reduction's output over its input; its axes are a constant."""
    given = program.constant(operator, 1, ("int32",)).reshape(-1)
    rank = len(source.shape)
    expect(rank <= AXES and all(-rank <= axis < rank for axis in given), operator, f"axes {given}")
    axes = {int(axis) % rank for axis in given}
    kept = [size for axis, size in enumerate(source.shape) if axis not in axes]
    expect(math.prod(kept) == result.elements, operator, f"output shape {result.shape} without axes {sorted(axes)}")
    shape = extend(source.shape)
    return shape, steps_over(shape, [axis in axes for axis in range(rank)])
