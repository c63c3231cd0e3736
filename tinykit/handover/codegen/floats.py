"""Operators on float32, on the portable kernels: sums in the order of TFLM's reference kernels, so to their last bit.

But for curves: exp, logarithm, tanh, the logistic and ELU are the kit's own (kernels/floats.h), within 1.1, 1, 1.4, 2.1
and 3 units in the last place of the true value, so that no C library is needed. Sources:
tensorflow/lite/kernels/internal/reference/conv.h, depthwiseconv_float.h, fully_connected.h, pooling.h, softmax.h,
logistic.h, reduce.h, hard_swish.h, resize_bilinear.h; kernels/kernel_util.cc (CalculateActivationRange).
"""

import math
from dataclasses import replace

import numpy as np

from tinykit.handover.codegen.plain import AXES, broadcast, extend, reduce_axes, steps_of
from tinykit.handover.codegen.program import Lowered, Program, call_kernel, expect, fused_range, kind_of, literal
from tinykit.handover.codegen.windowed import check_filters, check_units, place_window, read_pool
from tinykit.model.graph.model import Operator, Tensor

DTYPE = "float32"
_PAIRS = {
    "sum": "'+'", "difference": "'-'", "product": "'*'", "quotient": "'/'", "minimum": "'<'", "maximum": "'>'",
    "squared_difference": "'2'", "prelu": "'p'",
}  # fmt: skip
_COMPARISONS = {
    "equal": "'='", "not_equal": "'!'", "less": "'<'", "greater": "'>'", "less_equal": "'l'", "greater_equal": "'g'",
}  # fmt: skip
_RAMPS = {"relu": (0.0, math.inf), "relu6": (0.0, 6.0), "leaky": (-math.inf, math.inf)}
_CURVES = (
    "logistic", "tanh", "hard_swish", "negate", "absolute", "square", "root", "reciprocal_root", "exponential",
    "logarithm", "elu", "floor", "ceiling",
)  # fmt: skip
_ROWS = ("softmax", "log_softmax", "unit_length")
_REDUCTIONS = {"mean": "'+'", "reduce_sum": "'+'", "reduce_min": "'<'", "reduce_max": "'>'"}


def float_limits(operator: Operator, result: Tensor) -> dict[str, object]:
    """Output range of a fused activation, as members of a struct."""
    low, high = fused_range(operator, result)
    return {"low": low, "high": high}


def lower_convolution(program: Program, operator: Operator) -> Lowered:
    """CONV_2D (with groups) and DEPTHWISE_CONV_2D."""
    (source,), result = program.operands(operator, dtype=DTYPE)
    values = program.constant(operator, 1, (DTYPE,))
    expect(values.ndim == 4, operator, f"weights {values.shape}")
    window = place_window(operator, source, result, (values.shape[1], values.shape[2]))
    channels = check_filters(operator, window, values.shape)
    fields = window.geometry() | float_limits(operator, result) | {
        "tap_channels": values.shape[3], "weights": program.array("float", values),
        "bias": program.bias(operator, channels, dtype=DTYPE),
    }  # fmt: skip
    kernel = f"float_{operator.name.lower()}"
    return call_kernel(program, operator, kernel, "float_window", fields, unit="float_windows")


def lower_pool(program: Program, operator: Operator) -> Lowered:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    window = read_pool(program, operator, dtype=DTYPE)
    fields = window.geometry() | float_limits(operator, window.result)
    kernel = f"float_{operator.name.lower()}"
    return call_kernel(program, operator, kernel, "float_window", fields, unit="float_windows")


def lower_dense(program: Program, operator: Operator) -> Lowered:
    """FULLY_CONNECTED."""
    (source,), result = program.operands(operator, dtype=DTYPE)
    values = program.constant(operator, 1, (DTYPE,))
    units, depth = check_units(operator, source, result, values.shape)
    fields = {"rows": source.elements // depth, "depth": depth, "units": units} | float_limits(operator, result) | {
        "weights": program.array("float", values), "bias": program.bias(operator, units, dtype=DTYPE),
    }  # fmt: skip
    return call_kernel(program, operator, "float_fully_connected", "float_dense", fields, unit="float")


def lower_pair(program: Program, operator: Operator) -> Lowered:
    """ADD, SUB, MUL, DIV, MINIMUM, MAXIMUM, SQUARED_DIFFERENCE, PRELU, an operand repeated along axes of size 1."""
    (a, b), result = program.operands(operator, at_least=2, dtype=DTYPE)
    shape, step_a, step_b = broadcast(operator, a.shape, b.shape, result.shape)
    limits = float_limits(operator, result) if operator.activation else {"low": -math.inf, "high": math.inf}
    fields = {"shape": shape, "step_a": step_a, "step_b": step_b, "kind": _PAIRS[kind_of(operator)]} | limits
    return call_kernel(program, operator, "float_pairs", "float_pair", fields, inputs=2, unit="float")


def lower_comparison(program: Program, operator: Operator) -> Lowered:
    """EQUAL, LESS and the like: 1 where they hold."""
    _expect_ends(operator, 2)
    a, b = (program.tensor(operator, index, (DTYPE,)) for index in operator.inputs)
    result = program.tensor(operator, operator.outputs[0], ("bool",))
    shape, step_a, step_b = broadcast(operator, a.shape, b.shape, result.shape)
    fields = {"shape": shape, "step_a": step_a, "step_b": step_b, "kind": _COMPARISONS[kind_of(operator)]}
    return call_kernel(program, operator, "float_compare", "float_pair", fields, inputs=2, unit="float")


def lower_ramp(program: Program, operator: Operator) -> Lowered:
    """RELU, RELU6 and LEAKY_RELU."""
    source, _ = program.alike(operator, DTYPE)
    kind = kind_of(operator)
    low, high = _RAMPS[kind]
    slope = float(operator.option("alpha")) if kind == "leaky" else 1.0
    fields = {"count": source.elements, "slope": slope, "low": low, "high": high}
    return call_kernel(program, operator, "float_ramps", "float_ramp", fields, unit="float")


def lower_rows(program: Program, operator: Operator) -> Lowered:
    """SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION over the last axis."""
    source, _ = program.alike(operator, DTYPE)
    depth = source.shape[-1] if source.shape else 1
    fields = {"rows": source.elements // depth, "depth": depth, "beta": float(operator.beta)}
    kernel = f"float_{kind_of(operator)}"
    return call_kernel(program, operator, kernel, "float_softmax_rows", fields, unit="float")


def lower_curve(program: Program, operator: Operator) -> Lowered:
    """LOGISTIC, TANH, HARD_SWISH, NEG, ABS, SQUARE, SQRT, RSQRT, EXP, LOG, ELU, FLOOR, CEIL, element by element."""
    source, _ = program.alike(operator, DTYPE)
    places = f"{program.place(operator.inputs[0])}, {program.place(operator.outputs[0])}"
    call = f"{program.name}_float_{kind_of(operator)}({places}, {source.elements});"
    return Lowered(f"    {call}\n    return 0;", kernels=("float",))


def lower_reduction(program: Program, operator: Operator) -> Lowered:
    """MEAN, SUM, REDUCE_MIN and REDUCE_MAX over any axes."""
    (source,), result = program.operands(operator, dtype=DTYPE)
    shape, step = reduce_axes(program, operator, source, result)
    kind = kind_of(operator)
    fields = {
        "shape": shape, "step": step, "outputs": result.elements, "kind": _REDUCTIONS[kind],
        "count": float(source.elements // result.elements) if kind == "mean" else 1.0,
    }  # fmt: skip
    return call_kernel(program, operator, "float_reduce", "float_reduction", fields, unit="float")


def lower_bilinear(program: Program, operator: Operator) -> Lowered:
    """RESIZE_BILINEAR: for each row and column of the output the two it lies between, and how far."""
    (source,), result = program.operands(operator, dtype=DTYPE)
    alike = len(source.shape) == len(result.shape) == 4 and source.shape[::3] == result.shape[::3]
    expect(alike, operator, f"shapes {source.shape} to {result.shape}")
    tables, names = [], []
    for axis, side in ((1, "rows"), (2, "columns")):
        places = ", ".join(map(_write_place, _between(operator, source.shape[axis], result.shape[axis])))
        names.append(f"op_{operator.index}_{side}")
        tables.append(f"static const {program.name}_float_place {names[-1]}[] = {{{places}}};")
    fields = {
        "batches": source.shape[0], "in_rows": source.shape[1], "in_columns": source.shape[2],
        "out_rows": result.shape[1], "out_columns": result.shape[2], "channels": source.shape[3],
        "rows": names[0], "columns": names[1],
    }  # fmt: skip
    code = call_kernel(program, operator, "float_resize_bilinear", "float_resizing", fields, unit="float")
    return replace(code, constants="\n".join(tables))


def _between(operator: Operator, size: int, wanted: int) -> list[tuple[int, int, np.float32]]:
    """The lower and the upper neighbour of each place, and its distance from the lower, in single precision."""
    spread = operator.option("align_corners") and wanted > 1
    scale = np.float32(size - 1) / np.float32(wanted - 1) if spread else np.float32(size) / np.float32(wanted)
    shift = np.float32(0.5 if operator.option("half_pixel_centers") else 0)
    found = []
    for place in range(wanted):
        at = (np.float32(place) + shift) * scale - shift
        lower, upper = max(math.floor(at), 0), min(math.ceil(at), size - 1)
        found.append((lower, upper, at - np.float32(lower)))
    return found


def _write_place(place: tuple[int, int, np.float32]) -> str:
    return f"{{{', '.join(map(literal, place))}}}"


def lower_select(program: Program, operator: Operator) -> Lowered:
    """SELECT_V2: of two tensors, elements of the first where the condition holds."""
    _expect_ends(operator, 3)
    condition = program.tensor(operator, operator.inputs[0], ("bool",))
    sources = [condition, *(program.tensor(operator, index, (DTYPE,)) for index in operator.inputs[1:])]
    result = program.tensor(operator, operator.outputs[0], (DTYPE,))
    shapes = [(1,) * (len(result.shape) - len(one.shape)) + one.shape for one in sources]
    fits = all(size in (1, wide) for shape in shapes for size, wide in zip(shape, result.shape, strict=False))
    sound = fits and {len(shape) for shape in shapes} == {len(result.shape)} <= set(range(AXES + 1))
    expect(sound, operator, f"shapes {shapes} to {result.shape}")
    shape = extend(result.shape)
    steps = [steps_of(shape, [size == 1 for size in one]) for one in shapes]
    fields = {"shape": shape, "step_condition": steps[0], "step_a": steps[1], "step_b": steps[2]}
    return call_kernel(program, operator, "float_select", "float_choice", fields, inputs=3, unit="float")


def _expect_ends(operator: Operator, inputs: int) -> None:
    found = f"{len(operator.inputs)} inputs and {len(operator.outputs)} outputs"
    expect(len(operator.inputs) == inputs and len(operator.outputs) == 1, operator, found)


LOWERINGS = {
    (kind, "bool" if kind == "select" else DTYPE): lower
    for kind, lower in {
        "convolution": lower_convolution, "depthwise": lower_convolution, "average_pool": lower_pool,
        "max_pool": lower_pool, "dense": lower_dense, "resize_bilinear": lower_bilinear, "select": lower_select,
        **dict.fromkeys(_PAIRS, lower_pair), **dict.fromkeys(_COMPARISONS, lower_comparison),
        **dict.fromkeys(_RAMPS, lower_ramp), **dict.fromkeys(_CURVES, lower_curve),
        **dict.fromkeys(_ROWS, lower_rows), **dict.fromkeys(_REDUCTIONS, lower_reduction),
    }.items()
}  # fmt: skip
"""How each kind of operator becomes C on float32; the data of a choice is its condition."""
