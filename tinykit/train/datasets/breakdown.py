"""Accuracy taken apart: by subject, by class, and which class is taken for which."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import DataError, ParameterError
from tinykit.ground.results import Result
from tinykit.train.datasets.dataset import Dataset, Split
from tinykit.train.datasets.scoring import Accuracy, score_predictions

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True, eq=False)
class Breakdown(Result):
    """How a classifier did on a part of a split.

    Parameters
    ----------
    part : "everyone", "group 8" or "class PEN".
    classes : names in the order of the matrix.
    matrix : int64 [classes, classes], rows true, columns predicted.
    accuracy : on that part, with its interval over recordings.
    """

    part: str
    classes: tuple[str, ...]
    matrix: NDArray[np.int64] = field(repr=False)
    accuracy: Accuracy

    @property
    def worst(self) -> str:
        """The most frequent mistake, such as "ER taken for IR (21)"; "none" where there is none."""
        wrong = self.matrix.copy()
        np.fill_diagonal(wrong, 0)
        row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
        count = int(wrong[row, column])
        return f"{self.classes[row]} taken for {self.classes[column]} ({count})" if count else "none"


def parts_of(split: Split, classes: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of a split that `break_down` knows: everyone, each group, each class."""
    groups = tuple(f"group {group}" for group in np.unique(split.groups))
    return (EVERYONE, *groups, *(f"class {classes[index]}" for index in np.unique(split.y)))


def break_down(predicted: ArrayLike, split: Split, classes: tuple[str, ...], part: str = EVERYONE) -> Breakdown:
    """Confusion matrix and accuracy of one part of a split.

    Parameters
    ----------
    predicted : [n] class indices for the whole split.
    split : the samples.
    classes : names of the classes.
    part : one of `parts_of`.

    Raises
    ------
    ParameterError : no such part.
    DataError : another number of predictions than samples, or a predicted class without a name.
    """
    found = np.asarray(predicted)
    if found.shape != split.y.shape:
        raise DataError(f"{found.shape} predictions for {len(split)} samples; give one class a sample")
    if len(found) and not 0 <= found.min() <= found.max() < len(classes):
        raise DataError(f"predicted classes {found.min()}…{found.max()}; there are names for 0…{len(classes) - 1}")
    rows = _rows_of(split, classes, part)
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(matrix, (split.y[rows], found[rows]), 1)
    return Breakdown(part, classes, matrix, _score(found[rows], split, rows))


def score_by_group(predicted: ArrayLike, split: Split) -> dict[str, Accuracy]:
    """Accuracy of each group (subject) of a split, by its number; parameters and errors as `score_predictions`."""
    found = np.asarray(predicted)
    groups = {str(group): np.flatnonzero(split.groups == group) for group in np.unique(split.groups)}
    return {name: _score(found[rows], split, rows) for name, rows in groups.items()}


def deal_windows(data: Dataset, seed: int = 0) -> Dataset:
    """The same samples dealt out one by one, groups ignored: what **not** to do, to see how it flatters.

    Each sample becomes a group of its own, or `Dataset` would refuse it. Splits keep their sizes.
    """
    parts = tuple(data.splits.values())
    order = np.random.default_rng(seed).permutation(len(data))
    ends = np.cumsum([len(part) for part in parts])[:-1]
    x, y, recordings = (np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "y", "recordings"))
    dealt = [
        Split(x[rows], y[rows], rows.astype(np.int64), recordings[rows])
        for rows in (np.sort(part) for part in np.split(order, ends))
    ]
    train, validation, test = dealt
    return replace(data, name=f"{data.name}, dealt by window", train=train, validation=validation, test=test)


def _rows_of(split: Split, classes: tuple[str, ...], part: str) -> NDArray[np.int64]:
    allowed = parts_of(split, classes)
    if part not in allowed:
        raise ParameterError(f"no part {part!r} of the split; allowed: {', '.join(allowed)}")
    if part == EVERYONE:
        return np.arange(len(split))
    kind, _, name = part.partition(" ")
    chosen = split.groups == int(name) if kind == "group" else split.y == classes.index(name)
    return np.flatnonzero(chosen)


def _score(predicted: NDArray[np.int64], split: Split, rows: NDArray[np.int64]) -> Accuracy:
    recordings = split.recordings[rows]
    several = 1 < len(np.unique(recordings)) < len(rows)
    return score_predictions(predicted, split.y[rows], recordings if several else None)
