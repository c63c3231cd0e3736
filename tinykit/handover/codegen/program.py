"""What the exporter knows while it goes through a graph: checked tensors, constants to be written, names in C.

And what a model keeps between two runs: where it lies, and with what it begins. Rules of tensorflow/lite/micro:
micro_resource_variable.cc (the zero point at first), kernels/call_once.cc (the subgraph that fills variables runs
before the first run) and micro_interpreter_graph.cc (ResetVariableTensors).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError
from tinykit.handover.codegen.fixed_point import Multiplier, activation_range
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


ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
C_TYPES = {
    "int8": "int8_t", "uint8": "uint8_t", "bool": "uint8_t", "int16": "int16_t", "int32": "int32_t",
    "int64": "int64_t", "float32": "float",
}  # fmt: skip
"""How a tensor's type is called in C: these can be inputs, outputs, constants and state."""

_STORED = {"bool": "|u1", "float32": "<f4"}
_STORED_AS = {ctype: _STORED.get(dtype, np.dtype(dtype).str) for dtype, ctype in C_TYPES.items()}
RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "int32": (-(1 << 31), (1 << 31) - 1)}
"""Lowest and highest codes of quantised activations."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Lowered:
    """One operator as C.

    Parameters
    ----------
    body : statements of its function; they return 0, or another number on failure.
    constants : definitions ahead of the function.
    kernels : the kit's kernel files it needs: "windows" for `kernels_windows.c` and, if there is one, its header.
    library : groups of the vendored library it needs.
    scratch : bytes of scratch by core family, in the order of `CORE_FAMILIES`.
    scratch_call : C expression of the size the library itself asks for, "" where there is none.
    """

    body: str
    constants: str = ""
    kernels: tuple[str, ...] = ()
    library: tuple[str, ...] = ()
    scratch: tuple[int, ...] = (0, 0, 0)
    scratch_call: str = ""


Lowering = Callable[["Program", Operator], Lowered]
"""Makes C of one operator."""


class Program:
    """A graph on its way to C; `arrays` collects the constants in the order of their first use."""

    def __init__(self, graph: ModelGraph, name: str) -> None:
        self.graph, self.name, self.states = graph, name, list_states(graph)
        self.arrays: dict[str, tuple[str, NDArray[np.generic]]] = {}
        self._known: dict[tuple[str, bytes], str] = {}

    def array(self, ctype: str, values: Sequence[int] | Sequence[float] | NDArray[np.generic]) -> str:
        """C name of a constant array of one of the types of `C_TYPES`; equal arrays are written once."""
        data = np.ascontiguousarray(values, _STORED_AS[ctype]).reshape(-1)
        key = (ctype, data.tobytes())
        if key not in self._known:
            self._known[key] = f"{self.name}_data_{len(self._known)}"
            self.arrays[self._known[key]] = (ctype, data)
        return self._known[key]

    def factors(self, found: Sequence[Multiplier]) -> tuple[str, str]:
        """C names of the multipliers and of the shifts of some factors."""
        return (
            self.array("int32_t", [one.multiplier for one in found]),
            self.array("int32_t", [one.shift for one in found]),
        )

    def tensor(self, operator: Operator, tensor: int, dtypes: Sequence[str]) -> Tensor:
        """A tensor of one of the types, with elements; ModelError where it is another, or left out."""
        found = self.graph.tensors[tensor] if tensor >= 0 else None
        if found is None or found.dtype not in dtypes:
            kind = "left out" if found is None else found.dtype
            raise refuse(operator, f"tensor {tensor} is {kind}", f"allowed: {', '.join(dtypes)}")
        expect(found.elements > 0, operator, f"tensor {tensor} of shape {found.shape} is empty")
        return found

    def activation(self, operator: Operator, tensor: int, dtypes: Sequence[str] = ("int8",)) -> Tensor:
        """A quantised tensor of one scale and one zero point; ModelError where it is another, or left out."""
        found = self.tensor(operator, tensor, dtypes)
        scales, zeros, (low, high) = found.scales, found.zero_points, RANGES[found.dtype]
        if not (len(scales) == len(zeros) == 1 and 0 < scales[0] < math.inf and low <= zeros[0] <= high):
            raise refuse(
                operator,
                f"tensor {tensor} of shape {found.shape} has scales {scales[:3]}, zero points {zeros[:3]}",
                f"one positive scale and one zero point from {low} to {high} are needed",
            )
        return found

    def operands(self, operator: Operator, *, at_least: int = 1, dtype: str = "int8") -> tuple[list[Tensor], Tensor]:
        """The inputs (the first `at_least`) and the only output of an operator, of one type; errors as `activation`."""
        take = self.tensor if dtype == "float32" else self.activation
        if len(operator.inputs) < at_least or len(operator.outputs) != 1:
            count = f"{len(operator.inputs)} inputs and {len(operator.outputs)} outputs"
            raise refuse(operator, count, f"{at_least} or more and 1 are needed")
        sources = [take(operator, tensor, (dtype,)) for tensor in operator.inputs[:at_least]]
        return sources, take(operator, operator.outputs[0], (dtype,))

    def alike(self, operator: Operator, dtype: str = "int8") -> tuple[Tensor, Tensor]:
        """The first input and the only output, of one type and one shape; errors as `activation`."""
        (source,), result = self.operands(operator, dtype=dtype)
        expect(source.shape == result.shape, operator, f"shapes {source.shape} to {result.shape}")
        return source, result

    def constant(self, operator: Operator, position: int, dtypes: tuple[str, ...]) -> NDArray[np.signedinteger]:
        """A constant input, by its position; ModelError where it is none, of another type, or cut off."""
        index = operator.inputs[position] if position < len(operator.inputs) else -1
        found = self.graph.tensors[index] if index >= 0 else None
        if found is None or not found.is_constant or found.dtype not in dtypes or found.data_bytes != found.nbytes:
            state = "is left out" if found is None else f"is {'' if found.is_constant else 'computed, '}{found.dtype}"
            raise refuse(operator, f"input {position} {state}", f"it has to be a constant of {' or '.join(dtypes)}")
        return np.asarray(self.graph.constant(index))

    def axes(self, operator: Operator, source: Tensor) -> set[int]:
        """The axes in an operator's second input; ModelError where the tensor does not have them."""
        given, rank = self.constant(operator, 1, ("int32",)).reshape(-1), len(source.shape)
        expect(all(-rank <= axis < rank for axis in given), operator, f"axes {given}")
        return {int(axis) % rank for axis in given}

    def bias(self, operator: Operator, channels: int, *, position: int = 2, dtype: str = "int32") -> str:
        """C name of the bias, zeros where the model has none: the library reads it in any case."""
        given = len(operator.inputs) > position and operator.inputs[position] >= 0
        values = self.constant(operator, position, (dtype,)) if given else np.zeros(channels, np.int32)
        expect(values.size == channels, operator, f"bias has {values.size} values, {channels} are needed")
        return self.array(C_TYPES[dtype], values)

    def place(self, tensor: int) -> str:
        """C expression for the start of a tensor, a pointer to its type: constant, in the arena, or kept state."""
        found = self.graph.tensors[tensor]
        ctype = C_TYPES[found.dtype]
        if found.is_constant:
            return self.array(ctype, self.graph.constant(tensor))
        return self.start(tensor) if ctype == "int8_t" else f"(({ctype} *)(void *){self.start(tensor)})"

    def start(self, tensor: int) -> str:
        """As `place`, a pointer to bytes; of a handle, the state it stands for."""
        found = self.graph.tensors[tensor]
        if found.is_constant:
            return self.place(tensor) if found.dtype == "int8" else f"((const void *){self.place(tensor)})"
        return f"STATE_{tensor}" if any(tensor in state.tensors for state in self.states) else f"TENSOR_{tensor}"


def literal(value: object) -> str:
    """A number as C, exactly: floats in hexadecimal, of single precision."""
    if isinstance(value, int | np.integer):
        return "INT64_MIN" if value == -(1 << 63) else str(value)
    if isinstance(value, float | np.floating):
        number = float(np.float32(value))
        if math.isfinite(number):
            return f"{number.hex()}f"
        sign = "-" if number < 0 else ""
        return '__builtin_nanf("")' if math.isnan(number) else f"{sign}__builtin_inff()"
    return str(value)


def kind_of(operator: Operator) -> str:
    """Kind of C that is written for an operator, "" where the exporter cannot take it."""
    return row_of(operator.name).lowering or ""


def refuse(operator: Operator, found: str, allowed: str) -> ModelError:
    """An error that names an operator, what it has and what it may have."""
    return ModelError(f"operator {operator.index} ({operator.name}): {found}; {allowed}")


def expect(condition: bool, operator: Operator, found: str) -> None:
    """Refuse an operator whose tensors do not go together."""
    if not condition:
        raise refuse(operator, found, "the file is damaged or the operator is of a kind the exporter cannot take")


def fused_range(operator: Operator, result: Tensor) -> tuple[float, float]:
    """Output range of the fused activation, one of `ACTIVATIONS`."""
    if operator.activation not in ACTIVATIONS:
        raise refuse(operator, f"fused activation {operator.activation!r}", f"allowed: {', '.join(ACTIVATIONS)}")
    return activation_range(operator.activation, result)


def settle(operator: Operator, find: Callable[..., Found], *values: object) -> Found:
    """The integers a kernel computes with; ModelError where the scales give none."""
    try:
        return find(*values)
    except ValueError as error:
        raise refuse(operator, str(error), "check the scales of its tensors") from error


def call_kernel(
    program: Program, operator: Operator, kernel: str, kind: str, fields: Mapping[str, object],
    *, unit: str, inputs: int = 1, states: Sequence[int] = (), scratch: tuple[int, ...] = (0, 0, 0),
) -> Lowered:  # fmt: skip
    """One call of a kernel of the unit's file: struct, the first `inputs`, states, scratch as int32 if any, output."""
    values = {key: f"{{{', '.join(map(literal, value))}}}" if isinstance(value, tuple) else literal(value)
              for key, value in fields.items()}  # fmt: skip
    rows = [f"        .{key} = {value}," for key, value in values.items()]
    struct = "\n".join([f"    static const {program.name}_{kind} arguments = {{", *rows, "    };"])
    places = [program.place(tensor) for tensor in (*operator.inputs[:inputs], *states)]
    places += ["(int32_t *)(void *)SCRATCH"] * any(scratch) + [program.place(operator.outputs[0])]
    call = f"{program.name}_{kernel}(&arguments, {', '.join(places)});"
    return Lowered(f"{struct}\n    {call}\n    return 0;", kernels=(unit,), scratch=scratch)
