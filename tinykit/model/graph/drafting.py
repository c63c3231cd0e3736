"""A model tree on its way: tensors, constants and operators are added one by one."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.model.graph.schema import OPERATOR_NAMES, TYPE_NAMES
from tinykit.model.graph.tree import OPTION_FIELDS, CodeNode, GraphNode, ModelTree, OperatorNode, Options, TensorNode
from tinykit.model.operators.table import row_of

Array = NDArray[Any]
_SLOTS = {"keep_dims": 0, "keep_num_dims": 2, "new_shape": 0}
"""Options that `data/operators.csv` does not name."""
_TABLES = {fields.partition(":")[0]: place for place, fields in enumerate(OPTION_FIELDS)}


class Draft:
    """The tensors, operators and constants written so far."""

    def __init__(self) -> None:
        self.tensors: list[TensorNode] = []
        self.buffers: dict[bytes, int] = {b"": 0}
        self.codes: dict[CodeNode, int] = {}
        self.operators: list[OperatorNode] = []

    def add(
        self, shape: Sequence[int], scale: Array, zero: Array, *, axis: int = 0, data: Array | None = None,
        kind: str = "int8", is_variable: bool = False
    ) -> int:  # fmt: skip
        """A tensor of a kind, or a constant of its data's."""
        content = b"" if data is None else np.ascontiguousarray(data).tobytes()
        code = TYPE_NAMES.index(kind if data is None else data.dtype.name)
        place, scales = self.buffers.setdefault(content, len(self.buffers)), np.asarray(scale, "<f4").tobytes()
        zeros = np.asarray(zero, "<i8").tobytes()
        self.tensors.append(TensorNode(tuple(map(int, shape)), code, place, scales, zeros, axis, is_variable))
        return len(self.tensors) - 1

    def name(self, index: int, name: str) -> TensorNode:
        """Give a tensor the name that people know it by."""
        self.tensors[index] = replace(self.tensors[index], name=name.encode(errors="replace")[:256])
        return self.tensors[index]

    def constant(self, numbers: Sequence[Any] | Array) -> int:
        """A tensor of int32 that an operator reads its settings from."""
        data = np.asarray(numbers, np.int32)
        return self.add(data.shape, np.empty(0), np.empty(0), data=data)

    def emit(
        self, kind: str, inputs: Sequence[int], output: int, *, version: int, table: str,
        options: Mapping[str, float | bytes]
    ) -> int:  # fmt: skip
        """An operator of one output, which is returned; options by name, in a table of the schema."""
        code, place = CodeNode(OPERATOR_NAMES.index(kind), b"", version), _TABLES[table]
        slots, letters = row_of(kind).options or {}, OPTION_FIELDS[place].partition(":")[2]
        fields = []
        for key, value in options.items():
            slot = slots[key].slot if key in slots else _SLOTS[key]
            bits = int.from_bytes(struct.pack("<f", value), "little") if isinstance(value, float) else value
            fields.append((slot, letters[slot], bits if isinstance(bits, bytes) else int(bits)))
        made = Options(place, tuple(fields)) if place else None
        number = self.codes.setdefault(code, len(self.codes))
        self.operators.append(OperatorNode(number, tuple(inputs), (output,), made))
        return output

    def finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> ModelTree:
        """All of it as a model tree."""
        graph = GraphNode(tuple(self.tensors), tuple(inputs), tuple(outputs), tuple(self.operators))
        return ModelTree(tuple(self.codes), (graph,), tuple(self.buffers))
