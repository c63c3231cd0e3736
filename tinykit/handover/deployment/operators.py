"""Which `Add…` call of `MicroMutableOpResolver` registers an operator.

Names as in TFLM's `micro_mutable_op_resolver.h` (to commit 8f6596d); a test asks the interpreter itself whether it
has each of these operators.
"""

from __future__ import annotations

from tinykit.ground.errors import ModelError, name_nearest
from tinykit.model.operators import list_rows, row_of

OPERATORS = frozenset(row.name for row in list_rows().values() if row.method)
"""Every operator that TFLM can register, under the name `tinykit.model.graph` gives it."""


def add_method(operator: str) -> str:
    """The resolver's method for an operator.

    Raises
    ------
    ModelError : TFLM has no such operator.

    >>> add_method("DEPTHWISE_CONV_2D"), add_method("RELU6"), add_method("PADV2")
    ('AddDepthwiseConv2D', 'AddRelu6', 'AddPadV2')
    """
    method = row_of(operator).method
    if method is None:
        raise ModelError(
            f"TFLM has no kernel for operator {operator}; {name_nearest(operator, OPERATORS)}\n"
            "replace the layer, or register a kernel of your own with AddCustom in firmware"
        )
    return f"Add{method}"
