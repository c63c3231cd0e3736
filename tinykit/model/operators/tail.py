"""What kernels allocate for good while they are prepared, in bytes: it stays in the tail of the arena.

Multipliers and shifts of each channel, tables, copies of dimensions, decoders, variables, and with CMSIS-NN sums of
weights; sizes of a 32-bit target.
"""

from __future__ import annotations

from collections.abc import Callable

from tinykit.model.operators.call import Call
from tinykit.model.operators.cmsis import goes_as_convolution

TailRule = Callable[[Call, str, bool], tuple[int, ...]]
"""Call, core family, and whether CMSIS-NN's kernels run -> bytes of each allocation."""

POINTER_BYTES = 4
_SOFTMAX_TABLE_BYTES = 1026
_DECODE_STATE_BYTES = 40
"""One decoder of a DECODE operator, 36 or 40 bytes (72 or 80 on a 64-bit host, as the interpreter records there)."""


def _channels(call: Call, family: str, cmsis: bool) -> tuple[int, ...]:
    return (4 * call.outputs[0].shape[-1],) * 2


def _integer_channels(call: Call, family: str, cmsis: bool) -> tuple[int, ...]:
    return () if cmsis and call.outputs[0].dtype == "float32" else _channels(call, family, cmsis)


def _units(call: Call, family: str, cmsis: bool) -> tuple[int, ...]:
    """For scales of its own, and once more where CMSIS-NN hands them on to a convolution."""
    own = len(call.read(1).scales) > 1
    return _channels(call, family, cmsis) * (own + (cmsis and goes_as_convolution(call)))


def _operands(call: Call, family: str, cmsis: bool) -> tuple[int, ...]:
    return (4 * len(call.inputs),) * 2 if call.outputs[0].dtype == "int8" else ()


def _softmax_tables(call: Call, family: str, cmsis: bool) -> tuple[int, ...]:
    return (_SOFTMAX_TABLE_BYTES,) * 2 if call.read(0).dtype == "int16" else ()


def _dimensions(call: Call, family: str, cmsis: bool) -> tuple[int, ...]:
    """Kernels that write the output's shape keep a copy of it, a length and one int32 a dimension."""
    return (4 + 4 * len(call.outputs[0].shape),)


def _decoders(call: Call, family: str, cmsis: bool) -> tuple[int, ...]:
    return (POINTER_BYTES * len(call.outputs), *(_DECODE_STATE_BYTES for _ in call.outputs))


def _filter_sums(call: Call, family: str, cmsis: bool) -> tuple[int, ...]:
    """One sum of weights for each filter of an integer SVDF, with CMSIS-NN on Helium."""
    kept = cmsis and family == "mve" and call.read(0).dtype in ("int8", "int16")
    return (4 * call.read(1).shape[0],) if kept else ()


def _gate_sums(call: Call, family: str, cmsis: bool) -> tuple[int, ...]:
    """With CMSIS-NN on every core, one sum a unit for the input and the state of each of an integer LSTM's gates."""
    size = {"int8": 4, "int16": 8}.get(call.read(0).dtype, 0)
    return (size * call.outputs[0].shape[-1],) * 8 if cmsis and size else ()


def _variable(call: Call, family: str, cmsis: bool) -> tuple[int, ...]:
    """What is assigned lies in a buffer of its own; an operator for each assignment is taken for a variable each."""
    return (call.read(1).nbytes,)


RULES: dict[str, TailRule] = {
    "channels": _channels,
    "integer channels": _integer_channels,
    "units": _units,
    "operands": _operands,
    "softmax tables": _softmax_tables,
    "dimensions": _dimensions,
    "decoders": _decoders,
    "filter sums": _filter_sums,
    "gate sums": _gate_sums,
    "variable": _variable,
}
