"""Weights of a finished .tflite on a grid of sixteen levels (4-bit weights on int8 activations), without TensorFlow.

The weights of a channel become k·t, k in -7…7, stored as int8: as 127k/7, the same fifteen numbers for every channel.
Its scale takes up the rest, s' = s · 7t/127, and its bias, which counts in input scale × s, is divided by the same. So
the file is a plain int8 model for every runtime, and DECODE stores its weights in 4-bit indices with one table. A
channel whose bias or scale would leave its type (dead ones have scales near 1e-38) keeps its scale.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import DataError, ModelError
from tinykit.model.graph import schema
from tinykit.model.graph.model import INT4, ModelGraph
from tinykit.model.graph.reading import read
from tinykit.model.graph.tree import read_tree
from tinykit.model.graph.writing import write_tree
from tinykit.predict.packing.decoding import choose_codings, list_weights, weights_of
from tinykit.predict.packing.leaning import Packed, check_equal
from tinykit.predict.runtime.codes import to_codes, to_reals
from tinykit.predict.runtime.reference import reference_engine
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.session import Array, Inputs, Session

MOST = 7
LEVELS = np.rint(np.arange(-MOST, MOST + 1) * (127 / MOST)).astype(np.int8)
"""What a weight is stored as, by its level."""
_SHARES = np.concatenate([np.linspace(0.5, 1, 26), MOST / np.arange(MOST - 1, 0, -1)])
"""Steps that are tried, of the one that puts the largest weight on the outermost level; beyond 1 for coarser grids."""
_SCALES, _SAMPLES, _LEAST_GAIN_BYTES = ("max", "least squares"), 16, 64
Reals = NDArray[np.float64]


def grid_weights(
    model: ModelGraph | bytes | str | Path, samples: Inputs | None = None, labels: ArrayLike | None = None
) -> Packed:
    """A finished int8 model with 4-bit weights wherever DECODE then stores them in fewer bytes; outputs change.

    Scales by the largest weight and by least squares, the first layer on the grid and not, are run in TFLM, or in what
    stands in for it; taken is what meets most labels, of equals all on the grid, then that whose outputs stray least:
    see `recipe`. `code_weights` or `pack` store the result. Packed int4 weights become the int8 model of the same
    values, proven equal to the byte.

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
    if packed := [one.index for one in graph.tensors if one.dtype == INT4]:
        after = _write(graph, {index: ("int8", graph.constant(index).tobytes(), np.ones(1)) for index in packed})
        return Packed(graph, after, ("int4 as int8",), check_equal(graph, after, 4))
    paying = _list_paying(graph)
    if not paying:
        raise ModelError("no int8 weights of the model take fewer bytes on a 4-bit grid; leave it as it is")
    ways = [(scales, kept) for kept in (0, 1)[: len(paying)] for scales in _SCALES]
    made = [_put(graph, paying[kept:], scales) for scales, kept in ways]
    best, told = _choose(graph, made, samples, labels)
    recipe = f"4-bit grid by {ways[best][0]}", *(["first layer int8"] if ways[best][1] else []), told
    return Packed(graph, made[best], recipe, None)


def _choose(
    graph: ModelGraph, made: Sequence[ModelGraph], samples: Inputs | None, labels: ArrayLike | None
) -> tuple[int, str]:
    """Which of the models, the first two wholly on the grid, does best on the samples, and how well in words."""
    given = sample_inputs(graph.data, _SAMPLES) if samples is None else samples
    own, *found = (_run(one, given) for one in (graph, *made))
    apart = [float(np.sqrt(np.mean((one - own) ** 2))) for one in found]
    if labels is None:
        told = "made-up inputs" if samples is None else f"{len(own)} samples"
        return int(np.argmin(apart)), f"outputs {min(apart):.2g} apart on {told}"
    truth = np.asarray(labels)
    if truth.shape != (len(own),):
        raise DataError(f"labels of shape {truth.shape} for {len(own)} samples; give one class each")
    right = [float((one.argmax(axis=1) == truth).mean()) for one in found]
    best = max(range(len(found)), key=lambda at: (right[at], at < len(_SCALES), -apart[at]))
    return best, f"{right[best]:.1%} of {len(truth)} samples right"


def _run(graph: ModelGraph, samples: Inputs) -> Array:
    """The first output as real numbers [n, values]."""
    with Session(graph.data, engine=reference_engine().engine, timeout_s=600.0) as session:
        return to_reals(session, session.run_all(to_codes(session, samples)))[0].astype(np.float64)


def _list_paying(graph: ModelGraph) -> tuple[int, ...]:
    """The int8 weights that DECODE stores in fewer bytes on the grid, in the order in which operators read them."""
    able = tuple(one for one in list_weights(graph) if _others(graph, one) is not None)
    whole = _put(graph, able, _SCALES[0])
    paying = choose_codings(whole, read_tree(whole.data), _LEAST_GAIN_BYTES)
    order = [weights_of(graph, one.index) for one in graph.operators]
    return tuple(sorted((one for one in able if one in paying), key=order.index))


def _others(graph: ModelGraph, index: int) -> tuple[int, ...] | None:
    """The axes along which weights share a scale; None of others than int8, or where scales lie otherwise."""
    tensor = graph.tensors[index]
    axis, axes, count = tensor.quantised_dimension, tuple(range(len(tensor.shape))), len(tensor.scales)
    if tensor.dtype != "int8" or any(tensor.zero_points) or (count != 1 and tensor.shape[axis : axis + 1] != (count,)):
        return None
    return axes if count == 1 else axes[:axis] + axes[axis + 1 :]


def _put(graph: ModelGraph, weights: Sequence[int], scales: str) -> ModelGraph:
    """The model with these weights on the grid."""
    changed: dict[int, tuple[str, bytes, Reals]] = {}
    for index in weights:
        values = graph.constant(index).astype(np.float64)
        steps = _find_steps(values, _others(graph, index), scales)
        readers = [one for one in graph.operators if weights_of(graph, one.index) == index]
        biases = {bias for one in readers for bias in one.inputs[2:3] if bias >= 0}
        ratio = _keep_in_type(graph, index, biases, steps.ravel() * MOST / 127)
        stored = LEVELS[_level(values, ratio.reshape(steps.shape) * 127 / MOST) + MOST]
        changed[index] = "int8", stored.tobytes(), ratio
        for bias, held in ((bias, graph.constant(bias)) for bias in biases if np.any(ratio != 1)):
            changed[bias] = held.dtype.name, np.rint(held / ratio).astype(held.dtype).tobytes(), ratio
    return _write(graph, changed)


def _write(graph: ModelGraph, changed: dict[int, tuple[str, bytes, Reals]]) -> ModelGraph:
    """The lean model with other constants: type, bytes, and the ratio of scales to what they were."""
    tree = read_tree(graph.data)
    buffers, tensors = list(tree.buffers), list(tree.main.tensors)
    for index, (kind, content, ratio) in changed.items():
        scales = np.frombuffer(tensors[index].scales, "<f4")
        scales = (scales * ratio).astype("<f4") if len(scales) in (1, len(ratio)) else scales
        code, place = schema.TYPE_NAMES.index(kind), len(buffers)
        tensors[index] = replace(tensors[index], code=code, buffer=place, scales=scales.tobytes())
        buffers.append(content)
    graphs = (replace(tree.main, tensors=tuple(tensors)), *tree.graphs[1:])
    return read(write_tree(replace(tree, graphs=graphs, buffers=tuple(buffers))), f"{graph.path} (grid)")


def _level(values: Reals, steps: Reals) -> NDArray[np.int64]:
    return np.clip(np.rint(values / steps), -MOST, MOST).astype(np.int64)


def _find_steps(values: Reals, others: tuple[int, ...] | None, scales: str) -> Reals:
    """The distance of two levels for each scale, in steps of int8; full range where all are zero."""
    most = np.abs(values).max(axis=others, keepdims=True, initial=0.0)
    widest: Reals = np.where(most > 0, most, 127.0) / MOST
    if scales == _SCALES[0]:
        return widest
    tried = [widest * share for share in _SHARES]
    errors = [((values - _level(values, one) * one) ** 2).sum(axis=others, keepdims=True) for one in tried]
    best: Reals = widest * _SHARES[np.argmin(errors, axis=0)]
    return best


def _keep_in_type(graph: ModelGraph, weights: int, biases: set[int], ratio: Reals) -> Reals:
    """The ratios of new scales to old, 1 where a bias or a scale would leave its type or belongs to others too."""
    others = [one for one in graph.operators if weights_of(graph, one.index) != weights]
    apart = {*graph.outputs, *(index for one in others for index in one.inputs)}
    scales = (np.asarray(graph.tensors[weights].scales) * ratio).astype(np.float32)
    fits = (scales >= np.finfo(np.float32).tiny) & np.isfinite(scales)
    for bias in biases:
        tensor = graph.tensors[bias]
        if (
            bias in apart
            or not tensor.is_constant
            or tensor.dtype not in ("int32", "int64")
            or (len(ratio) not in (1, tensor.elements))
        ):
            return np.ones_like(ratio)
        reach = np.abs(graph.constant(bias) / ratio) < np.iinfo(tensor.dtype).max
        fits = fits & (reach if len(ratio) > 1 else reach.all())
    return np.where(fits, ratio, 1.0)
