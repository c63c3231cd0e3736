"""Accuracy taken apart: matrices by hand, parts, and what dealing windows at random does to the groups."""

from __future__ import annotations

import numpy as np
import pytest

from tinykit.ground.errors import DataError, ParameterError
from tinykit.train.datasets.dataset import Dataset, Normalisation, Split
from tinykit.train.datasets.scoring import (
    EVERYONE,
    break_down,
    deal_windows,
    parts_of,
    score_by_group,
    score_predictions,
)

CLASSES = ("up", "down", "rest")
SPLIT = Split(
    np.zeros((6, 2, 1, 1), np.float32),
    np.array([0, 0, 1, 1, 2, 2]),
    np.array([4, 4, 4, 7, 7, 7]),
    np.array([0, 0, 1, 2, 2, 3]),
)
PREDICTED = [0, 1, 1, 1, 1, 1]


def make_split(group: int, n: int = 12) -> Split:
    x = np.full((n, 2, 1, 1), group, np.float32) + np.arange(n, dtype=np.float32).reshape(n, 1, 1, 1) / 100
    return Split(x, np.arange(n) % 3, np.full(n, group), np.arange(n) // 4 + 100 * group)


def test_a_matrix_by_hand():
    found = break_down(PREDICTED, SPLIT, CLASSES)
    assert found.matrix.tolist() == [[1, 1, 0], [0, 2, 0], [0, 2, 0]]
    assert (found.part, found.accuracy.n, found.accuracy.fraction) == (EVERYONE, 6, 0.5)
    assert found.worst == "rest taken for down (2)"


def test_parts_are_everyone_each_group_and_each_class():
    assert parts_of(SPLIT, CLASSES) == (EVERYONE, "group 4", "group 7", "class up", "class down", "class rest")
    group = break_down(PREDICTED, SPLIT, CLASSES, "group 7")
    assert group.matrix.tolist() == [[0, 0, 0], [0, 1, 0], [0, 2, 0]]
    one = break_down(PREDICTED, SPLIT, CLASSES, "class down")
    assert (one.accuracy.fraction, one.accuracy.n, one.worst) == (1.0, 2, "none")


def test_a_part_that_is_not_there_is_refused_with_what_is():
    with pytest.raises(ParameterError, match="no part 'group 9' of the split; allowed: everyone, group 4, group 7"):
        break_down(PREDICTED, SPLIT, CLASSES, "group 9")


def test_groups_add_up_to_everyone():
    found = score_by_group(PREDICTED, SPLIT)
    assert list(found) == ["4", "7"]
    assert sum(one.fraction * one.n for one in found.values()) == 3
    rows = SPLIT.groups == 4
    expected = score_predictions(np.array(PREDICTED)[rows], SPLIT.y[rows], SPLIT.recordings[rows])
    assert found["4"] == expected


def test_predictions_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match=r"\(5,\) predictions for 6 samples"):
        break_down(PREDICTED[:5], SPLIT, CLASSES)
    with pytest.raises(DataError, match="there are names for 0…2"):
        break_down([3, *PREDICTED[1:]], SPLIT, CLASSES)


def test_dealing_windows_keeps_every_sample_once_and_every_size():
    parts = [make_split(group) for group in (1, 2, 3)]
    data = Dataset("own", CLASSES, *parts, Normalisation((0.0,), (1.0,)), None, "0" * 64, "made up")
    dealt = deal_windows(data, seed=1)
    assert [len(part) for part in dealt.splits.values()] == [12, 12, 12]
    before, after = (np.sort(np.concatenate([part.x.ravel() for part in one.splits.values()])) for one in (data, dealt))
    assert before.tolist() == after.tolist()
    shared = np.intersect1d(dealt.train.recordings, dealt.test.recordings)
    assert len(shared), "recordings that were apart are now in training and test"
    for part in dealt.splits.values():
        assert (part.x[:, 0, 0, 0].astype(int) == part.recordings // 100).all()


def test_an_accuracy_as_json_leaves_out_what_is_none():
    assert "n_clusters" not in score_predictions([0, 1], [0, 0]).to_json()
    assert score_predictions([0, 1, 1], [0, 0, 1], [1, 1, 2]).to_json()["n_clusters"] == 2


def test_normalisation_undoes_itself():
    raw = np.array([[1.0, -3.0], [4.0, 20.0]], np.float32)
    normalisation = Normalisation((2.0, 5.0), (0.5, 4.0))
    assert normalisation.undo(normalisation.apply(raw)) == pytest.approx(raw)
