"""Cycles per modelled instruction from published measurements: a small hierarchical model, fitted by Gauss–Newton.

measured cycles = Σ over parts of (modelled instructions × exp(Σ effects)) × exp(noise), each effect with a
normal prior (`effects`). All runtimes are one fit: a kernel family costs alike under each, until rows say otherwise.
The result, mean and covariance, is shipped as `data/latency/cycles.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tinykit.predict.latency.effects import (
    ARCHITECTURE,
    PRIORS,
    Case,
    Effect,
    Posterior,
    effects_of,
    has_options,
    prior_mean,
    steps_of,
)
from tinykit.predict.latency.kernels import PARTS
from tinykit.target.runtimes import find_runtime
from tools.latency.published import Measured

Array = NDArray[np.float64]
_STEPS, _SMALL = 60, 1e-4


def fit_effects(rows: Sequence[Measured], start: Posterior | None = None) -> Posterior:
    """Posterior of all effects given measured rows.

    Gauss–Newton on the log residuals with the priors of `effects_of`; the architecture of a row is an
    effect too, so that ten runs of one network do not count as ten networks. `start`, the posterior of
    nearly the same rows, saves steps.
    """
    links = [[_links(row, part) if work else () for part, work in zip(PARTS, row.work, strict=True)] for row in rows]
    names = {name: spread for row_links in links for part in row_links for name, spread in part if name}
    index = {name: number for number, name in enumerate(names)}
    design = np.zeros((len(rows), len(PARTS), len(names)))
    for number, row_links in enumerate(links):
        for part, part_links in enumerate(row_links):
            for name, _ in part_links:
                if name:
                    design[number, part, index[name]] = 1.0
    prior = np.array([prior_mean(name) for name in names])
    known = dict(zip(start.effects, start.mean, strict=True)) if start else {}
    first = np.array([known.get(name, mean) for name, mean in zip(names, prior, strict=True)])
    mean, covariance = _solve(rows, design, (prior, np.array(list(names.values()))), first)
    return Posterior(tuple(names), mean, covariance)


def render_posterior(posterior: Posterior, rows: int) -> str:
    """The text of `data/latency/cycles.csv`: one line an effect, its mean, its covariance row up to the diagonal."""
    lines = [
        f"# source: fitted by tools/latency/calibrating.py to {rows} published rows of measured.csv",
        "# content: log effects on the cycles per modelled instruction: mean, and covariance (lower triangle)",
        "effect,mean,covariance",
    ]
    for number, (name, mean) in enumerate(zip(posterior.effects, posterior.mean, strict=True)):
        row = posterior.covariance[number, : number + 1]
        lines.append(f"{name},{mean:.5f},{' '.join(f'{value:.2e}' for value in row)}")
    return "\n".join(lines) + "\n"


def keep_effects(posterior: Posterior, wanted: Callable[[str], bool]) -> Posterior:
    """The posterior of some effects alone: the others integrated out."""
    chosen = [number for number, name in enumerate(posterior.effects) if wanted(name)]
    names = tuple(posterior.effects[number] for number in chosen)
    return Posterior(names, posterior.mean[chosen], posterior.covariance[np.ix_(chosen, chosen)])


def is_lasting(effect: str) -> bool:
    """Whether an effect can matter to a prediction: not that of one architecture or one measuring system."""
    return not effect.startswith(("architecture ", "system "))


def _solve(rows: Sequence[Measured], design: Array, priors: tuple[Array, Array], start: Array) -> tuple[Array, Array]:
    """Mode and inverse curvature by Gauss–Newton; a step that raises the misfit is halved until it does not.

    There are more effects than rows: each step solves in the space of rows, m + V Jᵀ (J V Jᵀ + 1)⁻¹ (r + J (b − m)).
    """
    prior, spread = priors
    work, noise = np.array([row.work for row in rows]), np.array([row.noise for row in rows])
    wanted, variance = np.log([row.cycles for row in rows]), spread**2

    def look(mean: Array) -> tuple[float, Array, Array]:
        parts = work * np.exp(design @ mean)
        missed = (wanted - np.log(parts.sum(axis=1))) / noise
        pulled = (mean - prior) / spread
        return float(missed @ missed + pulled @ pulled), parts, missed

    mean = start.copy()
    misfit, parts, missed = look(mean)
    for _ in range(_STEPS):
        share = parts / parts.sum(axis=1)[:, None]
        slope = (share[:, None, :] @ design)[:, 0, :] / noise[:, None]
        pull = slope * variance
        inner = pull @ slope.T + np.eye(len(rows))
        step = prior + pull.T @ np.linalg.solve(inner, missed + slope @ (mean - prior)) - mean
        while np.abs(step).max() > _SMALL and look(mean + step)[0] > misfit:
            step = step / 2
        mean = mean + step
        misfit, parts, missed = look(mean)
        if np.abs(step).max() < _SMALL:
            break
    return mean, np.diag(variance) - pull.T @ np.linalg.solve(inner, pull)


def architecture_effects(architecture: str, case: Case, part: str) -> tuple[Effect, ...]:
    """Effects of a measured network: ten runs of one network do not count as ten networks.

    What the option gains on a network is open in its 1×1 convolutions alone.
    """
    known = find_runtime(case.runtime)
    everywhere, here = ARCHITECTURE[known.pool]
    name = f"architecture {architecture}|{known.kernels}"
    effects = [(name, everywhere), (f"{name}|{case.core}", here)]
    if case.runtime == "x-cube-ai":
        effects.append((f"{name}|version {steps_of(case.version)[-1:]}", PRIORS["architecture_version"]))
        if case.option == "time" and has_options(case) and part.startswith("conv_1x1"):
            effects.append((f"{name}|option {case.option}", PRIORS["architecture_option"]))
    return tuple(effects)


def _links(row: Measured, part: str) -> tuple[Effect, ...]:
    return (*effects_of(row.case, part), *architecture_effects(row.architecture, row.case, part))
