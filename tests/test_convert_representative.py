"""The representative dataset is checked, never invented."""

from __future__ import annotations

import numpy as np
import pytest

from tinykit.ground.errors import DataError
from tinykit.train.conversion.converting import check_representative

SHAPE = (20, 1, 3)


def samples(n: int = 100, **changes: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((n, *SHAPE)) * changes.get("scale", 1.0) + changes.get("shift", 0.0)
    return drawn.astype(np.float32)


def with_nan() -> np.ndarray:
    array = samples()
    array[3, 0, 0, 0] = np.nan
    array[4, 0, 0, 0] = np.inf
    return array


def test_good_samples_pass_without_a_word() -> None:
    array, notes = check_representative(samples().astype(np.float64), SHAPE, samples(500))
    assert array.dtype == np.float32
    assert notes == ()


def test_few_samples_are_noted() -> None:
    _, notes = check_representative(samples(20), SHAPE)
    assert notes == ("20 representative samples; 100 or more give steadier ranges",)


def test_an_open_size_takes_any() -> None:
    check_representative(samples(), (None, 1, 3))


@pytest.mark.parametrize(
    ("array", "training", "message"),
    [
        (None, None, "no representative samples"),
        (samples()[:, :10], None, r"shape \(100, 10, 1, 3\); the network takes \[n, 20, 1, 3\]"),
        (samples()[0], None, r"the network takes \[n, 20, 1, 3\]"),
        (np.zeros((100, *SHAPE), np.uint8), None, "are uint8; give float samples"),
        (samples(9), None, "9 representative samples; 10 are the least"),
        (with_nan(), None, "2 of 100 representative samples hold NaN"),
        (np.zeros((100, *SHAPE)), None, "all 0; they set no range"),
        (samples(scale=50), samples(), "span .*\n.*normalised in the same way"),
        (samples(scale=0.1), samples(), "span .*\n.*normalised in the same way"),
        (samples(shift=10), samples(), "away from the training samples"),
    ],
)
def test_faults(array: np.ndarray | None, training: np.ndarray | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_representative(array, SHAPE, training)
