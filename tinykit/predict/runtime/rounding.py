"""In what unit two answers are compared, and how far apart right kernels may lie in it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.model.graph.model import ModelGraph, Operator, Tensor
from tinykit.model.operators.table import Rounding, row_of

Array = NDArray[Any]

EPSILON = 2.0**-23
_REQUANTISED = Rounding(carries=False, recurrent=False, steps=MappingProxyType({}))
"""A kernel that requantises once gives one of the two steps beside the exact result (TFLM and LiteRT lie within 0.75 of
it over random int8 and int16 graphs), so two of them differ by 1 at most. Other steps stand in the table of operators:
bilinear interpolation in TFLM cuts off its fixed-point weights and was seen 1.6 from exact; LOGISTIC, TANH and SOFTMAX
of int16 interpolate in tables of 512 entries and were seen 6, 11 and 13 of 65,536 steps from it. What is recurrent is
allowed 1 and twice what the kernel itself makes of inputs moved by one step (`move`)."""


def rounding_of(name: str) -> Rounding:
    """How right kernels of an operator may differ."""
    return row_of(name).rounding or _REQUANTISED


def find_step(graph: ModelGraph, tensor: int) -> float | None:
    """Real size of one step of a tensor: its scale, that of what a DEQUANTIZE before it took, 1 for plain integers.

    None where floats stand behind it.
    """
    makers = {one: operator for operator in graph.operators for one in operator.outputs}
    for _ in range(len(graph.operators) + 1):
        found = graph.tensors[tensor]
        if not found.dtype.startswith("float"):
            return found.scales[0] if found.scales and found.scales[0] > 0 else 1.0
        maker = makers.get(tensor)
        carried = [one for one in maker.inputs if one >= 0 and not graph.tensors[one].is_constant] if maker else []
        if maker is None or not rounding_of(maker.name).carries or not carried:
            return None
        tensor = carried[0]
    return None


def count_steps(tensor: Tensor, own: Array, other: Array) -> float:
    """Largest difference between two values of a tensor, inf where they cannot be subtracted.

    In codes for integers; for floats in epsilons (2^-23) of the largest magnitude in `own`.
    """
    one, two = flat(own), flat(other)
    if one.size != two.size:
        return float("inf")
    with np.errstate(invalid="ignore"):
        apart = np.abs(one - two)
    apart[(one == two) | (np.isnan(one) & np.isnan(two))] = 0.0
    largest = float(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max(initial=0.0))
    return largest / _step_of_float(one) if tensor.dtype.startswith("float") else largest


def allow_steps(graph: ModelGraph, operator: Operator, output: Tensor, values: Mapping[int, Array]) -> float:
    """Steps that right kernels of an operator may lie apart on the same inputs, in the unit of `count_steps`.

    Integers: 1 for a requantisation or what the table says, 0 where the output is not quantised: an index, a shape.
    Floats: a sum of K products of summed magnitude M is right within K·2^-24·M however its terms are ordered [Higham,
    Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, ch. 3], so two lie (K + 8)·2^-23·M apart at
    most; the 8 are for the last places that an approximated exp or tanh may lose.

    Parameters
    ----------
    graph, operator, output : the output of an operator of a model.
    values : its inputs that no file holds, and its output, by tensor.
    """
    if output.dtype.startswith("float"):
        terms, magnitude = _sum_of(graph, operator, output, values)
        return (terms + 8) * magnitude * EPSILON / _step_of_float(flat(values[output.index]))
    if not output.scales:
        return 0.0
    return rounding_of(operator.name).steps.get(output.dtype, 1.0)


def _sum_of(graph: ModelGraph, operator: Operator, output: Tensor, values: Mapping[int, Array]) -> tuple[int, float]:
    """Terms of the longest sum behind one value of the output, and a bound on the sum of their magnitudes."""
    inputs = [one for one in operator.inputs if one in values]
    taken = [_largest(flat(values[one])) for one in inputs]
    given, elements, row = _largest(flat(values[output.index])), max(1, output.elements), row_of(operator.name)
    kernel = operator.inputs[1] if len(operator.inputs) > 1 else -1
    if row.weights and graph.tensors[kernel].is_constant and graph.tensors[kernel].dtype == "float32":
        weights = np.moveaxis(np.abs(graph.constant(kernel)), -1 if row.weights.last else 0, 0)
        sums = weights.reshape(len(weights), -1).sum(axis=1)
        return weights.size // len(weights), max(given, max(taken, default=0.0) * float(sums.max()))
    sizes = [graph.tensors[one].elements // elements for one in inputs]
    terms = max([operator.macs // elements, *output.shape[-1:], *sizes], default=1)
    return terms, max([given, *taken, float(np.prod(taken)) * terms if operator.macs else 0.0])


def move(values: Array) -> Array:
    """Quantised inputs moved by one step, up or down as it falls; others as they are."""
    if values.dtype.name not in ("int8", "uint8", "int16"):
        return values
    limits = np.iinfo(values.dtype)
    moved = values.astype(np.int64) + np.random.default_rng(0).choice([-1, 1], values.shape)
    kept: Array = np.clip(moved, limits.min, limits.max).astype(values.dtype)
    return kept


def flat(values: Array) -> Array:
    """All values in one row, as float64."""
    return values.reshape(-1).astype(np.float64)


def _largest(values: Array) -> float:
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _step_of_float(values: Array) -> float:
    return (_largest(values) or 1.0) * EPSILON
