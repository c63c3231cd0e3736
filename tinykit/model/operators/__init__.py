"""Operators: what the kit knows of each, one row an operator, with the rules its cells name."""

from tinykit.model.operators.call import Call, Shape
from tinykit.model.operators.cmsis import EARLIER, EXPORTED, NEWEST, sum_units
from tinykit.model.operators.row import ANY_RANK, LEFT_OUT, OperatorRow, Option, Tail, Weights
from tinykit.model.operators.table import list_rows, row_of

DECODE = "CUSTOM:TFLM_DECODE"
"""TFLM's operator that decodes stored weights into the arena."""

NPU = "CUSTOM:ethos-u"
"""What Arm's compiler leaves of the operators that it hands to an Ethos-U."""


def keeps_sums(name: str) -> bool:
    """Whether an operator's kernel sums its weights in scratch with Helium, which a build for speed keeps instead."""
    return row_of(name).scratch_cmsis is sum_units


__all__ = [
    "ANY_RANK",
    "DECODE",
    "EARLIER",
    "EXPORTED",
    "LEFT_OUT",
    "NEWEST",
    "NPU",
    "Call",
    "OperatorRow",
    "Option",
    "Shape",
    "Tail",
    "Weights",
    "keeps_sums",
    "list_rows",
    "row_of",
]
