"""Cycles of one inference: modelled instructions times the effects that published measurements settled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinykit.latency.effects import POOLS, Case, effects_of, prior_mean
from tinykit.latency.kernels import FAMILIES
from tinykit.latency.tables import read_table


@dataclass(frozen=True, slots=True)
class Posterior:
    """Effects with mean and covariance, logarithmic; effects that are not listed have their prior."""

    effects: tuple[str, ...]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Profile:
    """What a posterior says of one case.

    Parameters
    ----------
    log_cycles : log(cycles per instruction) by family, shape (families,).
    covariance : of it for what was measured, shape (families, families).
    unknown : variance of what was not measured, by family, shape (families,).
    """

    log_cycles: NDArray[np.float64]
    covariance: NDArray[np.float64]
    unknown: NDArray[np.float64]

    def cycles(self, work: Sequence[float]) -> tuple[float, float]:
        """(cycles, log standard deviation) of instructions by family, in the order of `FAMILIES`.

        cycles = Σ instructions × exp(log_cycles); the deviation weighs each family by its share of the cycles.
        """
        parts = np.asarray(work) * np.exp(self.log_cycles)
        total = float(parts.sum())
        if total == 0:
            return 0.0, 0.0
        share = parts / total
        return total, math.sqrt(float(share @ self.covariance @ share + share @ self.unknown))


def profile_of(posterior: Posterior, case: Case) -> Profile:
    """The cycles per instruction of a case by kernel family, with their uncertainty."""
    index = {name: number for number, name in enumerate(posterior.effects)}
    design = np.zeros((len(FAMILIES), len(index)))
    missing = np.zeros((2, len(FAMILIES)))
    for number, family in enumerate(FAMILIES):
        for name, spread in effects_of(case, family):
            if name in index:
                design[number, index[name]] = 1.0
            else:
                missing[:, number] += prior_mean(name), spread**2
    return Profile(design @ posterior.mean + missing[0], design @ posterior.covariance @ design.T, missing[1])


def render_posterior(posterior: Posterior, pool: str, rows: int) -> str:
    """The text of `data/latency/cycles_<pool>.csv`: one line an effect, mean, then its row of the covariance."""
    lines = [
        f"# source: fitted by tinykit/latency/calibrating.py to {rows} published rows of measured.csv",
        f"# content: log effects on the cycles per modelled instruction of {pool}: mean and covariance",
        "effect,mean,covariance",
    ]
    for name, mean, row in zip(posterior.effects, posterior.mean, posterior.covariance, strict=True):
        lines.append(f"{name},{mean:.5f},{' '.join(f'{value:.2e}' for value in row)}")
    return "\n".join(lines) + "\n"


@lru_cache(maxsize=512)
def shipped_profile(case: Case) -> Profile:
    """`profile_of` a case under the shipped posterior."""
    return profile_of(_shipped(POOLS[case.runtime]), case)


@lru_cache(maxsize=8)
def _shipped(pool: str) -> Posterior:
    rows = read_table(f"cycles_{pool}").rows
    covariance = np.array([np.array(row["covariance"].split(), dtype=float) for row in rows])
    return Posterior(tuple(row["effect"] for row in rows), np.array([float(row["mean"]) for row in rows]), covariance)
