"""Cycles of one inference: modelled instructions times the effects that published measurements settled."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.caches import remember_table
from tinykit.predict.latency.effects import Case, effects_of, prior_mean
from tinykit.predict.latency.kernels import PARTS
from tinykit.predict.latency.tables import read_table


@dataclass(frozen=True, slots=True)
class Posterior:
    """Effects with mean and covariance, logarithmic; effects that are not listed have their prior."""

    effects: tuple[str, ...]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Profile:
    """What a posterior says of one case: log(cycles per instruction) by part, shape (parts,), the covariance of it for
    what was measured, shape (parts, parts), and the variance of what was not, by part.
    """

    log_cycles: NDArray[np.float64]
    covariance: NDArray[np.float64]
    unknown: NDArray[np.float64]

    def cycles(self, work: Sequence[float]) -> tuple[float, float]:
        """(Cycles, log standard deviation) of instructions by part: cycles = Σ instructions × exp(log_cycles).

        The deviation weighs each part by its share of the cycles.
        """
        parts = np.asarray(work) * np.exp(self.log_cycles)
        total = float(parts.sum())
        if total == 0:
            return 0.0, 0.0
        share = parts / total
        return total, math.sqrt(float(share @ self.covariance @ share + share @ self.unknown))


def profile_of(posterior: Posterior, case: Case) -> Profile:
    """The cycles per instruction of a case by part, with their uncertainty."""
    index = {name: number for number, name in enumerate(posterior.effects)}
    design = np.zeros((len(PARTS), len(index)))
    missing = np.zeros((2, len(PARTS)))
    for number, part in enumerate(PARTS):
        for name, spread in effects_of(case, part):
            if name in index:
                design[number, index[name]] = 1.0
            else:
                missing[:, number] += prior_mean(name), spread**2
    return Profile(design @ posterior.mean + missing[0], design @ posterior.covariance @ design.T, missing[1])


@remember_table
def shipped_profile(case: Case) -> Profile:
    """`profile_of` a case under the shipped posterior."""
    return profile_of(_shipped(), case)


@remember_table
def _shipped() -> Posterior:
    rows = read_table("cycles").rows
    covariance = np.zeros((len(rows), len(rows)))
    for number, row in enumerate(rows):
        covariance[number, : number + 1] = np.array(row["covariance"].split(), dtype=float)
    covariance += np.tril(covariance, -1).T
    return Posterior(tuple(row["effect"] for row in rows), np.array([float(row["mean"]) for row in rows]), covariance)
