"""Folds for choosing by cross-validation: the test groups stay out of it, whatever is tried."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import DataError, ParameterError
from tinykit.train.datasets.dataset import Dataset, Labels, Normalisation, Split

_ATTEMPTS, _DEALT = 500, 200_000
"""Orders of the groups that are tried, and groups dealt out in all of them."""


def fold_groups(data: Dataset, folds: int = 5, seed: int = 0) -> tuple[Dataset, ...]:
    """Train and validation dealt anew `folds` times, each group once in validation, classes in like shares.

    Normalisation is fitted again on each fold's own training samples. `test` is that of the data, as it is and under
    the data's normalisation: a network trained on a fold is judged on its validation and never on the test.

    Parameters
    ----------
    data : whose training and validation splits are pooled; where each sample is a group, samples are dealt.
    folds : their number, from 2.
    seed : of the order of groups.

    Raises
    ------
    ParameterError : not a whole number from 2.
    DataError : fewer groups of a class than folds, or no way found to have every class on both sides of each.
    """
    if not isinstance(folds, int) or folds < 2:
        raise ParameterError(f"folds {folds!r}: give a whole number from 2, such as 5")
    parts = ("x", "y", "groups", "recordings")
    x, *pool = (np.concatenate([getattr(one, name) for one in (data.train, data.validation)]) for name in parts)
    raw, fold_of = data.normalisation.undo(x), _deal_folds(pool[0], pool[1], data, folds, seed)
    made = []
    for fold in range(folds):
        sides = fold_of != fold, fold_of == fold
        normalisation = Normalisation.fit(raw[sides[0]])
        train, validation = (Split(normalisation.apply(raw[rows]), *(one[rows] for one in pool)) for rows in sides)
        made.append(replace(data, train=train, validation=validation, normalisation=normalisation))
    return tuple(made)


def _deal_folds(y: Labels, groups: Labels, data: Dataset, folds: int, seed: int) -> Labels:
    """The fold [n] in whose validation each sample is."""
    of = np.unique(groups, return_inverse=True)[1]
    counts = np.zeros((int(of.max()) + 1, len(data.classes)))
    np.add.at(counts, (of, y), 1)
    having = (counts > 0).sum(axis=0)
    if (least := int(having.min())) < folds:
        cure = f"ask for at most {least} folds, or " if least > 1 else ""
        told = f"{data.name}: class {data.classes[int(having.argmin())]} comes from {least} group{'s'[: least > 1]} of"
        cure += "record it with more groups: each fold needs one to learn from and another to judge by"
        raise DataError(f"{told} train and validation, fewer than {folds} folds\n{cure}")
    rng = np.random.default_rng(seed)
    if len(counts) == len(y):  # each sample for itself: exact shares
        order = rng.permutation(len(y))
        return np.asarray(np.argsort(order[np.argsort(y[order], kind="stable")]) % folds, np.int64)
    for _ in range(max(1, min(_ATTEMPTS, _DEALT // len(counts)))):
        dealt = _deal_evenly(counts / counts.sum(axis=0), rng.permutation(len(counts)), folds)
        if all((counts[dealt == fold] > 0).any(axis=0).all() for fold in range(folds)):
            return dealt[of]
    told = f"{data.name}: no {folds} folds of {len(counts)} groups found with every class in each"
    raise DataError(f"{told}\nask for fewer folds, or record the rare classes with more groups")


def _deal_evenly(shares: NDArray[np.float64], order: Labels, folds: int) -> Labels:
    """Each group in its turn to the fold whose shares of the classes it evens out most."""
    held, dealt = np.zeros((folds, shares.shape[1])), np.zeros(len(shares), np.int64)
    for group in order:
        dealt[group] = int((((held + shares[group]) ** 2) - held**2).sum(axis=1).argmin())
        held[dealt[group]] += shares[group]
    return dealt
