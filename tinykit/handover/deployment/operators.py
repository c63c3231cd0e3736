"""Which `Add…` call of `MicroMutableOpResolver` registers an operator.

Names as in TFLM's `micro_mutable_op_resolver.h` (to commit 8f6596d); a test asks the interpreter itself whether it
has each of these operators.
"""

from __future__ import annotations

from collections.abc import Iterable

from tinykit.ground.errors import ModelError, name_nearest

_BUILTIN = frozenset(
    "ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS "
    "BROADCAST_TO CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV "
    "DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED "
    "GATHER GATHER_ND GREATER GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG "
    "LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG "
    "NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE "
    "RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX "
    "SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF "
    "TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE".split()
)
_IRREGULAR = {
    "BATCH_MATMUL": "BatchMatMul",
    "CUMSUM": "CumSum",
    "PADV2": "PadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
    "CUSTOM:CIRCULAR_BUFFER": "CircularBuffer",
    "CUSTOM:TFLM_DECODE": "Decode",
    "CUSTOM:TFLite_Detection_PostProcess": "DetectionPostprocess",
    "CUSTOM:ethos-u": "EthosU",
}
OPERATORS = _BUILTIN | set(_IRREGULAR)
"""Every operator that TFLM can register, under the name `tinykit.model.graph` gives it."""


def add_method(operator: str) -> str:
    """The resolver's method for an operator.

    Raises
    ------
    ModelError : TFLM has no such operator.

    >>> add_method("DEPTHWISE_CONV_2D"), add_method("RELU6"), add_method("PADV2")
    ('AddDepthwiseConv2D', 'AddRelu6', 'AddPadV2')
    """
    if operator not in OPERATORS:
        raise ModelError(
            f"TFLM has no kernel for operator {operator}; {name_nearest(operator, OPERATORS)}\n"
            "replace the layer, or register a kernel of your own with AddCustom in firmware"
        )
    regular = "".join(part.upper() if part[0].isdigit() else part.capitalize() for part in operator.split("_"))
    return "Add" + _IRREGULAR.get(operator, regular)


def add_methods(operators: Iterable[str]) -> tuple[str, ...]:
    """The methods for a model's operators, each once, sorted; errors as `add_method`."""
    return tuple(sorted({add_method(operator) for operator in operators}))
