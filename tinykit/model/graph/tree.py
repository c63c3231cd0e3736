"""All of a model that an interpreter reads, as plain frozen values: what a rewriter needs and `ModelGraph` leaves out.

What only people and converters read (names, signatures, description, ranges, symbolic shapes) is left behind here, so
that a tree which is written again is already lean. The file is read through the bounds-checked reader of
`tinykit.model.graph`.
"""

from dataclasses import dataclass, field

from tinykit.ground.errors import ModelError
from tinykit.ground.facts import read_csv, shipped_path
from tinykit.model.graph import schema
from tinykit.model.graph.flatbuffer import OFFLINE_PLAN, FlatBuffer, Table
from tinykit.model.graph.reading import locate_buffer, take_tables

_OLD_COMPRESSION = "COMPRESSION_METADATA"
OPTION_FIELDS = tuple(f"{row['table']}:{row['fields']}" for row in read_csv(shipped_path("data", "options.csv")).rows)
"""Table of options by union code: its name, then one letter a field."""

_LAYOUTS = {"b": "<b", "i": "<i", "q": "<q"}


@dataclass(frozen=True, slots=True)
class TensorNode:
    """A tensor: shape, type code of the schema, buffer (0: none), and its quantisation as raw little-endian numbers.

    `scales` are float32 and `zero_points` int64, empty where the tensor has none; `dimension` is what they go along.
    A name is written where one is given, and not read.
    """

    shape: tuple[int, ...]
    code: int
    buffer: int = 0
    scales: bytes = b""
    zero_points: bytes = b""
    dimension: int = 0
    is_variable: bool = False
    name: bytes = b""


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an operator: code of the table in the union, and (slot, letter, value) of each field present."""

    code: int
    fields: tuple[tuple[int, str, int | bytes], ...]


@dataclass(frozen=True, slots=True)
class OperatorNode:
    """An operator: index of its code, tensors (-1: left out), options, and what custom operators carry."""

    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options | None = None
    custom: bytes = b""
    mutating: bytes = b""
    intermediates: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeNode:
    """An operator code: builtin number (32: custom), name of a custom operator, version."""

    builtin: int
    custom: bytes = b""
    version: int = 1


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A subgraph; operators in execution order."""

    tensors: tuple[TensorNode, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[OperatorNode, ...]


@dataclass(frozen=True, slots=True)
class ModelTree:
    """A model: operator codes, subgraphs (the first is the main one), buffers (the first is empty), offline plans."""

    codes: tuple[CodeNode, ...]
    graphs: tuple[GraphNode, ...]
    buffers: tuple[bytes, ...] = field(repr=False)
    plans: tuple[bytes, ...] = ()

    @property
    def main(self) -> GraphNode:
        """The subgraph that an inference runs."""
        return self.graphs[0]


def read_tree(data: bytes) -> ModelTree:
    """Read a .tflite file for rewriting.

    ModelError : damaged, sparse, quantised by blocks, with StableHLO operators or weights in another file, or already
    compressed by TFLM's older scheme.
    """
    model = FlatBuffer(data).root(schema.IDENTIFIER)
    buffers = tuple(_read_buffer(data, table) for table in take_tables(model, schema.Model.BUFFERS, "buffers"))
    codes = tuple(_read_code(table) for table in take_tables(model, schema.Model.OPERATOR_CODES, "codes"))
    graphs = tuple(_read_graph(table, len(codes)) for table in take_tables(model, schema.Model.SUBGRAPHS, "subgraphs"))
    if not graphs:
        raise ModelError("the model has no subgraph; convert it again")
    used = [tensor.buffer for graph in graphs for tensor in graph.tensors]
    if max(used, default=0) >= max(1, len(buffers)):
        raise ModelError(f"a tensor refers to buffer {max(used)} of {len(buffers)}; the file is damaged")
    return ModelTree(codes, graphs, buffers or (b"",), _read_plans(model, buffers))


def _read_buffer(data: bytes, table: Table) -> bytes:
    start, count = locate_buffer(table)
    if not table.field(schema.Buffer.DATA):
        table.buffer.take(count, 1, start)
    return data[start : start + count]


def _read_plans(model: Table, buffers: tuple[bytes, ...]) -> tuple[bytes, ...]:
    plans = []
    for entry in take_tables(model, schema.Model.METADATA, "metadata"):
        name, place = entry.text(schema.Metadata.NAME), entry.number(schema.Metadata.BUFFER, "<I")
        if name == _OLD_COMPRESSION:
            raise ModelError(f"the model is compressed already ({name}); pack the model it was made from")
        if name == OFFLINE_PLAN:
            if place >= len(buffers):
                raise ModelError(f"the offline plan refers to buffer {place} of {len(buffers)}; the file is damaged")
            plans.append(buffers[place])
    return tuple(plans)


def _read_code(table: Table) -> CodeNode:
    slots = schema.OperatorCode
    builtin = max(table.number(slots.DEPRECATED_BUILTIN, "<b"), table.number(slots.BUILTIN, "<i"))
    return CodeNode(builtin, table.array(slots.CUSTOM, "<u1").tobytes(), table.number(slots.VERSION, "<i", 1))


def _read_graph(table: Table, codes: int) -> GraphNode:
    slots = schema.SubGraph
    tensors = tuple(_read_tensor(*one) for one in enumerate(take_tables(table, slots.TENSORS, "tensors")))
    operators = tuple(_read_operator(*one) for one in enumerate(take_tables(table, slots.OPERATORS, "operators")))
    ends = [_read_indices(table, slot) for slot in (slots.INPUTS, slots.OUTPUTS)]
    named = [ends[0], ends[1], *(indices for one in operators for indices in (one.outputs, one.intermediates))]
    named += [tuple(max(0, index) for index in one.inputs) for one in operators]
    wrong = [index for indices in named for index in indices if not 0 <= index < max(1, len(tensors))]
    wrong += [one.code for one in operators if one.code >= codes]
    if wrong:
        raise ModelError(
            f"an operator refers to tensor or code {wrong[0]} of {len(tensors)} and {codes}: the file is damaged"
        )
    return GraphNode(tensors, ends[0], ends[1], operators)


def _read_indices(table: Table, slot: int) -> tuple[int, ...]:
    return tuple(int(index) for index in table.array(slot, "<i4"))


def _read_tensor(index: int, table: Table) -> TensorNode:
    slots, quantised = schema.Tensor, schema.Quantisation
    for slot, what in ((slots.SPARSITY, "sparse"), (slots.VARIANTS, "a variant"), (slots.EXTERNAL_BUFFER, "external")):
        if table.field(slot):
            raise ModelError(f"tensor {index} is {what}, which TFLM does not run; convert without it")
    scales = zero_points = b""
    dimension = 0
    quantisation = table.table(slots.QUANTISATION)
    if quantisation is not None:
        if quantisation.number(quantised.DETAILS_TYPE, "<B"):
            raise ModelError(f"tensor {index} is quantised by blocks or axes, which TFLM does not run; convert to int8")
        scales = quantisation.array(quantised.SCALE, "<f4").tobytes()
        zero_points = quantisation.array(quantised.ZERO_POINT, "<i8").tobytes()
        dimension = quantisation.number(quantised.DIMENSION, "<i")
    return TensorNode(
        _read_indices(table, slots.SHAPE), table.number(slots.TYPE, "<b"), table.number(slots.BUFFER, "<I"),
        scales, zero_points, dimension, bool(table.number(slots.IS_VARIABLE, "<b")),
    )  # fmt: skip


def _read_operator(index: int, table: Table) -> OperatorNode:
    slots = schema.Operator
    if table.number(slots.LARGE_CUSTOM_OFFSET, "<Q") > 1:
        raise ModelError(f"operator {index} keeps its options behind the flatbuffer; convert without use_buffer_offset")
    return OperatorNode(
        table.number(slots.CODE_INDEX, "<I"), _read_indices(table, slots.INPUTS), _read_indices(table, slots.OUTPUTS),
        _read_options(table, index), table.array(slots.CUSTOM_OPTIONS, "<u1").tobytes(),
        table.array(slots.MUTATING, "<u1").tobytes(), _read_indices(table, slots.INTERMEDIATES),
    )  # fmt: skip


def _read_options(operator: Table, index: int) -> Options | None:
    """Options of the operator table `index`, None where it has none; ModelError where they are of a newer schema."""
    code = operator.number(schema.Operator.OPTIONS_TYPE, "<B")
    table = operator.table(schema.Operator.OPTIONS)
    if operator.number(schema.Operator.OPTIONS_2_TYPE, "<B"):
        raise ModelError(f"operator {index} has options of StableHLO, which TFLM does not run; use builtins of TFLite")
    if not code or table is None:
        return None
    letters = OPTION_FIELDS[code].partition(":")[2] if code < len(OPTION_FIELDS) else None
    present = [slot for slot in range((table.field_limit() - 4) // 2) if table.field(slot)]
    if letters is None or any(slot >= len(letters) for slot in present):
        raise ModelError(
            f"operator {index} has options of a newer schema (table {code}, fields {present}); "
            "convert the model with TensorFlow 2.21 or older"
        )
    return Options(code, tuple((slot, letters[slot], _read_field(table, slot, letters[slot])) for slot in present))


def _read_field(table: Table, slot: int, letter: str) -> int | bytes:
    if letter in _LAYOUTS:
        return table.number(slot, _LAYOUTS[letter])
    return table.array(slot, "<u4" if letter == "V" else "<u1").tobytes()
