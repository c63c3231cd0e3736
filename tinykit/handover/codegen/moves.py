"""Operators that only move data, of any type, and those that keep it: each is a few copies.

The same copies are written as C for the device, and done at once where all that an operator reads is constant.
"""

import math
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from tinykit.handover.codegen.grids import Move, Moves
from tinykit.handover.codegen.layouts import PLANS
from tinykit.handover.codegen.program import C_TYPES, READ, Lowered, Program, expect, kind_of
from tinykit.model.graph.model import Operator, Tensor

AXES = 6
NOTHING = Lowered("    return 0;")
"""The code of an operator that has nothing left to do."""


def evaluate(program: Program, operator: Operator) -> list[NDArray[np.generic]] | None:
    """The outputs of an operator whose data are constant, None where they are not."""
    moves = plan_moves(program, operator)
    tensors = program.graph.tensors
    if not all(tensors[one.source].is_constant for one in moves.moves):
        return None
    found = {}
    for index in operator.outputs:
        kind = np.dtype(tensors[index].dtype)
        found[index] = np.full(tensors[index].shape, 0 if moves.fill is None else moves.fill, kind)
    for one in moves.moves:
        one.run(program.graph.constant(one.source), found[one.target])
    return [found[index] for index in operator.outputs]


def lower_moves(program: Program, operator: Operator) -> Lowered:
    """The copies, those between the same two tensors in one loop over their table."""
    moves = plan_moves(program, operator)
    lines = []
    if moves.fill is not None:
        lines.append(_fill(program, operator, moves.fill))
    rows = [_row(program, operator, one) for one in moves.moves if math.prod(one.shape)]
    table = ",\n".join(f"    {{{row}}}" for row in rows)
    name = f"op_{operator.index}_moves"
    constants = f"static const {program.name}_moving {name}[{len(rows)}] = {{\n{table}\n}};"
    done = 0
    real = [one for one in moves.moves if math.prod(one.shape)]
    for (source, target), same in groupby(real, key=lambda one: (one.source, one.target)):
        count = len(list(same))
        call = f"{program.name}_move(&{name}[%s], {program.start(source)}, {program.start(target)});"
        if count == 1:
            lines.append(f"    {call % done}")
        else:
            lines.append(f"    for (int i = {done}; i < {done + count}; ++i) {{\n        {call % 'i'}\n    }}")
        done += count
    return Lowered("\n".join([*lines, "    return 0;"]), constants if rows else "", kernels=("moves",))


def _row(program: Program, operator: Operator, move: Move) -> str:
    """A move in bytes, its last axis as one run where that is dense on both sides."""
    size = _element_bytes(program.graph.tensors[move.source])
    one = move.merged()
    run, axes = 1, len(one.shape)
    if axes and one.steps[-1] == one.to_steps[-1] == 1:
        run, axes = one.shape[-1], axes - 1
    expect(axes <= AXES, operator, f"a copy over {axes} axes")
    grid = ", ".join(
        "{" + ", ".join(map(str, (filler,) * (AXES - axes) + tuple(value * scale for value in values[:axes]))) + "}"
        for values, filler, scale in ((one.shape, 1, 1), (one.steps, 0, size), (one.to_steps, 0, size))
    )
    return f"{grid}, {one.start * size}, {one.to_start * size}, {run * size}"


def _fill(program: Program, operator: Operator, value: NDArray[np.generic]) -> str:
    target = program.graph.tensors[operator.outputs[0]]
    data = value.astype(np.dtype(target.dtype).newbyteorder("<")).tobytes()
    place = program.start(operator.outputs[0])
    if len(set(data)) == 1:
        return f"    (void)__builtin_memset({place}, {data[0]}, {target.nbytes});"
    name = program.array("uint8_t", np.frombuffer(data, np.uint8))
    return f"    {program.name}_fill({place}, {target.elements}, {name}, {len(data)});"


def _element_bytes(tensor: Tensor) -> int:
    return tensor.nbytes // tensor.elements


def plan_moves(program: Program, operator: Operator) -> Moves:
    """The copies of an operator; ModelError where its tensors are of a type without a size, or do not go together."""
    for index in operator.outputs:
        program.tensor(operator, index, tuple(C_TYPES))
    return PLANS[kind_of(operator)](program, operator)


def lower_variable(program: Program, operator: Operator) -> Lowered:
    """READ_VARIABLE and ASSIGN_VARIABLE: a copy from what is kept, or to it."""
    reads = kind_of(operator) == READ
    ends = (*operator.inputs, *operator.outputs)
    expect(len(ends) == 2, operator, f"{len(operator.inputs)} inputs and {len(operator.outputs)} outputs")
    value = program.tensor(operator, ends[1], tuple(C_TYPES))
    kept = next((state.nbytes for state in program.states if ends[0] in state.tensors), 0)
    expect(kept == value.nbytes, operator, f"a variable of {kept} bytes and a value of {value.nbytes}")
    value_place, kept_place = program.start(ends[1]), program.start(ends[0])
    to, source = (value_place, kept_place) if reads else (kept_place, value_place)
    return Lowered(f"    (void)__builtin_memcpy({to}, {source}, {kept});\n    return 0;")


def lower_nothing(program: Program, operator: Operator) -> Lowered:
    """VAR_HANDLE and CALL_ONCE: what they stand for is done when the state is set."""
    del program, operator
    return NOTHING


LOWERINGS = {
    **{(kind, "any"): lower_moves for kind in PLANS},
    ("read", "any"): lower_variable, ("assign", "any"): lower_variable,
    ("handle", "any"): lower_nothing, ("once", "any"): lower_nothing, ("shape", "any"): lower_nothing,
}  # fmt: skip
"""How each kind of operator becomes C, whatever the type of its data."""
