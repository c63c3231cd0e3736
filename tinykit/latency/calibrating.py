"""Cycles per modelled instruction from published measurements: a small hierarchical model, fitted by Gauss–Newton.

measured cycles = Σ over families of (modelled instructions × exp(Σ effects)) × exp(noise), each effect
with a normal prior (`effects`). The result, mean and covariance, is shipped as `data/latency/cycles_*.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinykit.latency.cycles import Posterior
from tinykit.latency.effects import ARCHITECTURE, POOLS, Case, effects_of, prior_mean, proxy_of, row_noise
from tinykit.latency.instructions import predict_instructions
from tinykit.latency.kernels import FAMILIES
from tinykit.latency.shapes import OperatorShape, from_rows
from tinykit.latency.tables import read_table

Array = NDArray[np.float64]
_STEPS, _SMALL = 100, 1e-4
_PARTS = {
    "convolutions": ("conv", "conv_1x1"),
    "depthwise": ("depthwise",),
    "fully_connected": ("fully_connected",),
    "all": FAMILIES,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One published latency with the modelled instructions of its model.

    Parameters
    ----------
    case, architecture, model : what was measured.
    cycles : latency times clock.
    work : instructions by kernel family, in the order of `FAMILIES`; 0 for families outside the figure.
    noise : log standard deviation of this row.
    macs : of the whole model.
    whole : True for a model, False for one kernel family of it.
    """

    case: Case
    architecture: str
    model: str
    cycles: float
    work: tuple[float, ...]
    noise: float
    macs: int
    whole: bool


def read_measured() -> tuple[Measured, ...]:
    """The rows of `data/latency/measured.csv` with the instructions of their models."""
    shapes = _model_shapes()
    return tuple(_measured_of(row, shapes[row["model"]]) for row in read_table("measured").rows)


def fit_effects(rows: Sequence[Measured], pool: str, start: Posterior | None = None) -> Posterior:
    """Posterior of the effects of a pool ("tflm", "x-cube-ai", "esp-nn") given its rows.

    Gauss–Newton on the log residuals with the priors of `effects_of`; the architecture of a row is an
    effect too, so that ten runs of one network do not count as ten networks. `start`, the posterior of
    nearly the same rows, saves steps.
    """
    rows = [row for row in rows if POOLS[row.case.runtime] == pool]
    names: dict[str, float] = {}
    links = [[_links(row, family) for family in FAMILIES] for row in rows]
    for row_links in links:
        for family_links in row_links:
            names |= {name: spread for name, spread in family_links if name}
    index = {name: number for number, name in enumerate(names)}
    design = np.zeros((len(rows), len(FAMILIES), len(names)))
    for number, row_links in enumerate(links):
        for family, family_links in enumerate(row_links):
            for name, _ in family_links:
                if name:
                    design[number, family, index[name]] = 1.0
    prior = np.array([prior_mean(name) for name in names])
    known = dict(zip(start.effects, start.mean, strict=True)) if start else {}
    first = np.array([known.get(name, mean) for name, mean in zip(names, prior, strict=True)])
    mean, covariance = _solve(rows, design, (prior, np.array(list(names.values()))), first)
    return Posterior(tuple(names), mean, covariance)


def keep_effects(posterior: Posterior, wanted: Callable[[str], bool]) -> Posterior:
    """The posterior of some effects alone: the others integrated out."""
    chosen = [number for number, name in enumerate(posterior.effects) if wanted(name)]
    names = tuple(posterior.effects[number] for number in chosen)
    return Posterior(names, posterior.mean[chosen], posterior.covariance[np.ix_(chosen, chosen)])


def _solve(rows: Sequence[Measured], design: Array, priors: tuple[Array, Array], start: Array) -> tuple[Array, Array]:
    """Mode and inverse curvature by Gauss–Newton; a step that raises the misfit is halved until it does not."""
    prior, spread = priors
    work, noise = np.array([row.work for row in rows]), np.array([row.noise for row in rows])
    wanted = np.log([row.cycles for row in rows])

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
        precision = slope.T @ slope + np.diag(spread**-2)
        step = np.linalg.solve(precision, slope.T @ missed - (mean - prior) / spread**2)
        while np.abs(step).max() > _SMALL and look(mean + step)[0] > misfit:
            step = step / 2
        mean = mean + step
        misfit, parts, missed = look(mean)
        if np.abs(step).max() < _SMALL:
            break
    return mean, np.linalg.inv(precision)


def _links(row: Measured, family: str) -> tuple[tuple[str, float], ...]:
    group = f"architecture {row.architecture}|{row.case.core}|{row.case.runtime}"
    return (*effects_of(row.case, family), (group, ARCHITECTURE[POOLS[row.case.runtime]]))


def _measured_of(row: dict[str, str], shapes: tuple[OperatorShape, ...]) -> Measured:
    system = "microTVM" if row["stack"].startswith("microTVM") else row["source_repo"]
    case = Case(row["core"], row["runtime"], row["version"], row["board"], row["build"], system)
    runtime, core, build = proxy_of(case)
    report = predict_instructions(shapes, core=core, runtime=runtime, build=build or None)
    kept = _PARTS[row["part"]]
    work = tuple(value if family in kept else 0.0 for family, value in zip(FAMILIES, report.families, strict=True))
    macs = sum(shape.macs for shape in shapes)
    noise = row_noise(case, macs, report)
    cycles = float(row["latency_s"]) * float(row["clock_hz"])
    return Measured(case, row["architecture"], row["model"], cycles, work, noise, macs, row["part"] == "all")


def _model_shapes() -> dict[str, tuple[OperatorShape, ...]]:
    rows = read_table("operators").rows
    shapes: dict[str, list[OperatorShape]] = {}
    for row, shape in zip(rows, from_rows(rows), strict=True):
        shapes.setdefault(row["model"], []).extend([shape] * int(row["count"]))
    return {model: tuple(operators) for model, operators in shapes.items()}


def count_evidence(rows: Sequence[Measured]) -> str:
    """The text of `data/latency/evidence.csv`: how much was measured, by runtime and core."""
    lines = [
        "# source: counted in measured.csv by tinykit/latency/calibrating.py",
        "# content: whole models measured, by runtime and core",
        "runtime,core,rows,architectures,boards",
    ]
    whole = [row for row in rows if row.whole]
    for runtime, core in sorted({(row.case.runtime, row.case.core) for row in whole}):
        group = [row for row in whole if (row.case.runtime, row.case.core) == (runtime, core)]
        counts = len(group), len({row.architecture for row in group}), len({row.case.board for row in group})
        lines.append(f"{runtime},{core},{','.join(map(str, counts))}")
    return "\n".join(lines) + "\n"


def is_lasting(effect: str) -> bool:
    """Whether an effect can matter to a prediction: not that of one architecture or one measuring system."""
    return not effect.startswith(("architecture ", "system "))
