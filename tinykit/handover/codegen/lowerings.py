"""Which function makes C of which operator: by the kind of C that its row names, and by the type of its data."""

from collections.abc import Mapping

from tinykit.handover.codegen import elements, floats, lookups, moves, plain, recurrent, sixteen, transposed, windowed
from tinykit.handover.codegen.program import Lowering, kind_of, refuse
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.operators.table import list_rows, row_of

ANY = "any"
"""In the place of a type: the function takes every type that nothing else is named for."""

PORTABLE_LOWERINGS: dict[tuple[str, str], Lowering] = {
    **plain.LOWERINGS, **windowed.LOWERINGS, **elements.LOWERINGS, **lookups.LOWERINGS,
    **moves.LOWERINGS, **floats.LOWERINGS, **sixteen.LOWERINGS, **transposed.LOWERINGS, **recurrent.LOWERINGS,
}  # fmt: skip
"""(kind, type of the data) -> how it becomes C on the kit's own kernels."""

LIBRARY_LOWERINGS: dict[tuple[str, str], Lowering] = {**PORTABLE_LOWERINGS, **windowed.LIBRARY_LOWERINGS}
"""The same on CMSIS-NN's kernels, where the library has one."""

OPERATORS = tuple(sorted(row.name for row in list_rows().values() if row.lowering))
"""The operators that can be exported, for some type of data at least."""


def find_lowering(table: Mapping[tuple[str, str], Lowering], graph: ModelGraph, operator: Operator) -> Lowering:
    """The function for an operator on the types of its operands; ModelError where there is none."""
    kind = kind_of(operator)
    found = table.get((kind, _data_type(graph, operator))) or table.get((kind, ANY))
    if found is not None:
        return found
    types = ", ".join(sorted(dtype for other, dtype in table if other == kind))
    on = " to ".join(
        ", ".join(dict.fromkeys(graph.tensors[index].dtype if index >= 0 else "none" for index in side)) or "none"
        for side in (operator.inputs, operator.outputs)
    )
    raise refuse(operator, f"no kernel for this operator on {on}", f"allowed: {types or ', '.join(OPERATORS)}")


def _data_type(graph: ModelGraph, operator: Operator) -> str:
    """Type of the activations it reads; of what it writes, where it reads none."""
    place = row_of(operator.name).data or 0
    read = operator.inputs[place : place + 1] or operator.outputs[:1]
    return graph.tensors[read[0]].dtype if read and read[0] >= 0 else "none"
