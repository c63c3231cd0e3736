"""Golden vectors: inputs, and what TFLM's reference kernels make of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import DataError
from tinykit.predict.runtime import Session, to_input


def make_golden_vectors(model: bytes, samples: ArrayLike | None = None) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Inputs and TFLM's outputs as raw bytes [n, bytes], the tensors of a sample one after the other.

    Raises
    ------
    DataError : samples for a model of several inputs, of another shape, or NaN.
    ModelError, EngineError : TFLM does not run the model.
    """
    with Session(model) as session:
        if samples is None:
            rng = np.random.default_rng(0)
            given = tuple(_random(rng, info.dtype, (3, *info.sample_shape)) for info in session.inputs)
        elif len(session.inputs) == 1:
            given = (to_input(samples, session.inputs[0]),)
        else:
            raise DataError(f"samples for a model of {len(session.inputs)} inputs; leave them out to draw random ones")
        outputs = session.run_all(given)
    return _raw(given), _raw(outputs)


def _random(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
    if dtype.startswith("float"):
        return rng.normal(0, 1, shape).astype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def _raw(tensors: tuple[NDArray[np.generic], ...]) -> NDArray[np.uint8]:
    rows = [np.frombuffer(np.ascontiguousarray(one).tobytes(), np.uint8).reshape(len(one), -1) for one in tensors]
    return np.concatenate(rows, axis=1)
