"""Cutting recordings into windows, and dealing groups out to splits."""

import math
from collections.abc import Sequence

import numpy as np

from tinykit.ground.errors import DataError, ParameterError
from tinykit.train.datasets.dataset import Dataset, Floats, Labels, Normalisation, Split

_ATTEMPTS = 500


def cut_windows(signal: Floats, length: int, step: int) -> Floats:
    """Windows [n, length, channels] of a recording [samples, channels]; a rest shorter than a window is dropped.

    >>> cut_windows(np.zeros((250, 6), np.float32), 100, 50).shape
    (4, 100, 6)
    """
    if length < 1 or step < 1:
        raise ParameterError(f"window of {length} samples every {step}: both must be at least 1")
    starts = range(0, len(signal) - length + 1, step)
    if not starts:
        return np.zeros((0, length, signal.shape[1]), signal.dtype)
    return np.stack([signal[start : start + length] for start in starts])


def stack_windows(signals: Sequence[Floats], length: int, step: int) -> tuple[Floats, Labels]:
    """Windows of many recordings as [n, length, 1, channels], and the recording each came from [n]."""
    parts = [cut_windows(np.asarray(signal, np.float32), length, step) for signal in signals]
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return np.concatenate(parts)[:, :, None, :], owner


def deal_groups(y: Labels, groups: Labels, fractions: tuple[float, float, float], seed: int) -> list[Labels]:
    """Row numbers of train, validation and test, whole groups each, every class in training and test.

    `fractions` of the groups sum to 1; of the random orders by `seed` the first that leaves no class out is taken.
    """
    if min(fractions) <= 0 or not math.isclose(sum(fractions), 1.0, rel_tol=1e-6):
        raise ParameterError(f"fractions {fractions} must be above 0 and sum to 1, such as (0.6, 0.15, 0.25)")
    names = np.unique(groups)
    if len(names) < 3:
        raise DataError(f"{len(names)} groups are too few to split; three (train, validation, test) are the least")
    held = [max(1, round(fraction * len(names))) for fraction in fractions[1:]]
    held[1] = min(held[1], len(names) - 1 - held[0]) if len(names) - 1 - held[0] > 0 else 1
    rng = np.random.default_rng(seed)
    for _ in range(_ATTEMPTS):
        order = rng.permutation(names)
        parts = order[sum(held) :], order[: held[0]], order[held[0] : sum(held)]
        rows = [np.flatnonzero(np.isin(groups, part)) for part in parts]
        if all(set(np.unique(y[rows[index]])) == set(np.unique(y)) for index in (0, 2)):
            return rows
    raise DataError(f"no split of {len(names)} groups has every class in training and test; record more groups")


def deal_classes(y: Labels, counts: tuple[int, ...], seed: int) -> list[Labels]:
    """Row numbers of splits with so many samples of each class, for samples that stand each for itself."""
    rng = np.random.default_rng(seed)
    parts: list[list[Labels]] = [[] for _ in counts]
    ends = np.cumsum(counts)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))[: ends[-1]]
        for part, chunk in zip(parts, np.split(rows, ends[:-1]), strict=True):
            part.append(chunk)
    return [np.sort(np.concatenate(part)) for part in parts]


def assemble(
    name: str,
    raw: Floats,
    y: Labels,
    rows: Sequence[Labels],
    *,
    classes: tuple[str, ...],
    sha256: str,
    source: str,
    groups: Labels | None = None,
    recordings: Labels | None = None,
    rate_hz: float | None = None,
) -> Dataset:
    """A `Dataset` from raw samples: normalisation fitted on the training rows, then applied to all.

    Parameters
    ----------
    raw : [n, height, width, channels] in the sensor's unit.
    y : [n] class indices.
    rows : row numbers of train, validation, test.
    groups, recordings : [n], who each sample is of, and in which recording; each stands for itself if None.
    name, classes, rate_hz, sha256, source : as in `Dataset`.
    """
    own = np.arange(len(y))
    groups, recordings = (np.asarray(own if one is None else one, np.int64) for one in (groups, recordings))
    if not np.isfinite(raw).all():
        bad = int((~np.isfinite(raw)).reshape(len(raw), -1).any(axis=1).sum())
        raise DataError(f"{name}: {bad} of {len(raw)} samples hold NaN or infinity; drop or repair them first")
    normalisation = Normalisation.fit(raw[rows[0]])
    y = np.asarray(y, np.int64)
    train, validation, test = (
        Split(normalisation.apply(raw[part]), y[part], groups[part], recordings[part]) for part in rows
    )
    return Dataset(name, classes, train, validation, test, normalisation, rate_hz, sha256, source)
