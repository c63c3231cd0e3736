"""Folds by group: nobody on both sides, every class on both, normalisation of the fold's own, the test left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinykit.ground.errors import DataError, ParameterError
from tinykit.train.datasets.dataset import Dataset, assemble
from tinykit.train.datasets.folding import fold_groups
from tinykit.train.datasets.shipped import load_dataset, tasks


def made(y: list[int], groups: list[int], *, test: int = 4, classes: int = 2) -> Dataset:
    """Samples to fold, the first quarter of them validating, and a test of groups of its own."""
    rng = np.random.default_rng(0)
    labels = np.array([*y, *(list(range(classes)) * test)])
    owners = np.array([*groups, *(1000 + np.arange(classes * test))])
    raw = (rng.standard_normal((len(labels), 6, 1, 2)) * [3, 9] + [5, -40]).astype(np.float32)
    names = list(dict.fromkeys(groups))
    held = np.isin(groups, names[: max(1, len(names) // 4)])
    rows = [np.flatnonzero(~held), np.flatnonzero(held), np.arange(len(y), len(labels))]
    return assemble(
        "made", raw, labels, rows, classes=tuple("abcdef"[:classes]), sha256="0" * 64, source="a test", groups=owners
    )


def check(data: Dataset, folds: tuple[Dataset, ...]) -> None:
    pooled = {*np.unique(data.train.groups), *np.unique(data.validation.groups)}
    validated = [set(np.unique(fold.validation.groups)) for fold in folds]
    assert set().union(*validated) == pooled
    assert sum(map(len, validated)) == len(pooled), "each group validates once"
    for fold, held in zip(folds, validated, strict=True):
        assert set(np.unique(fold.train.groups)) == pooled - held
        assert fold.test is data.test
        for part in (fold.train, fold.validation):
            assert set(np.unique(part.y)) == set(range(len(data.classes)))
        axes = (0, 1, 2)
        np.testing.assert_allclose(fold.train.x.mean(axes, dtype=np.float64), 0, atol=1e-4)
        np.testing.assert_allclose(fold.train.x.std(axes, dtype=np.float64), 1, atol=1e-3)
        raw = {tuple(row) for row in np.round(data.normalisation.undo(data.train.x), 2).reshape(len(data.train), -1)}
        back = np.round(fold.normalisation.undo(fold.train.x), 2).reshape(len(fold.train), -1)
        if len(data.train) < 200:
            again = np.round(data.normalisation.undo(data.validation.x), 2).reshape(len(data.validation), -1)
            known = np.array([*raw, *map(tuple, again)])
            assert all(np.abs(known - row).max(axis=1).min() < 0.03 for row in back), "in the unit of the sensor"


@pytest.mark.parametrize("task", tasks())
@pytest.mark.parametrize("folds", [2, 5])
def test_the_shipped_tasks_fold(task, folds):
    data = load_dataset(task)
    check(data, fold_groups(data, folds))


def test_samples_that_are_groups_are_dealt_in_equal_shares():
    data = load_dataset("faces")
    for fold in fold_groups(data, 4, seed=3):
        shares = np.bincount(fold.validation.y)
        assert shares.max() - shares.min() <= 1


def test_the_seed_decides():
    data = load_dataset("watch-exercises")
    one, again = (fold_groups(data, 3, seed=1)[0] for _ in range(2))
    assert np.array_equal(one.validation.groups, again.validation.groups)
    assert np.array_equal(one.train.x, again.train.x)
    ways = {tuple(tuple(np.unique(fold.validation.groups)) for fold in fold_groups(data, 3, seed)) for seed in range(6)}
    assert len(ways) > 2


def test_groups_of_one_class_each_and_of_very_different_sizes():
    rng = np.random.default_rng(5)
    y, groups = [], []
    for group in range(24):
        size = int(rng.integers(1, 40))
        y += [group % 3] * size
        groups += [group] * size
    data = made(y, groups, classes=3)
    folds = fold_groups(data, 4)
    check(data, folds)
    sizes = [len(fold.validation) for fold in folds]
    assert max(sizes) < 2 * min(sizes)


def test_random_groups_fold_or_say_why():
    """Whatever the groups are: every class on both sides of each fold, or an error that says what to do."""
    told: list[str] = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        count = int(rng.integers(8, 20))
        homes = [rng.choice(3, size=int(rng.integers(1, 4)), replace=False) for _ in range(count)]
        pairs = [
            (group, label) for group, home in enumerate(homes) for label in home for _ in range(rng.integers(1, 9))
        ]
        if len({label for group, label in pairs if group >= max(1, count // 4)}) < 3:
            continue
        data, folds = made([label for _, label in pairs], [group for group, _ in pairs], classes=3), 3
        try:
            check(data, fold_groups(data, folds, seed))
        except DataError as error:
            told.append(str(error))
    assert len(told) < 15
    assert all("record" in text for text in told)


def test_a_class_of_fewer_groups_than_folds_is_named():
    y = [0, 1] * 8 + [0] * 8
    data = made(y, [0, 0] * 4 + [1, 1] * 4 + [2] * 4 + [3] * 4)
    check(data, fold_groups(data, 2))
    told = (
        r"class b comes from 2 groups of train and validation, fewer than 3 folds\nask for at most 2 folds, or record"
    )
    with pytest.raises(DataError, match=told):
        fold_groups(data, 3)
    alone = made([0] * 4 + [0, 1] * 4 + [0] * 4, [0] * 4 + [1] * 8 + [3] * 4)
    with pytest.raises(DataError, match=r"class b comes from 1 group of.*\nrecord it with more groups"):
        fold_groups(alone, 2)


def test_classes_that_cannot_be_dealt_evenly_are_told():
    """Each class has as many groups as folds, and two of a kind always meet: a and b share one group each way."""
    y, groups = [], []
    for group, home in enumerate([(0, 1), (0, 2), (1, 2)]):
        y += home
        groups += [group] * 2
    with pytest.raises(DataError, match=r"no 2 folds of 3 groups found with every class in each\nask for fewer folds"):
        fold_groups(made(y * 2, groups * 2, classes=3), 2)


@pytest.mark.parametrize("folds", [1, 0, -3, 2.0, "5"])
def test_folds_are_a_whole_number_from_two(folds):
    with pytest.raises(ParameterError, match="give a whole number from 2"):
        fold_groups(load_dataset("faces"), folds)


def test_a_constant_channel_stays_finite():
    data = load_dataset("faces")
    flat = replace(data, train=replace(data.train, x=data.train.x * 0))
    assert all(np.isfinite(fold.train.x).all() for fold in fold_groups(flat, 2))
