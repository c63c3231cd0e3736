"""The words of the .tflite schema: operator and type names, and which slot of a table holds what.

Source: tensorflow/compiler/mlir/lite/schema/schema.fbs (TensorFlow 2.21), enums and field order.
"""

from tinykit.ground.facts import read_csv, shipped_path

IDENTIFIER = b"TFL3"

OPERATOR_NAMES = tuple(row["name"] for row in read_csv(shipped_path("data", "operator_codes.csv")).rows)
"""Names of the builtin operators, by their code."""

CUSTOM_CODE = 32
"""The builtin code that marks a custom operator."""

_TYPES = read_csv(shipped_path("data", "tensor_types.csv")).rows
TYPE_NAMES = tuple(row["name"] for row in _TYPES)
"""Names of the tensor types, by their code."""
BITS_OF_TYPE = {row["name"]: int(row["bits"]) for row in _TYPES if row["bits"]}
"""Bits of one element; types without an entry have no fixed size."""
PACKED = frozenset(name for name, bits in BITS_OF_TYPE.items() if bits < 8)
"""Types of which several elements share a byte, the first in the low bits."""

PADDINGS = ("SAME", "VALID")
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")


class Model:
    """Slots of table Model."""

    VERSION, OPERATOR_CODES, SUBGRAPHS, DESCRIPTION, BUFFERS = 0, 1, 2, 3, 4
    METADATA = 6


class OperatorCode:
    """Slots of table OperatorCode."""

    DEPRECATED_BUILTIN, CUSTOM, VERSION, BUILTIN = 0, 1, 2, 3


class SubGraph:
    """Slots of table SubGraph."""

    TENSORS, INPUTS, OUTPUTS, OPERATORS = 0, 1, 2, 3


class Tensor:
    """Slots of table Tensor."""

    SHAPE, TYPE, BUFFER, NAME, QUANTISATION, IS_VARIABLE, SPARSITY, SHAPE_SIGNATURE = 0, 1, 2, 3, 4, 5, 6, 7
    HAS_RANK, VARIANTS, EXTERNAL_BUFFER = 8, 9, 10


class Quantisation:
    """Slots of table QuantizationParameters."""

    SCALE, ZERO_POINT, DETAILS_TYPE, DIMENSION = 2, 3, 4, 6


class Operator:
    """Slots of table Operator."""

    CODE_INDEX, INPUTS, OUTPUTS, OPTIONS_TYPE, OPTIONS = 0, 1, 2, 3, 4
    CUSTOM_OPTIONS, CUSTOM_FORMAT, MUTATING, INTERMEDIATES = 5, 6, 7, 8
    LARGE_CUSTOM_OFFSET, OPTIONS_2_TYPE = 9, 11


class Buffer:
    """Slots of table Buffer."""

    DATA, OFFSET, SIZE = 0, 1, 2


class Metadata:
    """Slots of table Metadata."""

    NAME, BUFFER = 0, 1
