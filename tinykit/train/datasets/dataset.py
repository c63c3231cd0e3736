"""The form every dataset takes: three splits that share no group, and the normalisation they went through."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import DataError, ParameterError
from tinykit.ground.results import Result

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
    rate_hz : sampling rate of a signal, None for images.
    sha256 : of the file, or of the arrays, the data came from.
    source : where it came from, for reports.

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
