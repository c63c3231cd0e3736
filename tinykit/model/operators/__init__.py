"""Operators: what the kit knows of each, one row an operator, with the rules its cells name."""

from tinykit.model.operators.rules import EARLIER, EXPORTED, NEWEST, Call, Kernels, Operand, Shape
from tinykit.model.operators.table import ANY_RANK, LEFT_OUT, OperatorRow, Option, Tail, Weights, list_rows, row_of

DECODE = "CUSTOM:TFLM_DECODE"
"""TFLM's operator that decodes stored weights into the arena."""

NPU = "CUSTOM:ethos-u"
"""What Arm's compiler leaves of the operators that it hands to an Ethos-U."""

__all__ = [
    "ANY_RANK", "DECODE", "EARLIER", "EXPORTED", "LEFT_OUT", "NEWEST", "NPU", "Call", "Kernels", "Operand",
    "OperatorRow", "Option", "Shape", "Tail", "Weights", "list_rows", "row_of",
]  # fmt: skip
