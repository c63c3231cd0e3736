"""Accuracy with an interval that takes account of windows cut from one recording; as a whole, and taken apart."""

import math
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import DataError, ParameterError
from tinykit.ground.results import Result
from tinykit.train.datasets.dataset import Dataset, Labels, Split

EVERYONE = "everyone"
_CONFIDENCE = 0.95
_RESAMPLES = 2000
_Z = 1.959963984540054  # standard normal quantile at 0.975
_SEED = 7


@dataclass(frozen=True, slots=True)
class Accuracy(Result):
    """Fraction of samples classified correctly, with its 95 % interval.

    Parameters
    ----------
    fraction, low, high : 0–1.
    n : samples scored.
    n_clusters : independent recordings they come from, None where each sample stands for itself.
    method : how the interval was made.
    """

    fraction: float
    low: float
    high: float
    n: int
    n_clusters: int | None
    method: str

    def to_json(self) -> dict[str, float | int | str]:
        """The accuracy as a plain dict of JSON and TOML types; what is None is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def __str__(self) -> str:
        return f"{self.fraction:.3f} [{self.low:.3f} … {self.high:.3f}] (n={self.n}, {self.method})"

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class Difference(Result):
    """Accuracy of model B minus that of model A on the same samples, with its 95 % interval; fields as `Accuracy`."""

    value: float
    low: float
    high: float
    n: int
    n_clusters: int | None
    method: str

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f} … {self.high:+.3f}] (n={self.n}, {self.method})"

    __repr__ = __str__


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
    matrix: Labels = field(repr=False)
    accuracy: Accuracy

    @property
    def worst(self) -> str:
        """The most frequent mistake, such as "ER taken for IR (21)"; "none" where there is none."""
        wrong = self.matrix.copy()
        np.fill_diagonal(wrong, 0)
        row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
        count = int(wrong[row, column])
        return f"{self.classes[row]} taken for {self.classes[column]} ({count})" if count else "none"


def score_predictions(predicted: ArrayLike, labels: ArrayLike, clusters: ArrayLike | None = None) -> Accuracy:
    """Accuracy of predicted classes against labels.

    Parameters
    ----------
    predicted, labels : [n] class indices.
    clusters : [n], the recording of each sample. With them the interval is a percentile bootstrap over recordings
        (2,000 resamples, fixed seed), since windows of one recording are right or wrong together; without, Wilson's
        score interval (Wilson 1927). With few subjects even recordings hide the spread between people.

    Raises
    ------
    DataError : nothing to score, lengths differ, not one-dimensional, or a single cluster.
    """
    right = _hits(predicted, labels)
    fraction, n = float(right.mean()), len(right)
    if clusters is None:
        low, high = wilson_interval(int(right.sum()), n)
        return Accuracy(fraction, low, high, n, None, "95 % Wilson interval")
    sums, sizes = _by_cluster(right.astype(np.float64), clusters)
    if fraction in (0.0, 1.0):  # every resample is the same: fall back on one trial a recording
        low, high = wilson_interval(round(fraction * len(sizes)), len(sizes))
        return Accuracy(fraction, low, high, n, len(sizes), f"95 % Wilson interval over {len(sizes)} recordings")
    low, high = _bootstrap(sums, sizes)
    method = f"95 % bootstrap over {len(sizes)} recordings"
    return Accuracy(fraction, min(low, fraction), max(high, fraction), n, len(sizes), method)


def paired_difference(
    predicted_a: ArrayLike, predicted_b: ArrayLike, labels: ArrayLike, clusters: ArrayLike | None = None
) -> Difference:
    """Accuracy of B minus accuracy of A on the same samples: what both get right or wrong cancels out.

    Parameters
    ----------
    predicted_a, predicted_b : class indices [n] of both models.
    labels, clusters : [n], errors too as in `score_predictions`; without clusters each sample is resampled by itself.
    """
    change = _hits(predicted_b, labels).astype(np.float64) - _hits(predicted_a, labels)
    value, n = float(change.mean()), len(change)
    sums, sizes = _by_cluster(change, np.arange(n) if clusters is None else clusters)
    low, high = _bootstrap(sums, sizes)
    shown = None if clusters is None else len(sizes)
    method = f"95 % bootstrap over {n} samples" if shown is None else f"95 % bootstrap over {shown} recordings"
    return Difference(value, min(low, value), max(high, value), n, shown, method)


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval for `right` of `n` trials (Wilson, J. Am. Stat. Assoc. 22 (1927) 209).

    centre = (p + z²/2n) / (1 + z²/n), half width = z √(p(1-p)/n + z²/4n²) / (1 + z²/n), p = right/n, z = 1.96.

    >>> [round(end, 4) for end in wilson_interval(81, 263)]
    [0.2553, 0.3662]
    """
    p, square = right / n, _Z**2
    centre = (p + square / (2 * n)) / (1 + square / n)
    half = _Z * math.sqrt(p * (1 - p) / n + square / (4 * n**2)) / (1 + square / n)
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def parts_of(split: Split, classes: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of a split that `break_down` knows: everyone, each group, each class."""
    return tuple(_rows_of_parts(split, classes))


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
    parts = _rows_of_parts(split, classes)
    if part not in parts:
        raise ParameterError(f"no part {part!r} of the split; allowed: {', '.join(parts)}")
    rows = parts[part]
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
    rows = [np.sort(part).astype(np.int64) for part in np.split(order, ends)]
    train, validation, test = (Split(x[part], y[part], part, recordings[part]) for part in rows)
    return replace(data, name=f"{data.name}, dealt by window", train=train, validation=validation, test=test)


def _hits(predicted: ArrayLike, labels: ArrayLike) -> NDArray[np.bool_]:
    first, second = np.asarray(predicted), np.asarray(labels)
    if first.ndim != 1 or first.shape != second.shape:
        raise DataError(f"predictions {first.shape} and labels {second.shape}: give two equally long lists of classes")
    if not len(first):
        raise DataError("no sample to score; give at least one prediction and its label")
    hits: NDArray[np.bool_] = first == second
    return hits


def _by_cluster(values: NDArray[np.float64], clusters: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    names = np.asarray(clusters)
    if names.shape != values.shape:
        raise DataError(f"clusters {names.shape} for {len(values)} samples; give the recording of each sample")
    _, index = np.unique(names, return_inverse=True)
    sizes = np.bincount(index).astype(np.float64)
    if len(sizes) < 2:
        raise DataError("all samples come from one recording: no interval can be told; score more recordings")
    return np.bincount(index, weights=values).astype(np.float64), sizes


def _bootstrap(sums: NDArray[np.float64], sizes: NDArray[np.float64]) -> tuple[float, float]:
    drawn = np.random.default_rng(_SEED).multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), _RESAMPLES)
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile((drawn @ sums) / (drawn @ sizes), [tail, 1 - tail])
    return float(low), float(high)


def _rows_of_parts(split: Split, classes: tuple[str, ...]) -> dict[str, Labels]:
    groups = {f"group {group}": np.flatnonzero(split.groups == group) for group in np.unique(split.groups)}
    kinds = {f"class {classes[index]}": np.flatnonzero(split.y == index) for index in np.unique(split.y)}
    return {EVERYONE: np.arange(len(split)), **groups, **kinds}


def _score(predicted: Labels, split: Split, rows: Labels) -> Accuracy:
    recordings = split.recordings[rows]
    several = 1 < len(np.unique(recordings)) < len(rows)
    return score_predictions(predicted, split.y[rows], recordings if several else None)
