"""The copies that each operator comes down to which only moves data, whatever the type.

Rules: tensorflow/lite/kernels/internal/reference/ (strided_slice.h, transpose.h, pad.h, space_to_batch_nd.h,
batch_to_space_nd.h) and tensorflow/lite/micro/kernels/ (pack.cc, unpack.cc, split.cc, split_v.cc, slice.cc).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tinykit.handover.codegen.grids import Move, Moves, dense
from tinykit.handover.codegen.program import Program, expect, refuse
from tinykit.model.graph.model import Operator, Tensor

_MOST_MOVES, _MOST_AXES = 4096, 6


def _ends(program: Program, operator: Operator, position: int = 0) -> tuple[Tensor, Tensor]:
    """The input that is moved and the first output, of one type."""
    expect(position < len(operator.inputs) and len(operator.outputs) > 0, operator, "an input or output is missing")
    result = program.graph.tensors[operator.outputs[0]]
    return program.tensor(operator, operator.inputs[position], (result.dtype,)), result


def _numbers(program: Program, operator: Operator, position: int) -> list[int]:
    return [int(one) for one in program.constant(operator, position, ("int32", "int64")).reshape(-1)]


def _pairs(program: Program, operator: Operator, position: int) -> NDArray[np.int64]:
    """What lies before and behind each axis."""
    found = _numbers(program, operator, position)
    expect(len(found) % 2 == 0, operator, f"{len(found)} margins")
    return np.asarray(found, np.int64).reshape(-1, 2)


def _straight(source: Tensor, target: Tensor, count: int, start: int = 0, to_start: int = 0) -> Move:
    return Move(source.index, target.index, (count,), start, (1,), to_start, (1,))


def plan_copy(program: Program, operator: Operator) -> Moves:
    """RESHAPE, EXPAND_DIMS, SQUEEZE: a copy, as the interpreter makes one."""
    source, result = _ends(program, operator)
    expect(source.elements == result.elements, operator, f"shapes {source.shape} to {result.shape}")
    return Moves((_straight(source, result, source.elements),))


def plan_join(program: Program, operator: Operator) -> Moves:
    """CONCATENATION: each input into its part of the output, all of one scale and zero point, as TFLM demands."""
    result = _ends(program, operator)[1]
    sources = [program.tensor(operator, index, (result.dtype,)) for index in operator.inputs]
    if (kinds := len({(one.scales, one.zero_points) for one in (*sources, result)})) > 1:
        raise refuse(operator, f"{kinds} pairs of scale and zero point", "all must be the output's: convert again")
    expect(operator.activation in ("", "NONE"), operator, f"fused activation {operator.activation}")
    axis, steps, start, moves = _axis(operator, int(operator.option("axis")), result), dense(result.shape), 0, []
    for source in sources:
        sides = source.shape[:axis] + source.shape[axis + 1 :]
        fits = len(source.shape) == len(result.shape) and sides == result.shape[:axis] + result.shape[axis + 1 :]
        expect(fits, operator, f"shapes {[one.shape for one in sources]} to {result.shape}")
        moves.append(Move(source.index, result.index, source.shape, 0, dense(source.shape), start * steps[axis], steps))
        start += source.shape[axis]
    expect(start == result.shape[axis], operator, f"shapes {[one.shape for one in sources]} to {result.shape}")
    return Moves(tuple(moves))


def plan_stack(program: Program, operator: Operator) -> Moves:
    """PACK: inputs of one shape along a new axis."""
    result = _ends(program, operator)[1]
    axis, steps = _axis(operator, int(operator.option("axis")), result), dense(result.shape)
    shape, moves = result.shape[:axis] + result.shape[axis + 1 :], []
    for place, index in enumerate(operator.inputs):
        source = program.tensor(operator, index, (result.dtype,))
        expect(source.shape == shape and place < result.shape[axis], operator, f"{source.shape} to {result.shape}")
        to_steps = steps[:axis] + steps[axis + 1 :]
        moves.append(Move(index, result.index, shape, 0, dense(shape), place * steps[axis], to_steps))
    expect(len(moves) == result.shape[axis], operator, f"{len(moves)} inputs to {result.shape}")
    return Moves(tuple(moves))


def plan_unstack(program: Program, operator: Operator) -> Moves:
    """UNPACK: one output an entry of the axis."""
    source = _ends(program, operator)[0]
    axis, steps = _axis(operator, int(operator.option("axis")), source), dense(source.shape)
    shape, moves = source.shape[:axis] + source.shape[axis + 1 :], []
    expect(len(operator.outputs) == source.shape[axis], operator, f"{len(operator.outputs)} outputs of {source.shape}")
    for place, index in enumerate(operator.outputs):
        target = program.tensor(operator, index, (source.dtype,))
        expect(target.shape == shape, operator, f"shapes {source.shape} to {target.shape}")
        from_steps = steps[:axis] + steps[axis + 1 :]
        moves.append(Move(source.index, index, shape, place * steps[axis], from_steps, 0, dense(shape)))
    return Moves(tuple(moves))


def plan_split(program: Program, operator: Operator) -> Moves:
    """SPLIT (axis first) and SPLIT_V (axis last): the sizes are those of the outputs."""
    last = len(operator.inputs) > 2
    source = _ends(program, operator, 0 if last else 1)[0]
    given = _numbers(program, operator, 2 if last else 0)
    expect(len(given) == 1, operator, f"axes {given}")
    axis = _axis(operator, given[0], source)
    steps, start, moves = dense(source.shape), 0, []
    for index in operator.outputs:
        target = program.tensor(operator, index, (source.dtype,))
        wanted = source.shape[:axis] + target.shape[axis : axis + 1] + source.shape[axis + 1 :]
        expect(target.shape == wanted, operator, f"shapes {source.shape} to {target.shape}")
        moves.append(Move(source.index, index, wanted, start * steps[axis], steps, 0, dense(wanted)))
        start += target.shape[axis]
    expect(start == source.shape[axis], operator, f"{start} of {source.shape[axis]} entries along axis {axis}")
    return Moves(tuple(moves))


def _axis(operator: Operator, axis: int, tensor: Tensor) -> int:
    rank = len(tensor.shape)
    expect(-rank <= axis < rank, operator, f"axis {axis} of {rank}")
    return axis % rank


def plan_transpose(program: Program, operator: Operator) -> Moves:
    """TRANSPOSE: the axes in another order."""
    source, result = _ends(program, operator)
    order = _numbers(program, operator, 1)
    expect(sorted(order) == list(range(len(source.shape))), operator, f"axes {order} of {source.shape}")
    shape = tuple(source.shape[axis] for axis in order)
    expect(shape == result.shape, operator, f"shapes {source.shape} to {result.shape} by axes {order}")
    steps = tuple(dense(source.shape)[axis] for axis in order)
    return Moves((Move(source.index, result.index, shape, 0, steps, 0, dense(shape)),))


def plan_slice(program: Program, operator: Operator) -> Moves:
    """SLICE: a start and a size an axis, -1 for all that is left."""
    source, _ = _ends(program, operator)
    begin, size = _numbers(program, operator, 1), _numbers(program, operator, 2)
    expect(len(begin) == len(size) == len(source.shape), operator, f"starts {begin}, sizes {size} of {source.shape}")
    ranges = [range(first, whole if many < 0 else first + many)
              for first, many, whole in zip(begin, size, source.shape, strict=True)]  # fmt: skip
    return _cut(program, operator, ranges)


def plan_strided_slice(program: Program, operator: Operator) -> Moves:
    """STRIDED_SLICE: begin, end and stride an axis; masks leave begin or end out, or take one entry."""
    source, _ = _ends(program, operator)
    begin, end, stride = (_numbers(program, operator, position) for position in (1, 2, 3))
    rank = len(source.shape)
    if operator.option("ellipsis_mask") or operator.option("new_axis_mask"):
        raise refuse(operator, "a slice with an ellipsis or a new axis", "TFLM has neither: reshape instead")
    expect(len(begin) == len(end) == len(stride) == rank and 0 not in stride, operator, f"{begin}, {end}, {stride}")
    no_begin, no_end, shrink = (int(operator.option(f"{mask}_mask")) for mask in ("begin", "end", "shrink_axis"))
    ranges = []
    for axis, size in enumerate(source.shape):
        first = None if no_begin >> axis & 1 else begin[axis]
        last = None if no_end >> axis & 1 else end[axis] + (begin[axis] if operator.option("offset") else 0)
        if shrink >> axis & 1:
            at = (first or 0) % size
            ranges.append(range(at, at + 1))
        else:
            ranges.append(range(size)[first : last : stride[axis]])
    return _cut(program, operator, ranges)


def _cut(program: Program, operator: Operator, ranges: Sequence[range]) -> Moves:
    """Regular parts of every axis, onto an output of as many elements."""
    source, result = _ends(program, operator)
    shape, steps = tuple(map(len, ranges)), dense(source.shape)
    inside = all(not one or (0 <= one[0] < size and 0 <= one[-1] < size)
                 for one, size in zip(ranges, source.shape, strict=True))  # fmt: skip
    expect(inside and math.prod(shape) == result.elements, operator, f"{shape} of {source.shape} to {result.shape}")
    start = sum(one.start * step for one, step in zip(ranges, steps, strict=True))
    jumps = tuple(one.step * step for one, step in zip(ranges, steps, strict=True))
    return Moves((Move(source.index, result.index, shape, start, jumps, 0, dense(shape)),))


def plan_pad(program: Program, operator: Operator) -> Moves:
    """PAD and PADV2: the input inside an output that is filled with a constant, or with its zero point."""
    source, result = _ends(program, operator)
    widths = _pairs(program, operator, 1)
    sound = len(widths) == len(source.shape) == len(result.shape) and not (widths < 0).any()
    expect(sound, operator, f"paddings of shape {widths.shape} for rank {len(source.shape)}")
    wanted = tuple(int(size + sides.sum()) for size, sides in zip(source.shape, widths, strict=True))
    expect(wanted == result.shape, operator, f"output shape {result.shape}, its paddings give {wanted}")
    steps = dense(result.shape)
    start = sum(int(before) * step for before, step in zip(widths[:, 0], steps, strict=True))
    return Moves((Move(source.index, result.index, source.shape, 0, dense(source.shape), start, steps),),
                 _padding(program, operator, 2))  # fmt: skip


def _padding(program: Program, operator: Operator, position: int) -> NDArray[np.generic]:
    result = program.graph.tensors[operator.outputs[0]]
    if len(operator.inputs) > position:
        given = program.constant(operator, position, (result.dtype,)).reshape(-1)
        expect(given.size == 1, operator, f"{given.size} padding values")
        return np.asarray(given[0])
    return np.asarray(result.zero_points[0] if result.dtype in ("int8", "uint8") and result.zero_points else 0)


def plan_to_batches(program: Program, operator: Operator) -> Moves:
    """SPACE_TO_BATCH_ND: every n-th row and column of the padded input becomes a batch of its own.

    Around the input TFLM writes codes of 0, not of the zero point as LiteRT does (micro/kernels/space_to_batch_nd.cc).
    """
    source, result = _ends(program, operator)
    return Moves(tuple(_interleave(program, operator, result, source)), np.asarray(0))


def plan_from_batches(program: Program, operator: Operator) -> Moves:
    """BATCH_TO_SPACE_ND: batches become every n-th row and column, then the output is cut out."""
    source, result = _ends(program, operator)
    return Moves(tuple(_interleave(program, operator, source, result)))


def _interleave(program: Program, operator: Operator, many: Tensor, whole: Tensor) -> Iterator[Move]:
    """The parts of `many` and the rows and columns of `whole` that they are, in the operator's direction."""
    block = _numbers(program, operator, 1)
    margins = _pairs(program, operator, 2)
    inner = len(block)
    sound = len(margins) == inner < len(whole.shape) == len(many.shape) and all(size > 0 for size in block)
    expect(math.prod(block) <= _MOST_MOVES, operator, f"blocks of {math.prod(block)}")
    expect(sound and many.shape[0] == whole.shape[0] * math.prod(block), operator, f"{many.shape} and {whole.shape}")
    batches, steps, whole_steps = whole.shape[0], dense(many.shape), dense(whole.shape)
    for number, place in enumerate(product(*map(range, block))):
        shape, first, whole_first = [batches], number * batches * steps[0], 0
        jumps = [whole_steps[0]]
        for axis, (offset, size) in enumerate(zip(place, block, strict=True), 1):
            before = int(margins[axis - 1, 0])
            skipped = max(0, -(-(before - offset) // size))
            at = offset + skipped * size - before
            fits = max(0, -(-(whole.shape[axis] - at) // size))
            shape.append(min(fits, many.shape[axis] - skipped))
            first, whole_first = first + skipped * steps[axis], whole_first + at * whole_steps[axis]
            jumps.append(size * whole_steps[axis])
        rest = slice(inner + 1, None)
        grid = (*(max(size, 0) for size in shape), *whole.shape[rest])
        ends = ((first, steps), (whole_first, (*jumps, *whole_steps[rest])))
        (start, from_steps), (to_start, to_steps) = ends if operator.inputs[0] == many.index else ends[::-1]
        yield Move(operator.inputs[0], operator.outputs[0], grid, start, from_steps, to_start, to_steps)


def plan_to_depth(program: Program, operator: Operator) -> Moves:
    """SPACE_TO_DEPTH: the rows and columns of a block become channels."""
    source, result = _ends(program, operator)
    return Moves((_blocks(operator, source, result, whole=source, deep=result),))


def plan_from_depth(program: Program, operator: Operator) -> Moves:
    """DEPTH_TO_SPACE: channels become the rows and columns of a block."""
    source, result = _ends(program, operator)
    return Moves((_blocks(operator, source, result, whole=result, deep=source),))


def _blocks(operator: Operator, source: Tensor, result: Tensor, *, whole: Tensor, deep: Tensor) -> Move:
    """Batch, block row, block column, row and column in the block, channel: dense in the deep tensor."""
    size = int(operator.option("block_size"))
    sound = len(whole.shape) == len(deep.shape) == 4 and size > 0
    wanted = (*deep.shape[:1], *(axis * size for axis in deep.shape[1:3])) if sound else ()
    expect(sound and whole.shape[:3] == wanted and whole.elements == deep.elements, operator,
           f"shapes {source.shape} to {result.shape} by blocks of {size}")  # fmt: skip
    batch, row, column, one = dense(whole.shape)
    shape = (*deep.shape[:3], size, size, whole.shape[3])
    steps, flat = (batch, size * row, size * column, row, column, one), dense(shape)
    ways = (steps, flat) if whole is source else (flat, steps)
    return Move(source.index, result.index, shape, 0, ways[0], 0, ways[1])


def plan_mirror(program: Program, operator: Operator) -> Moves:
    """MIRROR_PAD: along each axis the part before, read backwards, the input, and the part after, read backwards."""
    source, result = _ends(program, operator)
    widths = _pairs(program, operator, 1)
    inner = 0 if operator.option("mode") else 1
    sound = len(widths) == len(source.shape) <= _MOST_AXES and not (widths < 0).any()
    wanted = tuple(int(size + sides.sum()) for size, sides in zip(source.shape, widths, strict=False))
    narrow = all(sides.max() <= size - inner for size, sides in zip(source.shape, widths, strict=False))
    expect(sound and narrow and wanted == result.shape, operator, f"shapes {source.shape} to {result.shape}")
    parts = [
        ((0, int(before), int(before) + inner - 1, -1), (int(before), size, 0, 1),
         (int(before) + size, int(after), size - 1 - inner, -1))
        for size, (before, after) in zip(source.shape, widths, strict=True)
    ]  # fmt: skip
    moves = []
    for grid in product(*parts):
        start, to_start = (sum(part[place] * step for part, step in zip(grid, dense(tensor.shape), strict=True))
                           for place, tensor in ((2, source), (0, result)))  # fmt: skip
        steps = tuple(part[3] * step for part, step in zip(grid, dense(source.shape), strict=True))
        shape = tuple(part[1] for part in grid)
        moves.append(Move(source.index, result.index, shape, start, steps, to_start, dense(result.shape)))
    return Moves(tuple(moves))


def plan_spread(program: Program, operator: Operator) -> Moves:
    """BROADCAST_TO: axes of one entry repeated."""
    source, result = _ends(program, operator)
    shape = (1,) * (len(result.shape) - len(source.shape)) + source.shape
    fits = len(shape) == len(result.shape)
    fits = fits and all(size in (1, wanted) for size, wanted in zip(shape, result.shape, strict=True))
    expect(fits, operator, f"shapes {source.shape} to {result.shape}")
    steps = tuple(0 if size == 1 else step for size, step in zip(shape, dense(shape), strict=True))
    return Moves((Move(source.index, result.index, result.shape, 0, steps, 0, dense(result.shape)),))


def plan_reverse(program: Program, operator: Operator) -> Moves:
    """REVERSE_V2: some axes backwards."""
    source, result = _ends(program, operator)
    expect(source.shape == result.shape, operator, f"shapes {source.shape} to {result.shape}")
    turned, ways = program.axes(operator, source), dense(source.shape)
    start = sum((source.shape[axis] - 1) * ways[axis] for axis in turned)
    steps = tuple(-step if axis in turned else step for axis, step in enumerate(ways))
    return Moves((Move(source.index, result.index, source.shape, start, steps, 0, ways),))


def plan_zeros(program: Program, operator: Operator) -> Moves:
    """ZEROS_LIKE: nothing is copied onto the zeros."""
    _ends(program, operator)
    return Moves((), np.asarray(0))


PLANS: dict[str, Callable[[Program, Operator], Moves]] = {
    "copy": plan_copy, "concatenation": plan_join, "padding": plan_pad, "stack": plan_stack, "unstack": plan_unstack,
    "split": plan_split, "transpose": plan_transpose, "slice": plan_slice, "strided_slice": plan_strided_slice,
    "to_batches": plan_to_batches, "from_batches": plan_from_batches, "to_depth": plan_to_depth,
    "from_depth": plan_from_depth, "mirror": plan_mirror, "spread": plan_spread, "reverse": plan_reverse,
    "zeros": plan_zeros,
}  # fmt: skip
"""The copies of each kind of operator."""
