"""A model tree as the smallest .tflite file that holds it.

Written with the flatbuffers package: equal vtables are stored once. So are equal vectors, quantisations, options,
tensors and buffers here, which a flatbuffer allows since its parts are found by offset. Constants begin on 16-byte
boundaries, as the schema demands.
"""

from collections.abc import Callable, Hashable, Sequence

import flatbuffers
import numpy as np

from tinykit.model.graph import schema
from tinykit.model.graph.flatbuffer import OFFLINE_PLAN, write_vector
from tinykit.model.graph.tree import OPTION_FIELDS, CodeNode, GraphNode, ModelTree, OperatorNode, Options, TensorNode

_SCHEMA_VERSION = 3
_LAST_OLD_CODE = 127
_CONSTANT_ALIGNMENT = 16


def write_tree(tree: ModelTree) -> bytes:
    """The model as .tflite bytes; buffers no tensor uses are left out."""
    return _Writer(tree).finish()


class _Writer:
    """Children before parents, as a flatbuffer is built; `_once` finds what was written before."""

    def __init__(self, tree: ModelTree) -> None:
        self._tree = tree
        self._builder = flatbuffers.Builder(sum(map(len, tree.buffers)) + 4096)
        self._written: dict[Hashable, int] = {}
        self._places: dict[bytes, int] = {b"": 0}

    def finish(self) -> bytes:
        tree, builder = self._tree, self._builder
        for graph in tree.graphs:
            for tensor in graph.tensors:
                self._place(tree.buffers[tensor.buffer])
        plans = [self._place(plan) for plan in tree.plans]
        buffers = self._tables([self._buffer(content) for content in self._places])
        entries = [self._table(2, {schema.Metadata.NAME: self._string(OFFLINE_PLAN.encode())},
                               {schema.Metadata.BUFFER: place}) for place in plans]  # fmt: skip
        links = {
            schema.Model.BUFFERS: buffers,
            schema.Model.SUBGRAPHS: self._tables([self._graph(graph) for graph in tree.graphs]),
            schema.Model.OPERATOR_CODES: self._tables([self._code(code) for code in tree.codes]),
        }
        if entries:
            links[schema.Model.METADATA] = self._tables(entries)
        builder.Finish(self._table(7, links, {schema.Model.VERSION: _SCHEMA_VERSION}), schema.IDENTIFIER)
        return bytes(builder.Output())

    def _place(self, content: bytes) -> int:
        """Number of the buffer with this content."""
        return self._places.setdefault(content, len(self._places))

    def _buffer(self, content: bytes) -> int:
        return self._table(1, {schema.Buffer.DATA: self._vector(content, 1, _CONSTANT_ALIGNMENT)} if content else {})

    def _code(self, code: CodeNode) -> int:
        slots = schema.OperatorCode
        links = {slots.CUSTOM: self._string(code.custom)} if code.custom else {}
        numbers = {slots.BUILTIN: code.builtin}
        if code.version != 1:
            numbers[slots.VERSION] = code.version
        return self._table(4, links, numbers, {slots.DEPRECATED_BUILTIN: min(code.builtin, _LAST_OLD_CODE)})

    def _graph(self, graph: GraphNode) -> int:
        slots = schema.SubGraph
        links = {
            slots.TENSORS: self._tables([self._tensor(tensor) for tensor in graph.tensors]),
            slots.INPUTS: self._indices(graph.inputs),
            slots.OUTPUTS: self._indices(graph.outputs),
            slots.OPERATORS: self._tables([self._operator(operator) for operator in graph.operators]),
        }
        return self._table(4, links)

    def _tensor(self, tensor: TensorNode) -> int:
        slots, links = schema.Tensor, {schema.Tensor.SHAPE: self._indices(tensor.shape)}
        if tensor.name:
            links[slots.NAME] = self._string(tensor.name)
        if tensor.scales or tensor.zero_points:
            links[slots.QUANTISATION] = self._quantisation(tensor)
        place = self._places[self._tree.buffers[tensor.buffer]]
        small = {slots.TYPE: tensor.code} | ({slots.IS_VARIABLE: 1} if tensor.is_variable else {})
        small |= {} if tensor.shape else {slots.HAS_RANK: 1}
        return self._table(9, links, {slots.BUFFER: place} if place else {}, small)

    def _quantisation(self, tensor: TensorNode) -> int:
        slots = schema.Quantisation
        links = {slots.SCALE: self._vector(tensor.scales, 4), slots.ZERO_POINT: self._vector(tensor.zero_points, 8)}
        return self._table(7, links, {slots.DIMENSION: tensor.dimension} if tensor.dimension else {})

    def _operator(self, operator: OperatorNode) -> int:
        slots = schema.Operator
        links = {slots.INPUTS: self._indices(operator.inputs), slots.OUTPUTS: self._indices(operator.outputs)}
        small: dict[int, int] = {}
        options = operator.options
        if options is not None:
            links[slots.OPTIONS] = self._once(options, lambda: _write_options(self._builder, options))
            small[slots.OPTIONS_TYPE] = options.code
        if operator.custom:
            links[slots.CUSTOM_OPTIONS] = self._vector(operator.custom, 1, 4)
        if any(operator.mutating):
            links[slots.MUTATING] = self._vector(operator.mutating, 1, 4)
        if operator.intermediates:
            links[slots.INTERMEDIATES] = self._indices(operator.intermediates)
        return self._table(9, links, {slots.CODE_INDEX: operator.code} if operator.code else {}, small)

    # parts of any table

    def _once(self, key: Hashable, write: Callable[[], int]) -> int:
        if key not in self._written:
            self._written[key] = write()
        return self._written[key]

    def _vector(self, content: bytes, item_bytes: int, alignment: int = 0) -> int:
        key = ("vector", content, item_bytes, alignment)
        return self._once(key, lambda: write_vector(self._builder, content, item_bytes, alignment or item_bytes))

    def _indices(self, indices: Sequence[int]) -> int:
        return self._vector(np.asarray(indices, "<i4").tobytes(), 4)

    def _string(self, text: bytes) -> int:
        return self._once(("string", text), lambda: int(self._builder.CreateString(text)))

    def _tables(self, offsets: Sequence[int]) -> int:
        def write() -> int:
            start = (self._builder.Offset() + 3) // 4 * 4 + 4 * len(offsets)
            content = start - 4 * np.arange(len(offsets)) - np.asarray(offsets, np.int64)
            return write_vector(self._builder, content.astype("<u4").tobytes(), 4, 4)

        return self._once(("tables", tuple(offsets)), write)

    def _table(
        self, slots: int, links: dict[int, int], numbers: dict[int, int] | None = None,
        small: dict[int, int] | None = None,
    ) -> int:  # fmt: skip
        """A table of links, of 4-byte and of 1-byte numbers, by slot; nothing in it is left at its default."""
        wide, narrow = numbers or {}, small or {}

        def write() -> int:
            self._builder.StartObject(slots)
            for slot, offset in links.items():
                self._builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
            for slot, value in wide.items():
                self._builder.PrependUint32(value & 0xFFFFFFFF)
                self._builder.Slot(slot)
            for slot, value in narrow.items():
                self._builder.PrependUint8(value & 0xFF)
                self._builder.Slot(slot)
            return int(self._builder.EndObject())

        return self._once(("table", slots, *(tuple(part.items()) for part in (links, wide, narrow))), write)


def _write_options(builder: flatbuffers.Builder, options: Options) -> int:
    """Offset of a copy of the options."""
    links = {slot: _write_bytes(builder, letter, value) for slot, letter, value in options.fields if letter in "VS"}
    builder.StartObject(len(OPTION_FIELDS[options.code].partition(":")[2]))
    for slot, letter, value in sorted(options.fields, key=lambda field: "qiVSb".index(field[1])):
        if letter in "VS":
            builder.PrependUOffsetTRelativeSlot(slot, links[slot], 0)
        else:
            prepend = {"b": builder.PrependInt8, "i": builder.PrependInt32, "q": builder.PrependInt64}[letter]
            prepend(value)
            builder.Slot(slot)
    return int(builder.EndObject())


def _write_bytes(builder: flatbuffers.Builder, letter: str, value: int | bytes) -> int:
    content = value if isinstance(value, bytes) else b""
    return int(builder.CreateString(content)) if letter == "S" else write_vector(builder, content, 4, 4)
