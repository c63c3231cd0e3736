"""What a model keeps between two runs: where it lies, with what it begins, and the operators that read and write it.

Rules: tensorflow/lite/micro/micro_resource_variable.cc (the zero point at first), kernels/call_once.cc (the subgraph
that fills variables runs before the first run) and micro_interpreter_graph.cc (ResetVariableTensors).
"""

from dataclasses import dataclass

from tinykit.ground.errors import ModelError
from tinykit.model.graph import schema
from tinykit.model.graph.flatbuffer import FlatBuffer
from tinykit.model.graph.model import ModelGraph, Operator, Tensor
from tinykit.model.graph.reading import read
from tinykit.model.operators.table import row_of
from tinykit.predict.arena.plan import align

HANDLE, READ, ASSIGN, ONCE = "handle", "read", "assign", "once"
"""Kinds of the operators on variables."""

STATEFUL = (HANDLE, READ, ASSIGN, ONCE)
"""Those kinds, which may lack inputs or outputs."""

_LARGEST_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class State:
    """One stretch of the kept bytes.

    Parameters
    ----------
    tensors : the variable tensor, or the handles of one variable.
    offset, nbytes : where it begins, and how long it is.
    initial : its bytes at first.
    """

    tensors: tuple[int, ...]
    offset: int
    nbytes: int
    initial: bytes


def list_states(graph: ModelGraph) -> tuple[State, ...]:
    """All that a model keeps: the variables its handles stand for, then its variable tensors."""
    rows: list[tuple[tuple[int, ...], int, bytes]] = []
    rows += [
        ((one.index,), one.nbytes, _zeros(one)) for one in graph.tensors if one.is_variable and not one.is_constant
    ]
    rows += _list_variables(graph)
    found, offset = [], 0
    for tensors, nbytes, initial in rows:
        found.append(State(tensors, offset, nbytes, initial))
        offset += align(nbytes)
    return tuple(found)


def _zeros(tensor: Tensor) -> bytes:
    """A tensor of zeros; TFLM sets each byte to the zero point, which is 0 but for 8 bits."""
    if tensor.nbytes > _LARGEST_BYTES:
        raise ModelError(f"tensor {tensor.index} keeps {tensor.nbytes:,} bytes; no microcontroller has that")
    return bytes([tensor.zero_points[0] % 256 if tensor.zero_points else 0]) * tensor.nbytes


def _list_variables(graph: ModelGraph) -> list[tuple[tuple[int, ...], int, bytes]]:
    handles = _name_handles(graph, 0)
    sizes: dict[tuple[str, str], bytes] = {}
    for operator in graph.operators:
        tensor = _value_of(operator)
        if tensor is not None:
            sizes.setdefault(handles.get(operator.inputs[0], ("", "")), _zeros(graph.tensors[tensor]))
    for operator in graph.operators:
        if row_of(operator.name).lowering == ONCE:
            sizes |= _read_initial(graph, int(operator.option("subgraph")))
    named = {name: tuple(one for one, other in handles.items() if other == name) for name in handles.values()}
    return [(tensors, len(sizes[name]), sizes[name]) for name, tensors in named.items() if name in sizes]


def _value_of(operator: Operator) -> int | None:
    """The tensor that an operator reads from a variable or assigns to it, None for other operators."""
    kind = row_of(operator.name).lowering
    if kind == READ and operator.inputs and operator.outputs:
        return operator.outputs[0]
    return operator.inputs[1] if kind == ASSIGN and len(operator.inputs) > 1 else None


def _read_initial(graph: ModelGraph, subgraph: int) -> dict[tuple[str, str], bytes]:
    """What a subgraph assigns to variables, by their names."""
    other = read(graph.data, subgraph=subgraph)
    handles, found = _name_handles(other, subgraph), {}
    for operator in other.operators:
        value = _value_of(operator)
        if value is not None and operator.inputs[0] in handles and other.tensors[value].is_constant:
            found[handles[operator.inputs[0]]] = other.constant(value).tobytes()
        elif row_of(operator.name).lowering != HANDLE:
            raise ModelError(
                f"subgraph {subgraph}, which fills the variables, computes with {operator.name}; "
                "only constants can be assigned: convert with constant initial values"
            )
    return found


def _name_handles(graph: ModelGraph, subgraph: int) -> dict[int, tuple[str, str]]:
    """Container and name of the variable that each handle stands for, by its tensor."""
    if not any(row_of(operator.name).lowering == HANDLE for operator in graph.operators):
        return {}
    main = FlatBuffer(graph.data).root(schema.IDENTIFIER).tables(schema.Model.SUBGRAPHS)[subgraph]
    tables = main.tables(schema.SubGraph.OPERATORS)
    found = {}
    for operator, table in zip(graph.operators, tables, strict=True):
        if row_of(operator.name).lowering == HANDLE:
            options = table.table(schema.Operator.OPTIONS)
            found[operator.outputs[0]] = (options.text(0), options.text(1)) if options else ("", "")
    return found
