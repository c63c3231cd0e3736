"""Where quantisation hurts: a float model and its integer version, operator by operator, on the same inputs.

Which operator of one is which of the other is found first.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph, Operator, Tensor
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.model.operators.table import row_of
from tinykit.predict.runtime.codes import to_codes
from tinykit.predict.runtime.session import Session

Array = NDArray[Any]
_ODD = re.compile(r"[^A-Za-z0-9_:.-]")


@dataclass(frozen=True, slots=True)
class LayerError(Result):
    """One operator's output in both models.

    Parameters
    ----------
    operator, float_operator : indices in the integer and in the float model.
    name : of the integer model's operator.
    tensor : name of its output; untrusted text, "" where the file has none.
    matched_by : "name" or "order".
    sqnr_db : 10 log10(sum of squares / sum of squared errors) [dB], inf where nothing differs.
    cosine : between the two as vectors, None where either is all zero.
    clipped : share of values whose float counterpart lies more than half a step outside the integer range, 0–1.
    largest_error : in units of the float output.
    """

    JSON = ("operator", "name", "matched_by", "cosine", "sqnr_db=known_sqnr_db", "clipped", "largest_error")

    operator: int
    float_operator: int
    name: str
    tensor: str
    matched_by: str
    sqnr_db: float
    cosine: float | None
    clipped: float
    largest_error: float

    @property
    def known_sqnr_db(self) -> float | None:
        """`sqnr_db`, None where it is infinite since nothing differs."""
        return self.sqnr_db if math.isfinite(self.sqnr_db) else None

    @property
    def label(self) -> str:
        """Operator and index, such as "CONV_2D 4"; safe to show anywhere, whatever a custom operator is called."""
        return f"{_ODD.sub('?', self.name)[:40]} {self.operator}"

    def __str__(self) -> str:
        cosine = "unknown" if self.cosine is None else f"{self.cosine:.5f}"
        return f"{self.label}: SQNR {self.sqnr_db:.1f} dB, cosine {cosine}, {self.clipped:.1%} clipped"


@dataclass(frozen=True, slots=True)
class LayerComparison(Result):
    """A float model against its integer version.

    Parameters
    ----------
    layers : matched operators in the integer model's order.
    n : samples.
    unmatched : operators of the integer model without a counterpart, by index; those that only quantise left out.
    """

    JSON = ("n", "layers", "unmatched")

    layers: tuple[LayerError, ...]
    n: int
    unmatched: tuple[int, ...] = field(default=())

    @property
    def worst_first(self) -> tuple[LayerError, ...]:
        """The layers by SQNR, the lowest first."""
        return tuple(sorted(self.layers, key=lambda one: (one.sqnr_db, one.operator)))

    def __str__(self) -> str:
        rows = [str(one) for one in self.worst_first]
        left = [f"without a counterpart: {len(self.unmatched)} operators"] if self.unmatched else []
        return "\n".join([f"float against integer, worst layer first, n={self.n}:", *rows, *left])


def compare_layers(
    float_graph: GraphOrFile, graph: GraphOrFile, inputs: Array | tuple[Array, ...], *, timeout_s: float = 120.0
) -> LayerComparison:
    """SQNR and cosine of each operator's output between a float model and its integer version, from the real tensors.

    The integer model runs in TFLM, the float model with LiteRT's reference kernels, both keeping every tensor. Outputs
    are paired by tensor name where both files name them alike, otherwise by the order of operators of the same kind
    and shape. Errors add up along the network: a low SQNR that its predecessor does not have is that layer's own.

    Parameters
    ----------
    float_graph, graph : models of one network; `graph` of int8 or int16 activations (DECODE may be in it).
    inputs : real samples [n, *shape]; a tuple of such arrays for a model of several inputs. 8 to 64 samples do.
    timeout_s : limit on the child process [s].

    Raises
    ------
    ModelError : no operator of the two models matches, or an interpreter refuses one of them.
    DataError : samples of another shape, NaN, or another number of inputs. EngineError : as `Session`.
    """
    graph, float_graph = as_graph(graph), as_graph(float_graph)
    steps = [_list_steps(one) for one in (graph, float_graph)]
    pairs = match_operators(graph, steps[0], float_graph, steps[1])
    if not pairs:
        raise ModelError(
            f"none of the {len(steps[0])} operators has a counterpart in the float model; give the float version of "
            "the same network"
        )
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    mine = [graph.operators[one].outputs[0] for one, _, _ in pairs]
    theirs = [float_graph.operators[other].outputs[0] for _, other, _ in pairs]
    with Session(float_graph.data, engine="litert-reference", timeout_s=timeout_s) as session:
        references = session.run_tensors(to_codes(session, given), theirs)
    with Session(graph.data, timeout_s=timeout_s) as session:
        values = session.run_tensors(to_codes(session, given), mine)
    rows = [
        _compare(graph, float_graph, pair, reference, value)
        for pair, reference, value in zip(pairs, references, values, strict=True)
    ]
    left = {one.index for one in graph.operators if not row_of(one.name).changes_form} - {one for one, _, _ in pairs}
    return LayerComparison(tuple(rows), len(given[0]), tuple(sorted(left)))


def _list_steps(graph: ModelGraph) -> list[Operator]:
    """Operators whose first output holds numbers."""
    plain = ("float32", "int8", "uint8", "int16")
    return [
        one for one in graph.operators
        if not row_of(one.name).changes_form and one.outputs and graph.tensors[one.outputs[0]].dtype in plain
    ]  # fmt: skip


def _compare(
    graph: ModelGraph, float_graph: ModelGraph, pair: tuple[int, int, str], reference: Array, value: Array
) -> LayerError:
    operator = graph.operators[pair[0]]
    tensor = graph.tensors[operator.outputs[0]]
    wanted = _to_real(float_graph.tensors[float_graph.operators[pair[1]].outputs[0]], reference)
    real = _to_real(tensor, value)
    error = real - wanted
    signal, noise = float(np.sum(wanted**2)), float(np.sum(error**2))
    norms = math.sqrt(signal) * math.sqrt(float(np.sum(real**2)))
    return LayerError(
        pair[0], pair[1], operator.name, tensor.name, pair[2],
        sqnr_db=_decibels(signal, noise), cosine=float(np.sum(real * wanted)) / norms if norms else None,
        clipped=_count_clipped(tensor, wanted), largest_error=float(np.abs(error).max()),
    )  # fmt: skip


def _decibels(signal: float, noise: float) -> float:
    if not noise:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def _to_real(tensor: Tensor, values: Array) -> Array:
    """[n, elements] as float64, by the tensor's scales."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    if not tensor.scales or values.dtype.kind == "f":
        return flat
    zero = tensor.zero_points[0] if tensor.zero_points else 0
    return (flat - zero) * tensor.scales[0]


def _count_clipped(tensor: Tensor, wanted: Array) -> float:
    if not tensor.scales or tensor.dtype not in ("int8", "uint8", "int16"):
        return 0.0
    limits, zero = np.iinfo(tensor.dtype), tensor.zero_points[0] if tensor.zero_points else 0
    low, high = ((limit - zero) * tensor.scales[0] for limit in (limits.min, limits.max))
    margin = tensor.scales[0] / 2
    return float(np.mean((wanted < low - margin) | (wanted > high + margin)))


_MOST_PAIRS = 1_000_000
_SAME_NAME, _SAME_KIND = 3.0, 1.0
_DECORATION = re.compile(r"_(int8|requantized|quantized)\d*$|^quant_|(?<=/)quant_|:\d+$")


def match_operators(
    graph: ModelGraph, steps: Sequence[Operator], other: ModelGraph, other_steps: Sequence[Operator]
) -> tuple[tuple[int, int, str], ...]:
    """Pairs of operators (index, index in the other, "name" or "order") whose outputs mean the same.

    An alignment in execution order, so that pairs never cross: of all alignments the one with the most equal tensor
    names, and after them the most operators of the same kind and output shape. Decorations that converters add to names
    (`_int8`, `quant_`, `:0`) do not count.
    """
    mine = [_describe(graph, step) for step in steps]
    theirs = [_describe(other, step) for step in other_steps]
    align = _by_name_alone if len(mine) * len(theirs) > _MOST_PAIRS else _align
    places = align(mine, theirs)
    return tuple(
        (steps[one].index, other_steps[two].index, "name" if _share_name(mine[one], theirs[two]) else "order")
        for one, two in places
    )


def _describe(graph: ModelGraph, operator: Operator) -> tuple[str, tuple[int, ...], frozenset[str]]:
    tensor = graph.tensors[operator.outputs[0]]
    names = frozenset(_undress(part) for part in tensor.name.split(";")[:4]) - {""}
    return operator.name, tuple(size for size in tensor.shape if size != 1), names


def _undress(name: str) -> str:
    before = None
    while before != name:
        before, name = name, _DECORATION.sub("", name)
    return name


Described = tuple[str, tuple[int, ...], frozenset[str]]


def _share_name(one: Described, other: Described) -> bool:
    return bool(one[2] & other[2])


def _score(one: Described, other: Described) -> float:
    """How well two operators match; 0 where they cannot be the same."""
    if one[1] != other[1]:
        return 0.0
    return _SAME_NAME * _share_name(one, other) * (0.5 + 0.5 * (one[0] == other[0])) + _SAME_KIND * (one[0] == other[0])


def _align(mine: Sequence[Described], theirs: Sequence[Described]) -> list[tuple[int, int]]:
    """The best alignment without crossings (Needleman and Wunsch, gaps free)."""
    best = [[0.0] * (len(theirs) + 1) for _ in range(len(mine) + 1)]
    for one in range(len(mine) - 1, -1, -1):
        for two in range(len(theirs) - 1, -1, -1):
            paired = _score(mine[one], theirs[two])
            paired = paired + best[one + 1][two + 1] if paired else 0.0
            best[one][two] = max(paired, best[one + 1][two], best[one][two + 1])
    places, one, two = [], 0, 0
    while one < len(mine) and two < len(theirs):
        paired = _score(mine[one], theirs[two])
        if paired and best[one][two] == paired + best[one + 1][two + 1]:
            places.append((one, two))
            one, two = one + 1, two + 1
        elif best[one][two] == best[one + 1][two]:
            one += 1
        else:
            two += 1
    return places


def _by_name_alone(mine: Sequence[Described], theirs: Sequence[Described]) -> list[tuple[int, int]]:
    """For models of very many operators: those with an equal name, in order."""
    known = {name: place for place, one in enumerate(theirs) for name in one[2]}
    places, after = [], -1
    for place, one in enumerate(mine):
        found = sorted(known[name] for name in one[2] if name in known and known[name] > after)
        if found and theirs[found[0]][1] == one[1]:
            places.append((place, found[0]))
            after = found[0]
    return places
