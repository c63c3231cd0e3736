"""Inputs for a check: made up from what the model says it takes, or one's own out of an `.npz`."""

from pathlib import Path

import numpy as np

from tinykit.ground.errors import DataError, ModelError
from tinykit.model.graph.model import ModelGraph, Operator, Tensor
from tinykit.model.graph.reading import GraphOrFile, as_graph, read
from tinykit.model.operators.table import row_of
from tinykit.predict.runtime.child import DTYPES
from tinykit.predict.runtime.session import Array, Inputs
from tinykit.train.datasets.arrays import read_arrays

_LOOKS_UP = {"GATHER": (1, 0), "EMBEDDING_LOOKUP": (0, 1)}
"""Operators that take indices: the input with these, and that with what they point into."""
_SMALL = 16


def sample_inputs(model: bytes, n: int = 32, *, seed: int = 0) -> Inputs:
    """Inputs [n, *shape] made up for a check without data; a tuple of them for a model of several inputs.

    Real numbers, uniform over what the input can hold, or what a QUANTIZE that takes it can; else normal. Integers
    without quantisation are drawn over their type (int8, uint8, int16), over the rows that a GATHER or EMBEDDING_LOOKUP
    takes from, else 0 to 15. ModelError : no model.

    Parameters
    ----------
    model : bytes of a .tflite file.
    n : samples.
    seed : of all that is drawn.
    """
    graph, rng = read(model), np.random.default_rng(seed)
    drawn = tuple(_draw(graph, one, (n, *sample_shape(graph.tensors[one])), rng) for one in graph.inputs)
    return drawn[0] if len(drawn) == 1 else drawn


def sample_shape(tensor: Tensor) -> tuple[int, ...]:
    """Shape of one sample: without the batch axis where that is 1."""
    return tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape


def draw_codes(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Integers over the whole range of a type, or normal numbers where it is a float."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype not in DTYPES:
        raise ModelError(f"an input is of type {dtype}, of which nobody can make numbers; allowed: {', '.join(DTYPES)}")
    if np.issubdtype(np.dtype(dtype), np.integer):
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    return rng.normal(0, 1, shape).astype(dtype)


def _draw(graph: ModelGraph, index: int, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    tensor, readers = graph.tensors[index], _readers(graph, index)
    quantised = next((graph.tensors[one.outputs[0]] for one in readers if row_of(one.name).role == "quantise"), tensor)
    if tensor.dtype == "float32" or tensor.scales:
        return _draw_reals(quantised, shape, rng)
    if tensor.dtype in ("int32", "int64"):
        rows = [_count_rows(graph, one, index) for one in readers]
        return rng.integers(0, min([row for row in rows if row], default=_SMALL), shape, dtype=tensor.dtype)
    return draw_codes(rng, shape, tensor.dtype)


def _draw_reals(held: Tensor, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Over what a quantised tensor can hold."""
    if not held.scales or not held.dtype.startswith(("int", "uint")) or held.dtype not in DTYPES:
        return rng.normal(0, 1, shape).astype(np.float32)
    limits, zero = np.iinfo(held.dtype), held.zero_points[0] if held.zero_points else 0
    codes = rng.integers(limits.min, limits.max + 1, shape)
    reals: Array = ((codes - zero) * np.float64(np.float32(held.scales[0]))).astype(np.float32)
    return reals


def _readers(graph: ModelGraph, index: int, start: int = 0) -> list[Operator]:
    """Operators from `start` on that take a tensor, also behind a change of its shape."""
    found = [one for one in graph.operators[start:] if index in one.inputs]
    behind = [one for one in found if row_of(one.name).latency == "reshape" and one.outputs]
    return found + [reader for one in behind for reader in _readers(graph, one.outputs[0], one.index + 1)]


def _count_rows(graph: ModelGraph, operator: Operator, index: int) -> int:
    indices, table = _LOOKS_UP.get(operator.name, (0, 0))
    if indices == table or operator.inputs[indices] != index:
        return 0
    shape = graph.tensors[operator.inputs[table]].shape
    return shape[operator.axis if operator.name == "GATHER" else 0] if shape else 0


def read_inputs(path: str | Path, graph: GraphOrFile) -> Inputs:
    """Samples of one's own for every input of a model, from an `.npz` that `np.savez` wrote; pickles are never opened.

    Each array [n, *shape] is named as the model's input, with or without what a converter adds to a Keras name
    ("serving_default_x:0"), or none is and they stand in the order of its inputs; of a single input `x`, beside labels.

    Parameters
    ----------
    path : of the file.
    graph : the model, or its file.

    Raises
    ------
    DataError : no such file, not an `.npz` of plain arrays, another number of arrays or samples, another shape or type.
    """
    arrays, graph = read_arrays(Path(path)), as_graph(graph)
    tensors = [graph.tensors[one] for one in graph.inputs]
    names, named = [_plain(one.name) for one in tensors], {_plain(name): one for name, one in arrays.items()}
    if absent := set(names) - set(named) if set(names) & set(named) else ():
        raise DataError(f"{path} has no array for {', '.join(sorted(absent))[:200]}; name one for each input, or none")
    lone = [arrays["x"]] if len(tensors) == 1 and "x" in arrays else list(arrays.values())
    found = [named[name] for name in names] if set(names) <= set(named) else lone
    if len(found) != len(tensors):
        raise DataError(
            f"{path} holds {len(arrays)} arrays ({', '.join(arrays)[:200]}), the model has {len(tensors)} inputs\n"
            f"save one array for each, in their order or named {', '.join(names)[:200]}"
        )
    checked = tuple(_check(path, name, one, tensor) for name, one, tensor in zip(names, found, tensors, strict=True))
    if len({len(one) for one in checked}) > 1:
        raise DataError(f"{path}: the inputs have {[len(one) for one in checked]} samples; save as many of each")
    return checked[0] if len(checked) == 1 else checked


def _plain(name: str) -> str:
    """A tensor's name as Keras has it."""
    return name.removeprefix("serving_default_").removesuffix(":0")


def _check(path: str | Path, name: str, values: Array, tensor: Tensor) -> Array:
    wanted = sample_shape(tensor)
    if not len(values) if values.ndim else True:
        raise DataError(f"{path}: input {name} holds no sample; save [n, {', '.join(map(str, wanted))}]")
    if values[0].size != tensor.elements or values.shape[1:] not in (wanted, tensor.shape):
        raise DataError(f"{path}: input {name} has shape {values.shape}, the model takes {('n', *wanted)}")
    if values.dtype.name == tensor.dtype:
        return values
    if values.dtype.kind != "f" or not (tensor.scales or tensor.dtype == "float32"):
        raise DataError(
            f"{path}: input {name} is {values.dtype}, the model takes {tensor.dtype}, real numbers where quantised"
        )
    with np.errstate(over="ignore"):
        given = values.astype(np.float32)
    if np.isinf(given).any() and np.isfinite(values).all():
        raise DataError(f"{path}: input {name} holds {np.abs(values).max():.3g}, beyond float32; scale it")
    return given
