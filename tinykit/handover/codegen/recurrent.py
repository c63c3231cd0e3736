"""Operators that keep a state: UNIDIRECTIONAL_SEQUENCE_LSTM and SVDF, on int8 and float32.

Sources: tensorflow/lite/micro/kernels/lstm_eval.cc, lstm_eval_common.cc (gates in Q3.12, their curves by the table of
int16), svdf_common.cc. The state is kept from run to run, as TFLM keeps it.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tinykit.handover.codegen.fixed_point import Multiplier, quantise_multiplier
from tinykit.handover.codegen.floats import float_limits
from tinykit.handover.codegen.program import Lowered, Program, call_kernel, expect, literal, refuse, settle
from tinykit.handover.codegen.sixteen import sigmoid_table
from tinykit.handover.codegen.windowed import check_scales
from tinykit.model.graph.model import Operator, Tensor

_GATES = 4
_INPUTS, _IN_WEIGHTS, _STATE_WEIGHTS, _BIAS, _HIDDEN, _CELL = 24, 1, 5, 12, 18, 19
_LEFT_OUT = (9, 10, 11, 16, 17, 20, 21, 22, 23)
"""Peepholes, projection and layer normalisation, which TFLM does not compute."""

_GATE_SCALE, _CURVE_SCALE = 2.0**-12, 2.0**-15


@dataclass(frozen=True, slots=True)
class _Sequence:
    """Tensors of an LSTM: input, states, and sizes as members of its struct."""

    source: Tensor
    hidden: Tensor
    cell: Tensor
    inputs: int
    units: int
    sizes: dict[str, object]


def _read_sequence(program: Program, operator: Operator, dtype: str, cell_dtype: str) -> _Sequence:
    """What both types share; ModelError where TFLM would not run it, or its tensors do not go together."""
    given = operator.inputs
    if len(given) != _INPUTS or any(given[index] >= 0 for index in _LEFT_OUT) or operator.activation != "TANH":
        raise refuse(operator, f"{sum(one >= 0 for one in given)} inputs, activation {operator.activation!r}",
                     "TFLM computes an LSTM without peepholes, projection or normalisation, with tanh")  # fmt: skip
    expect(operator.option("cell_clip") >= 0, operator, f"a cell clip of {operator.option('cell_clip')}")
    take = program.tensor if dtype == "float32" else program.activation
    source, hidden = (take(operator, given[index], (dtype,)) for index in (0, _HIDDEN))
    cell, result = take(operator, given[_CELL], (cell_dtype,)), take(operator, operator.outputs[0], (dtype,))
    shapes = f"input {source.shape}, states {hidden.shape} and {cell.shape}, output {result.shape}"
    expect(len(source.shape) == 3 and len(hidden.shape) == 2, operator, shapes)
    major, units = bool(operator.option("time_major")), hidden.shape[-1]
    steps, batches = source.shape[:2] if major else source.shape[1::-1]
    expect(hidden.elements == cell.elements == batches * units, operator, shapes)
    expect(result.shape == (*source.shape[:2], units) and hidden.is_variable and cell.is_variable, operator, shapes)
    sizes = {"batches": batches, "steps": steps, "inputs": source.shape[2], "units": units, "time_major": int(major)}
    return _Sequence(source, hidden, cell, source.shape[2], units, dict(sizes))


def _read_weights(program: Program, operator: Operator, sequence: _Sequence, gate: int, dtype: str) -> tuple[str, str]:
    """C names of the weights of a gate, from the input and from the state."""
    names = []
    for first, width in ((_IN_WEIGHTS, sequence.inputs), (_STATE_WEIGHTS, sequence.units)):
        values = program.constant(operator, first + gate, (dtype,))
        expect(values.shape == (sequence.units, width), operator, f"weights {values.shape} of gate {gate}")
        names.append(program.array("float" if dtype == "float32" else "int8_t", values))
    return names[0], names[1]


def lower_lstm(program: Program, operator: Operator) -> Lowered:
    """UNIDIRECTIONAL_SEQUENCE_LSTM on int8, with a cell state of int16."""
    sequence = _read_sequence(program, operator, "int8", "int16")
    hidden, cell = sequence.hidden, sequence.cell.scales[0]
    power = round(math.log2(cell))
    expect(-30 <= power <= 0, operator, f"a cell state of scale {cell}")
    factors = {
        "keep": settle(operator, quantise_multiplier, _CURVE_SCALE),
        "add": settle(operator, quantise_multiplier, _CURVE_SCALE * _CURVE_SCALE / cell),
        "cell": Multiplier(3 << (12 + power), 0) if power >= -12 else Multiplier(3, -12 - power),
        "out": settle(operator, quantise_multiplier, _CURVE_SCALE * _CURVE_SCALE / hidden.scales[0]),
    }
    fields = sequence.sizes | {
        "in_offset": -sequence.source.zero_points[0], "hidden_zero": hidden.zero_points[0],
        "cell_clip": int(min(operator.option("cell_clip") / cell, 32767.0)),
    }  # fmt: skip
    fields |= {f"{name}_multiplier": one.multiplier for name, one in factors.items()}
    fields |= {f"{name}_shift": one.shift for name, one in factors.items()}
    fields |= {"gates": _braces(_int8_gate(program, operator, sequence, gate) for gate in range(_GATES)),
               "table": sigmoid_table(program)}  # fmt: skip
    return _call_sequence(program, operator, "lstm", fields, scratch=2 * _GATES * sequence.units)


def _int8_gate(program: Program, operator: Operator, sequence: _Sequence, gate: int) -> tuple[object, ...]:
    names, factors = _read_weights(program, operator, sequence, gate, "int8"), list[int]()
    for first, source in ((_IN_WEIGHTS, sequence.source), (_STATE_WEIGHTS, sequence.hidden)):
        weights = program.graph.tensors[operator.inputs[first + gate]]
        check_scales(operator, weights, 1)
        factor = _in_singles(source.scales[0], weights.scales[0]) / _GATE_SCALE
        found = settle(operator, quantise_multiplier, factor)
        factors += [found.multiplier, found.shift]
    return (*names, program.bias(operator, sequence.units, position=_BIAS + gate), *factors)


def lower_float_lstm(program: Program, operator: Operator) -> Lowered:
    """UNIDIRECTIONAL_SEQUENCE_LSTM on float32."""
    sequence = _read_sequence(program, operator, "float32", "float32")
    gates = (
        (*_read_weights(program, operator, sequence, gate, "float32"),
         program.bias(operator, sequence.units, position=_BIAS + gate, dtype="float32"))
        for gate in range(_GATES)
    )  # fmt: skip
    clip = float(operator.option("cell_clip")) or math.inf
    fields = sequence.sizes | {"cell_clip": clip, "gates": _braces(gates)}
    return _call_sequence(program, operator, "float_lstm", fields, scratch=4 * _GATES * sequence.units)


def _braces(rows: Iterable[tuple[object, ...]]) -> str:
    return "{" + ", ".join("{" + ", ".join(map(literal, row)) + "}" for row in rows) + "}"


def _call_sequence(
    program: Program, operator: Operator, kind: str, fields: dict[str, object], *, scratch: int
) -> Lowered:
    states = (operator.inputs[_HIDDEN], operator.inputs[_CELL])
    return call_kernel(program, operator, f"{kind}_sequence", kind, fields, unit="recurrent",
                       states=states, scratch=(scratch,) * 3)  # fmt: skip


def lower_svdf(program: Program, operator: Operator) -> Lowered:
    """SVDF on int8 with a state of int16, and on float32."""
    dtype = program.graph.tensors[operator.inputs[0]].dtype
    real = dtype == "float32"
    take = program.tensor if real else program.activation
    (source,), result = program.operands(operator, dtype=dtype)
    expect(len(operator.inputs) == 5 and operator.inputs[4] >= 0, operator, f"{len(operator.inputs)} inputs")
    state = take(operator, operator.inputs[4], ("float32" if real else "int16",))
    features = program.constant(operator, 1, (dtype,))
    times = program.constant(operator, 2, ("float32" if real else "int16",))
    fields = _svdf_sizes(operator, source, state, result, filters=features.shape, memory=times.shape) | {
        "features": program.array("float" if real else "int8_t", features),
        "times": program.array("float" if real else "int16_t", times),
    }
    if real:
        fields |= float_limits(operator, result)
    else:
        fields |= _svdf_integers(program, operator, source, state, result)
    fields["bias"] = program.bias(operator, result.shape[1], position=3, dtype="float32" if real else "int32")
    name = "float_svdf" if real else "svdf"
    return call_kernel(program, operator, name, f"{name}_filters", fields, unit="recurrent",
                       states=(operator.inputs[4],))  # fmt: skip


def _svdf_sizes(
    operator: Operator, source: Tensor, state: Tensor, result: Tensor,
    *, filters: tuple[int, ...], memory: tuple[int, ...],
) -> dict[str, object]:  # fmt: skip
    shapes = f"filters {filters} and {memory} for input {source.shape}, state {state.shape}, output {result.shape}"
    ranks = {len(shape) for shape in (source.shape, state.shape, result.shape, filters, memory)}
    expect(ranks == {2} and state.is_variable, operator, shapes)
    (batches, inputs), units, rank = source.shape, result.shape[1], int(operator.option("rank"))
    expect(filters == (units * rank, inputs) and memory[0] == filters[0], operator, f"rank {rank}, {shapes}")
    expect(result.shape[0] == batches and state.shape == (batches, filters[0] * memory[1]), operator, shapes)
    return {"batches": batches, "inputs": inputs, "units": units, "rank": rank, "memory": memory[1]}


def _svdf_integers(
    program: Program, operator: Operator, source: Tensor, state: Tensor, result: Tensor
) -> dict[str, object]:
    """Zero points, and the factors onto the scales of state and output: products of singles, as TFLM makes them."""
    tensors = [program.graph.tensors[index] for index in operator.inputs[1:3]]
    for one in tensors:
        check_scales(operator, one, 1)
    scales = [one.scales[0] for one in (source, tensors[0], state, tensors[1], result)]
    first = settle(operator, quantise_multiplier, _in_singles(*scales[:3]))
    second = settle(operator, quantise_multiplier, _in_singles(*scales[2:]))
    return {
        "in_offset": -source.zero_points[0], "state_zero": state.zero_points[0], "out_offset": result.zero_points[0],
        "feature_multiplier": first.multiplier, "feature_shift": first.shift,
        "multiplier": second.multiplier, "shift": second.shift,
    }  # fmt: skip


def _in_singles(a: float, b: float, by: float = 1.0) -> float:
    """a * b / by in single precision; infinite where it overflows."""
    with np.errstate(all="ignore"):
        return float(np.float32(a) * np.float32(b) / np.float32(by))


LOWERINGS = {
    ("lstm", "int8"): lower_lstm, ("lstm", "float32"): lower_float_lstm,
    ("svdf", "int8"): lower_svdf, ("svdf", "float32"): lower_svdf,
}  # fmt: skip
"""How an operator with a state becomes C."""
