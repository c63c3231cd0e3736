"""The form every dataset takes: three splits that share no group, and the normalisation they went through.

Recordings are cut into windows, and groups dealt out to splits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tinykit.ground import limits
from tinykit.ground.errors import DataError, ParameterError
from tinykit.ground.results import Result
from tinykit.train.fronts.bound import BoundFront
from tinykit.train.fronts.front import Front

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Split(Result):
    """One part of a dataset.

    Parameters
    ----------
    x : float32 [n, height, width, channels], normalised.
    y : int64 [n], class indices.
    groups : int64 [n], who the sample comes from (subject, speaker, writer); no group is in two splits.
    recordings : int64 [n], the uninterrupted recording it was cut from; its windows are not independent.
    """

    x: Floats
    y: Labels
    groups: Labels
    recordings: Labels

    def __post_init__(self) -> None:
        sizes = {len(self.x), len(self.y), len(self.groups), len(self.recordings)}
        if len(sizes) != 1:
            raise DataError(f"x, y, groups, recordings have {sorted(sizes)} rows; give one entry a sample in each")
        for array in (self.x, self.y, self.groups, self.recordings):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return f"Split(n={len(self)}, groups={len(np.unique(self.groups))}, x={self.x.shape})"

    def take(self, count: int, seed: int = 0) -> Split:
        """A random subset of at most `count` samples, classes in their own proportion as chance has it."""
        if count < 1:
            raise ParameterError(f"count {count} is below 1; ask for at least one sample")
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[:count])
        return Split(self.x[chosen], self.y[chosen], self.groups[chosen], self.recordings[chosen])


@dataclass(frozen=True, slots=True)
class Normalisation(Result):
    """What the device must do to a raw sample before the network sees it: (raw - mean) / std, per channel.

    Parameters
    ----------
    mean, std : one figure per channel, in the unit of the sensor, fitted on the training split alone.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(cls, raw: Floats) -> Normalisation:
        """Fit on raw training samples [n, height, width, channels]; a constant channel gets std 1."""
        axes = tuple(range(raw.ndim - 1))
        mean, std = raw.mean(axes, dtype=np.float64), raw.std(axes, dtype=np.float64)
        return cls(tuple(mean.tolist()), tuple(np.where(std > 0, std, 1.0).tolist()))

    def apply(self, raw: Floats) -> Floats:
        """Raw samples [..., channels] to what the network is trained on, float32."""
        return np.asarray((raw - np.asarray(self.mean)) / np.asarray(self.std), np.float32)

    def undo(self, normal: Floats) -> Floats:
        """What a normalised sample was in the unit of the sensor: x · std + mean, float32."""
        return np.asarray(normal * np.asarray(self.std) + np.asarray(self.mean), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset(Result):
    """A task: labelled samples split by group, ready for a network.

    Parameters
    ----------
    name : the task's id.
    classes : class names, in the order of the labels.
    train, validation, test : the splits; test is what accuracy is reported on, and nothing is chosen by it.
    normalisation : already applied to x; the device applies it to raw samples.
    rate_hz : sampling rate of a signal as it is recorded, None for images.
    sha256 : of the file, or of the arrays, the data came from.
    source : where it came from, for reports.
    front : what was done to recordings or images before normalisation, None for the task's own.
    recorded : shape of a window before the front, all channels in it; None for images, or where nobody told.

    Raises
    ------
    DataError : NaN or infinity in x, one class only, a label without a class, a class missing in training
        or test, a group in two splits, different shapes.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    normalisation: Normalisation
    rate_hz: float | None
    sha256: str
    source: str
    front: Front | None = None
    recorded: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _check_samples(self)
        _check_classes(self)
        _check_groups(self)

    @property
    def splits(self) -> dict[str, Split]:
        """The three splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample, without batch."""
        return tuple(self.train.x.shape[1:])

    @property
    def bound(self) -> BoundFront | None:
        """The front on windows as the device records them; None without one, of images, or of windows not told."""
        if self.front is None or self.rate_hz is None or self.recorded is None:
            return None
        return self.front.bind(self.recorded, self.rate_hz)

    def __len__(self) -> int:
        return sum(len(split) for split in self.splits.values())

    def __repr__(self) -> str:
        sizes = "/".join(str(len(split)) for split in self.splits.values())
        return f"Dataset({self.name}: {len(self.classes)} classes, {sizes} samples of {self.input_shape})"

    def representative(self, count: int = 200, seed: int = 0) -> Floats:
        """Training samples for the converter's calibration, float32 [count, ...]."""
        return self.train.take(count, seed).x


def _check_samples(data: Dataset) -> None:
    for name, split in data.splits.items():
        if len(split) == 0:
            raise DataError(f"{data.name}: the {name} split is empty; give it samples of its own groups")
        if split.x.ndim != 4 or tuple(split.x.shape[1:]) != data.input_shape:
            raise DataError(f"{data.name}: {name} x has shape {split.x.shape}; expected [n, height, width, channels]")
        bad = int((~np.isfinite(split.x)).any(axis=(1, 2, 3)).sum())
        if bad:
            raise DataError(f"{data.name}: {bad} {name} samples hold NaN or infinity; drop or repair them first")


def _check_classes(data: Dataset) -> None:
    if len(data.classes) < 2:
        raise DataError(f"{data.name}: one class only ({data.classes}); a classifier needs at least two")
    allowed = set(range(len(data.classes)))
    for name, split in data.splits.items():
        seen = set(np.unique(split.y).tolist())
        if seen - allowed:
            raise DataError(f"{data.name}: {name} label {min(seen - allowed)} has no class; allowed: 0…{max(allowed)}")
        if name != "validation" and allowed - seen:
            absent = ", ".join(data.classes[index] for index in sorted(allowed - seen))
            raise DataError(f"{data.name}: no {name} sample of class {absent}; give every class groups in each split")


def _check_groups(data: Dataset) -> None:
    for name, other in combinations(data.splits, 2):
        shared = np.intersect1d(data.splits[name].groups, data.splits[other].groups)
        if len(shared):
            raise DataError(
                f"{data.name}: group {shared[0]} is in both {name} and {other} ({len(shared)} shared);\n"
                "accuracy would be that of known people: give each group to one split"
            )


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
    values = sum(max(0, len(one) - length + 1) // max(step, 1) * length * one.shape[1] for one in signals)
    if values * 4 > 4 * limits.WEIGHTS_BYTES:
        raise ParameterError(f"windows of {length} samples every {step} hold {values:,} values; take a longer step")
    parts = [cut_windows(np.asarray(signal, np.float32), length, step) for signal in signals]
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return np.concatenate(parts)[:, :, None, :], owner


def frame_signals(
    signals: Sequence[Floats], rate_hz: float, front: Front | None, *, window_s: float, step_s: float
) -> tuple[Floats, Labels, Front | None, tuple[int, int]]:
    """What a front makes of many recordings [samples, channels], the recording of each row [n], and the whole front.

    And the shape of a window as it was recorded. What the front leaves open is the window and step given, or half a
    window of its own, and the full scale of `widen`; None cuts those windows alone.
    """
    length, step = round(window_s * rate_hz), max(1, round(step_s * rate_hz))
    if front is not None:
        recorded = max(map(len, signals)), signals[0].shape[1]
        if front.side or front.grey:  # of images: refused as such
            front.bind(recorded, rate_hz)
        own = step_s if front.window_s is None else None
        front = widen(replace(front, window_s=front.window_s or window_s, step_s=front.step_s or own), signals)
        bound = front.bind(recorded, rate_hz)
        length, step = bound.samples * bound.factor, front.recorded_step(bound)
    raw, owner = stack_windows(signals, length, step)
    return raw if front is None else front.apply(raw, rate_hz), owner, front, (length, raw.shape[-1])


def widen(front: Front, signals: Sequence[Floats]) -> Front:
    """With the next power of two for a full scale left at 1 that recordings exceed: the range of a sensor."""
    most = max(float(np.abs(one).max(initial=0)) for one in signals)
    exceeds = front.full_scale == 1.0 < most < math.inf
    return replace(front, full_scale=2.0 ** math.ceil(math.log2(most))) if exceeds else front


def deal_groups(y: Labels, groups: Labels, fractions: tuple[float, float, float], seed: int) -> list[Labels]:
    """Row numbers of train, validation and test, whole groups each, every class in training and test.

    `fractions` of the groups sum to 1; of the random orders by `seed` the first that leaves no class out is taken.
    """
    if len(fractions) != 3 or min(fractions) <= 0 or not math.isclose(sum(fractions), 1.0, rel_tol=1e-6):
        raise ParameterError(f"fractions {fractions} must be three above 0 that sum to 1, such as (0.6, 0.15, 0.25)")
    if seed is not None and seed < 0:
        raise ParameterError(f"seed {seed} of the order of groups must be a whole number of at least 0")
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
    name: str, raw: Floats, y: Labels, rows: Sequence[Labels], *,
    classes: tuple[str, ...], sha256: str, source: str, groups: Labels | None = None, recordings: Labels | None = None,
    rate_hz: float | None = None, front: Front | None = None, recorded: tuple[int, ...] | None = None
) -> Dataset:  # fmt: skip
    """A `Dataset` from raw samples [n, height, width, channels], normalised as the training rows say, and labels [n].

    `rows` are those of train, validation and test. Each sample is its own group, or recording, if these are None.
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
    return Dataset(name, classes, train, validation, test, normalisation, rate_hz, sha256, source, front, recorded)
