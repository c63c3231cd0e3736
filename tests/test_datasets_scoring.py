"""Accuracy intervals against published and hand-made figures."""

from __future__ import annotations

import numpy as np
import pytest

from tinykit.ground.errors import DataError
from tinykit.train.datasets.scoring import paired_difference, score_predictions, wilson_interval


def test_wilson_against_newcombe_1998() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3: 81/263, 15/148, 0/20, 1/29.
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (right, n), (low, high) in published.items():
        assert wilson_interval(right, n) == pytest.approx((low, high), abs=6e-5)


def test_without_clusters_the_interval_is_wilson() -> None:
    labels = np.zeros(263, int)
    predicted = np.r_[np.zeros(81, int), np.ones(182, int)]
    accuracy = score_predictions(predicted, labels)
    assert accuracy.fraction == pytest.approx(81 / 263)
    assert (accuracy.low, accuracy.high) == pytest.approx(wilson_interval(81, 263))
    assert accuracy.n_clusters is None
    assert "0.308 [0.255 … 0.366] (n=263, 95 % Wilson interval)" in str(accuracy)


def test_windows_that_stand_and_fall_together_widen_the_interval() -> None:
    clusters = np.repeat(np.arange(40), 50)
    right = clusters % 4 != 0
    together = score_predictions(right, np.ones(2000, bool), clusters)
    apart = score_predictions(right, np.ones(2000, bool))
    assert together.high - together.low > 5 * (apart.high - apart.low)
    # Clusters of one size that are all right or all wrong are a binomial trial each: the interval is that of 30 of 40.
    assert together.high - together.low == pytest.approx(2 * 1.96 * np.sqrt(0.75 * 0.25 / 40), rel=0.1)
    assert together.n_clusters == 40


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(60), 20)
    covered = 0
    for _ in range(100):
        rates = rng.beta(4, 1, 60)
        right = rng.random(1200) < rates[clusters]
        accuracy = score_predictions(right, np.ones(1200, bool), clusters)
        covered += accuracy.low <= 0.8 <= accuracy.high
    assert 88 <= covered <= 100


def test_all_right_still_has_an_interval() -> None:
    accuracy = score_predictions(np.ones(100), np.ones(100), np.repeat(np.arange(10), 10))
    assert accuracy.fraction == accuracy.high == 1
    assert accuracy.low == pytest.approx(wilson_interval(10, 10)[0])


def test_paired_difference_of_equal_models_is_zero_and_of_no_width() -> None:
    predicted = np.arange(100) % 3
    same = paired_difference(predicted, predicted, np.arange(100) % 2)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert "+0.000" in str(same)


def test_paired_difference_is_narrower_than_the_accuracies() -> None:
    rng = np.random.default_rng(1)
    labels = np.zeros(1000, int)
    first = (rng.random(1000) < 0.2).astype(int)
    second = np.where(rng.random(1000) < 0.02, 1, first)
    clusters = np.repeat(np.arange(50), 20)
    change = paired_difference(first, second, labels, clusters)
    alone = score_predictions(first, labels, clusters)
    assert change.value == pytest.approx((second == 0).mean() - (first == 0).mean())
    assert change.low <= change.value <= change.high < 0.01
    assert change.high - change.low < (alone.high - alone.low) / 2


@pytest.mark.parametrize(
    ("predicted", "labels", "clusters", "message"),
    [
        ([], [], None, "no sample to score"),
        ([1, 2], [1], None, "two equally long lists"),
        ([[1]], [[1]], None, "two equally long lists"),
        ([1, 2], [1, 2], [1], "recording of each sample"),
        ([1, 2], [1, 2], [1, 1], "all samples come from one recording"),
    ],
)
def test_faults(predicted: list, labels: list, clusters: list | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        score_predictions(predicted, labels, clusters)
