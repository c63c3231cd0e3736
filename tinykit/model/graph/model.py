"""What a .tflite file holds, as plain frozen values: operators, tensors, and the kernels whose weights multiply."""

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from tinykit.ground.errors import ModelError
from tinykit.ground.results import Result
from tinykit.model.operators.rules import Call, Operand

_NUMPY_TYPES = {
    "float32": "<f4", "int8": "<i1", "uint8": "<u1", "bool": "|b1", "int16": "<i2", "int32": "<i4", "int64": "<i8",
}  # fmt: skip


INT4 = "int4"


def unpack_nibbles(packed: bytes, count: int) -> np.ndarray:
    """The first `count` numbers -8…7 of packed int4, low half of each byte first, as int8."""
    held = np.frombuffer(packed, np.int8, (count + 1) // 2)
    return np.stack([held << 4 >> 4, held >> 4], axis=-1).reshape(-1)[:count]


@dataclass(frozen=True, slots=True)
class Tensor(Result):
    """One tensor of the main subgraph.

    Parameters
    ----------
    index, name, shape, dtype : as in the file; the name is untrusted text.
    nbytes : bytes of its elements (`shape` × element size), 0 where the type has no fixed size.
    is_constant, is_variable : held by the file; kept between invocations.
    scales, zero_points, quantised_dimension : quantisation, empty where there is none.
    signature : sizes with -1 for those that the converter left open; empty where there are none.
    data_start : where its constant begins in the file.
    data_bytes : how long that is; 0 without.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    is_constant: bool
    is_variable: bool
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    quantised_dimension: int = 0
    signature: tuple[int, ...] = ()
    data_start: int = 0
    data_bytes: int = 0

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def operand(self) -> Operand:
        """What a kernel sees of it."""
        return Operand(self.shape, self.dtype, self.nbytes, len(self.scales))


@dataclass(frozen=True, slots=True)
class Operator(Result):
    """One operator of the main subgraph, in execution order.

    Parameters
    ----------
    index, name, version : position; "CONV_2D" or "CUSTOM:…"; version of the operator.
    inputs, outputs : tensor indices, -1 for an input left out.
    macs : multiply-accumulates of one invocation (1 MAC = 2 ops).
    stride, dilation, filter : (height, width); filter of pools only.
    padding, activation, depth_multiplier, axis, beta : options, "" or 0 where the operator has none.
    options : all the options that its row names, (name, number) each; `option` finds one.
    """

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    macs: int = 0
    version: int = 1
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    filter: tuple[int, int] = (0, 0)
    padding: str = ""
    activation: str = ""
    depth_multiplier: int = 0
    axis: int = 0
    beta: float = 0.0
    options: tuple[tuple[str, float], ...] = ()

    def option(self, name: str) -> float:
        """One of its options as a number, 0 where it has none of that name."""
        return dict(self.options).get(name, 0)

    def list_calls(self) -> tuple[int, ...]:
        """The subgraphs that it runs, by their place in the file."""
        return tuple(int(value) for name, value in self.options if "subgraph" in name)


class Precision(StrEnum):
    """Types of activations and weights; hybrid where some operator has float activations and integer weights.

    One operator with int4 weights among int8 ones makes a model "int8x4", whose kernels and cost are others.
    """

    INT8 = "int8"
    INT8X4 = "int8x4"
    INT16 = "int16"
    INT16X8 = "int16x8"
    FLOAT32 = "float32"
    HYBRID = "hybrid"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True, eq=False)
class ModelGraph(Result):
    """A .tflite model: operators, tensors and the bytes it came from. Equal only to itself: compare `sha256`.

    Parameters
    ----------
    path, sha256, flatbuffer_bytes, data : where it came from, hash, size and content of the file.
    operators, tensors, inputs, outputs : of the main subgraph; inputs and outputs are tensor indices.
    precision : of the operators that hold weights; of the activations where none does.
    subgraphs : number of subgraphs in the file; only the first is read.
    metadata : names of the metadata entries.
    offline_offsets : offset in the arena of each tensor that the file plans itself, -1 where TFLM plans it; empty
        without an offline plan.
    """

    LINE = ("operators", "macs", "flatbuffer_bytes", "precision", "path")

    path: str
    sha256: str
    flatbuffer_bytes: int
    data: bytes = field(repr=False)
    operators: tuple[Operator, ...] = field(repr=False)
    tensors: tuple[Tensor, ...] = field(repr=False)
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    precision: Precision
    subgraphs: int = 1
    metadata: tuple[str, ...] = ()
    offline_offsets: tuple[int, ...] = field(default=(), repr=False)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(operator.macs for operator in self.operators)

    @property
    def weight_bytes(self) -> int:
        """Bytes of the constant tensors; a buffer that several tensors share counts once."""
        spans = {tensor.data_start: tensor.data_bytes for tensor in self.tensors if tensor.is_constant}
        return sum(spans.values())

    def operator_counts(self) -> dict[str, int]:
        """How often each operator occurs, the most frequent first."""
        return dict(Counter(operator.name for operator in self.operators).most_common())

    def call(self, operator: Operator) -> Call:
        """One of the operators with its tensors, as its kernel is handed it."""
        inputs = tuple(self.tensors[index].operand if index >= 0 else None for index in operator.inputs)
        outputs = tuple(self.tensors[index].operand for index in operator.outputs)
        return Call(
            operator.name, inputs, outputs, operator.stride, operator.dilation, operator.padding,
            operator.depth_multiplier,
        )  # fmt: skip

    def constant(self, index: int) -> np.ndarray:
        """The values of a constant tensor, read-only, of its shape; those of int4 as int8.

        Raises ModelError: no such tensor, or it is no constant, sparse, or of a type without a numpy counterpart.
        """
        if not 0 <= index < len(self.tensors):
            raise ModelError(f"tensor {index} is not in the graph; it has 0 to {len(self.tensors) - 1}")
        tensor = self.tensors[index]
        if tensor.is_constant and tensor.data_bytes != tensor.nbytes:
            raise ModelError(
                f"tensor {index} is stored sparse ({tensor.data_bytes} of {tensor.nbytes} bytes), which TFLM does not "
                "run either; convert without EXPERIMENTAL_SPARSITY"
            )
        if tensor.is_constant and tensor.dtype == INT4:
            held = self.data[tensor.data_start : tensor.data_start + tensor.nbytes]
            return unpack_nibbles(held, tensor.elements).reshape(tensor.shape)
        if not tensor.is_constant or tensor.dtype not in _NUMPY_TYPES:
            raise ModelError(
                f"tensor {index} is no constant of a plain type ({tensor.dtype}); ask for a weight or bias tensor"
            )
        flat = np.frombuffer(self.data, _NUMPY_TYPES[tensor.dtype], tensor.elements, tensor.data_start)
        return flat.reshape(tensor.shape)

    def __str__(self) -> str:
        return (
            f"{self.path}: {len(self.operators)} operators, {self.macs:,} MACs, "
            f"{self.flatbuffer_bytes:,} flatbuffer bytes, {self.precision}"
        )
