"""The representative dataset: checked against what the network was trained on, never invented."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import DataError

MINIMUM = 10
RECOMMENDED = 100
_SPREAD_LIMIT = 3.0


def check_representative(
    samples: Any, input_shape: tuple[int | None, ...], training: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The samples as float32 [n, ...] ready for calibration, and remarks worth showing.

    Parameters
    ----------
    samples : normalised as the network sees them, shape [n, *input_shape].
    input_shape : of the network, without batch; None matches any size.
    training : training samples (or some of them), to compare ranges with; None skips that comparison.

    Raises
    ------
    DataError : None, wrong shape, not float, NaN or infinity, fewer than 10, all equal, or of another range than
        the training samples (their span differs by more than a factor of 3, as when one of them is not normalised).
    """
    if samples is None:
        raise DataError(
            "no representative samples: the converter cannot know the range of the activations;\n"
            f"give about {RECOMMENDED} real training samples (dataset.representative())"
        )
    array = np.asarray(samples)
    _check_form(array, input_shape)
    _check_values(array)
    if training is not None:
        _check_range(array, np.asarray(training))
    notes: tuple[str, ...] = ()
    if len(array) < RECOMMENDED:
        notes = (f"{len(array)} representative samples; {RECOMMENDED} or more give steadier ranges",)
    return np.ascontiguousarray(array, np.float32), notes


def _check_form(array: NDArray[Any], input_shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(input_shape) + 1 and all(
        wanted is None or size == wanted for size, wanted in zip(array.shape[1:], input_shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("?" if size is None else str(size) for size in input_shape)
        raise DataError(f"representative samples of shape {array.shape}; the network takes [n, {wanted}]")
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(f"representative samples are {array.dtype}; give float samples normalised as in training")
    if len(array) < MINIMUM:
        raise DataError(f"{len(array)} representative samples; {MINIMUM} are the least, {RECOMMENDED} a good number")


def _check_values(array: NDArray[Any]) -> None:
    bad = int((~np.isfinite(array)).reshape(len(array), -1).any(axis=1).sum())
    if bad:
        raise DataError(f"{bad} of {len(array)} representative samples hold NaN or infinity; leave them out")
    if array.min() == array.max():
        raise DataError(f"representative samples are all {array.min():g}; they set no range, give real ones")


def _check_range(array: NDArray[Any], training: NDArray[Any]) -> None:
    spans = [float(np.subtract(*np.percentile(part, [99, 1]))) for part in (array, training)]
    ratio = spans[0] / spans[1] if spans[1] > 0 else np.inf
    if not 1 / _SPREAD_LIMIT <= ratio <= _SPREAD_LIMIT:
        raise DataError(
            f"representative samples span {spans[0]:.3g} (1st to 99th percentile), training samples {spans[1]:.3g};\n"
            "were both normalised in the same way?"
        )
    shift = abs(float(array.mean()) - float(training.mean()))
    if shift > spans[1]:
        raise DataError(f"representative samples lie {shift:.3g} away from the training samples; normalise both alike")
