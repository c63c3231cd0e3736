"""Weights of a finished .tflite on a grid of sixteen levels (4-bit weights on int8 activations), without TensorFlow.

The weights of a channel become k·t, k in -7…7, stored as int8: as 127k/7, the same fifteen numbers for every channel.
Its scale takes up the rest, s' = s · 7t/127, and its bias, which counts in input scale × s, is divided by the same. So
the file is a plain int8 model for every runtime, and DECODE stores its weights in 4-bit indices with one table. A
channel whose bias or scale would leave its type (dead ones have scales near 1e-38) keeps its scale.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import DataError, ModelError
from tinykit.ground.results import Result
from tinykit.model.graph import schema
from tinykit.model.graph.model import INT4, ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.packing.decoding import choose_codings, list_weights, weights_of
from tinykit.predict.packing.leaning import Packed, check_equal
from tinykit.predict.packing.tree import read_tree
from tinykit.predict.packing.writing import write_tree
from tinykit.predict.runtime.codes import to_codes, to_reals
from tinykit.predict.runtime.reference import reference_engine
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.session import Array, Inputs, Session

MOST = 7
LEVELS = np.rint(np.arange(-MOST, MOST + 1) * (127 / MOST)).astype(np.int8)
"""What a weight is stored as, by its level."""
_SHARES = np.concatenate([np.linspace(0.5, 1, 26), MOST / np.arange(MOST - 1, 0, -1)])
"""Steps that are tried, of the one that puts the largest weight on the outermost level; beyond 1 for coarser grids."""
_SAMPLES, _LEAST_GAIN_BYTES = 16, 64
Reals = NDArray[np.float64]
Consts = dict[int, tuple[str, bytes, Reals]]
"""By tensor: type, bytes, and the ratio of its scales to what they were."""


@dataclass(frozen=True, slots=True)
class Trial(Result):
    """One way to put a model on the grid, and how it did on the samples.

    Parameters
    ----------
    scales : "max", the largest weight of a channel on its outermost level, or "least squares", the least error.
    first : whether the first layer is on the grid too, or stays int8.
    right : share of labels met, 0–1; None without labels.
    apart : root mean square distance of outputs from those of the model as it came.
    """

    scales: str
    first: bool
    right: float | None
    apart: float


@dataclass(frozen=True, slots=True, eq=False)
class OnGrid(Packed):
    """A model and the same with 4-bit weights, whose outputs are others.

    Parameters
    ----------
    before, graph, recipe, coded, cost : as `Packed`.
    proof : None; that of equal outputs where packed int4 weights were taken over.
    trials : every way that was tried, the one taken first; none for packed int4 weights.
    basis : what the choice rests on.
    """

    trials: tuple[Trial, ...] = field(default=())
    basis: str = ""

    def __str__(self) -> str:
        best = self.trials[0] if self.trials else None
        first = "" if best is None or best.first else ", the first layer in int8"
        return f"4-bit weights{f', scales by {best.scales}' if best else ''}{first}; {self.basis}"


def grid_weights(
    model: ModelGraph | bytes | str | Path, samples: Inputs | None = None, labels: ArrayLike | None = None
) -> OnGrid:
    """A finished int8 model with 4-bit weights wherever DECODE then stores them in fewer bytes.

    Scales by the largest weight and by least squares, the first layer on the grid and not, are run in TFLM, or in what
    stands in for it; taken is what meets most labels, of equals all on the grid, then that whose outputs stray least.
    `code_weights` or `pack` store the result. A model of packed int4 weights becomes the int8 model of the same values,
    proven equal to the byte.

    Parameters
    ----------
    model : a .tflite file with int8 or int4 weights, its bytes or its graph.
    samples : for validation, as the model takes them, never those of the test; made up if None.
    labels : classes [n]; None compares outputs with those of the model as it came.

    Raises
    ------
    ModelError : no weights that would take fewer bytes so, or as `lean` and `Session`.
    DataError : other samples than the model takes, or not one label each. EngineError : no interpreter is installed.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    if any(one.dtype == INT4 for one in graph.tensors):
        packed = [one.index for one in graph.tensors if one.dtype == INT4]
        after = _write(graph, {index: ("int8", graph.constant(index).tobytes(), np.ones(1)) for index in packed})
        return OnGrid(graph, after, ("grid",), check_equal(graph, after, 4), basis="the same values")
    paying = _list_paying(graph)
    if not paying:
        raise ModelError("no int8 weights of the model take fewer bytes on a 4-bit grid; leave it as it is")
    ways = [(scales, first) for first in (True, False) for scales in ("max", "least squares")]
    made = {way: _put(graph, paying[not way[1] :], way[0]) for way in ways[: 4 if paying[1:] else 2]}
    given = sample_inputs(graph.data, _SAMPLES) if samples is None else samples
    trials = _try_all(graph, made, given, labels)
    trials.sort(key=lambda one: (0.0, True, one.apart) if one.right is None else (-one.right, not one.first, one.apart))
    told = "made-up inputs" if samples is None else "samples" if labels is None else "labelled samples"
    best = made[trials[0].scales, trials[0].first]
    return OnGrid(graph, best, ("grid",), None, trials=tuple(trials), basis=f"chosen on {told}")


def _try_all(
    graph: ModelGraph, made: dict[tuple[str, bool], ModelGraph], samples: Inputs, labels: ArrayLike | None
) -> list[Trial]:
    own, truth, trials = _run(graph, samples), None if labels is None else np.asarray(labels), []
    if truth is not None and truth.shape != (len(own),):
        raise DataError(f"labels of shape {truth.shape} for {len(own)} samples; give one class each")
    for (scales, first), changed in made.items():
        found = _run(changed, samples)
        right = None if truth is None else float((found.argmax(axis=1) == truth).mean())
        trials.append(Trial(scales, first, right, float(np.sqrt(np.mean((found - own) ** 2)))))
    return trials


def _run(graph: ModelGraph, samples: Inputs) -> Array:
    """The first output as real numbers [n, values]."""
    with Session(graph.data, engine=reference_engine().engine, timeout_s=600.0) as session:
        return to_reals(session, session.run_all(to_codes(session, samples)))[0].astype(np.float64)


def _list_paying(graph: ModelGraph) -> tuple[int, ...]:
    """The int8 weights that DECODE stores in fewer bytes on the grid, in the order in which operators read them."""
    able = tuple(one for one in list_weights(graph) if _rows(graph, one) is not None)
    whole = _put(graph, able, "max")
    paying = choose_codings(whole, read_tree(whole.data), _LEAST_GAIN_BYTES)
    order = [weights_of(graph, one.index) for one in graph.operators]
    return tuple(sorted((one for one in able if one in paying), key=order.index))


def _rows(graph: ModelGraph, index: int) -> Reals | None:
    """int8 weights by the scale they share, [scales, n]; None for others, or where scales lie otherwise."""
    tensor, values = graph.tensors[index], graph.constant(index).astype(np.float64)
    count, axis = len(tensor.scales), tensor.quantised_dimension
    fits = count == 1 or (0 <= axis < values.ndim and values.shape[axis] == count)
    if tensor.dtype != "int8" or not fits or any(tensor.zero_points):
        return None
    return (np.moveaxis(values, axis, 0) if count > 1 else values).reshape(count, -1)


def _put(graph: ModelGraph, weights: tuple[int, ...], scales: str) -> ModelGraph:
    """The model with these weights on the grid."""
    changed: Consts = {}
    for index in weights:
        rows, biases, tensor = _rows(graph, index), _list_biases(graph, index), graph.tensors[index]
        if rows is None:
            continue
        ratio = _keep_in_type(graph, index, biases, _find_steps(rows, scales) * MOST / 127)
        stored = LEVELS[_level(rows, ratio * 127 / MOST) + MOST]
        if len(rows) > 1:
            axis = tensor.quantised_dimension
            stored = np.moveaxis(stored.reshape(tensor.shape[axis], *np.delete(tensor.shape, axis)), 0, axis)
        changed[index] = "int8", stored.tobytes(), ratio
        changed |= _rescale(graph, biases, ratio)
    return _write(graph, changed)


def _rescale(graph: ModelGraph, biases: tuple[int, ...], ratio: Reals) -> Consts:
    values = {bias: graph.constant(bias) for bias in biases}
    return {
        bias: (one.dtype.name, np.rint(one / ratio).astype(one.dtype).tobytes(), ratio) for bias, one in values.items()
    }


def _write(graph: ModelGraph, changed: Consts) -> ModelGraph:
    """The lean model with other constants."""
    tree = read_tree(graph.data)
    buffers, tensors = list(tree.buffers), list(tree.main.tensors)
    for index, (kind, content, ratio) in changed.items():
        node, code = tensors[index], schema.TYPE_NAMES.index(kind)
        scales = np.frombuffer(node.scales, "<f4")
        scales = (scales * ratio).astype("<f4") if len(scales) in (1, len(ratio)) else scales
        tensors[index] = replace(node, code=code, buffer=len(buffers), scales=scales.tobytes())
        buffers.append(content)
    graphs = (replace(tree.main, tensors=tuple(tensors)), *tree.graphs[1:])
    return read(write_tree(replace(tree, graphs=graphs, buffers=tuple(buffers))), f"{graph.path} (grid)")


def store_int4(graph: ModelGraph) -> ModelGraph | None:
    """The model with its weights on the grid as packed int4, low half of a byte first; None where none are on it.

    In FULLY_CONNECTED of one scale for all units alone, as TFLM takes it. Biases count in coarser steps then, so that
    outputs may differ by one.
    """
    changed: Consts = {}
    for index in list_weights(graph):
        values, tensor = graph.constant(index).ravel(), graph.tensors[index]
        if (
            tensor.dtype != "int8"
            or (len(tensor.shape) == 2 and len(tensor.scales) > 1)
            or not np.isin(values, LEVELS).all()
        ):
            continue
        biases, ratio = _list_biases(graph, index), np.full(len(tensor.scales), 127 / MOST)
        if not (_keep_in_type(graph, index, biases, ratio) == 1.0).any():
            halves = np.resize(np.searchsorted(LEVELS, values) - MOST & 15, (values.size + 1) // 2 * 2).reshape(-1, 2)
            changed[index] = INT4, (halves[:, 0] | halves[:, 1] << 4).astype(np.uint8).tobytes(), ratio
            changed |= _rescale(graph, biases, ratio)
    return _write(graph, changed) if changed else None


def _level(rows: Reals, steps: Reals) -> NDArray[np.int64]:
    return np.clip(np.rint(rows / steps[:, None]), -MOST, MOST).astype(np.int64)


def _find_steps(rows: Reals, scales: str) -> Reals:
    """The distance of two levels for each row, in steps of int8; full range for a row of zeros."""
    most = np.abs(rows).max(axis=1, initial=0.0)
    widest: Reals = np.where(most > 0, most, 127.0) / MOST
    if scales == "max":
        return widest
    tried = [widest * share for share in _SHARES]
    errors = [((rows - _level(rows, steps) * steps[:, None]) ** 2).sum(axis=1) for steps in tried]
    best: Reals = widest * _SHARES[np.argmin(errors, axis=0)]
    return best


def _list_biases(graph: ModelGraph, weights: int) -> tuple[int, ...]:
    """The biases that count in steps of these weights."""
    found = (one.inputs[2:3] for one in graph.operators if weights_of(graph, one.index) == weights)
    return tuple(dict.fromkeys(index for inputs in found for index in inputs if index >= 0))


def _keep_in_type(graph: ModelGraph, weights: int, biases: tuple[int, ...], ratio: Reals) -> Reals:
    """The ratios of new scales to old, 1 where a bias or a scale would leave its type or belongs to others too."""
    users = [one for one in graph.operators if weights_of(graph, one.index) != weights]
    apart = {*graph.outputs, *(index for one in users for index in one.inputs)}
    scales = (np.asarray(graph.tensors[weights].scales) * ratio).astype(np.float32)
    fits = (scales >= np.finfo(np.float32).tiny) & np.isfinite(scales)
    for bias in biases:
        tensor = graph.tensors[bias]
        if bias in apart or not tensor.is_constant or tensor.dtype not in ("int32", "int64"):
            return np.ones_like(ratio)
        values = graph.constant(bias)
        reach = np.abs(values / ratio) < np.iinfo(values.dtype).max if len(ratio) in (1, values.size) else np.False_
        fits = fits & (reach if len(ratio) > 1 else reach.all())
    return np.where(fits, ratio, 1.0)
