"""How far the predictions err on networks and boards they have not seen: each left out of the published rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinykit.predict.latency.effects import Posterior, profile_of, unseen_spread
from tinykit.predict.latency.instructions import TO_80
from tools.latency.calibrating import fit_effects
from tools.latency.published import Measured

LEAST_MACS = 100_000
"""Smaller models are left out of the score: their fixed costs are no matter of the network."""


@dataclass(frozen=True, slots=True)
class Residual:
    """One row predicted without its architecture, or its board.

    Parameters
    ----------
    row : the measurement.
    error : log(predicted / measured).
    spread : predicted log standard deviation.
    naive_error : log error of one cycles-per-MAC constant per core and runtime, NaN where no other
        architecture (or board) was measured there.
    """

    row: Measured
    error: float
    spread: float
    naive_error: float


@dataclass(frozen=True, slots=True)
class GroupScore:
    """Errors of one core and runtime, every architecture weighing the same; fractions 0–1."""

    runtime: str
    core: str
    rows: int
    architectures: int
    median_ape: float
    p90_ape: float
    coverage_80: float
    bias: float
    naive_median_ape: float
    naive_p90_ape: float


def leave_architectures_out(rows: Sequence[Measured]) -> tuple[Residual, ...]:
    """Every whole-model row predicted by effects fitted without its architecture, anywhere."""
    return _leave_out(rows, lambda row: row.architecture)


def leave_boards_out(rows: Sequence[Measured]) -> tuple[Residual, ...]:
    """Every whole-model row predicted by effects fitted without its board."""
    return _leave_out(rows, lambda row: row.case.board)


def _leave_out(rows: Sequence[Measured], key: Callable[[Measured], str]) -> tuple[Residual, ...]:
    residuals, start = [], fit_effects(rows)
    for left in sorted({key(row) for row in rows}):
        others = [row for row in rows if key(row) != left]
        tested = [row for row in rows if key(row) == left and row.whole and row.macs >= LEAST_MACS]
        if tested and others:
            posterior = fit_effects(others, start)
            residuals += [_residual(row, posterior, others) for row in tested]
    return tuple(residuals)


def _residual(row: Measured, posterior: Posterior, others: Sequence[Measured]) -> Residual:
    cycles, spread = profile_of(posterior, replace(row.case, system="")).cycles(row.work)
    width = math.hypot(spread, row.noise, unseen_spread(row.case.runtime, row.case.core))
    return Residual(row, _log(cycles, row), width, _log(_naive_cycles(row, others), row))


def score_groups(residuals: Sequence[Residual]) -> tuple[GroupScore, ...]:
    """Scores by runtime and core; groups of one architecture are left out: nothing is left to predict them from."""
    keys = sorted({(residual.row.case.runtime, residual.row.case.core) for residual in residuals})
    groups = [[item for item in residuals if (item.row.case.runtime, item.row.case.core) == key] for key in keys]
    return tuple(_score(group) for group in groups if len({item.row.architecture for item in group}) > 1)


def pooled_coverage(residuals: Sequence[Residual]) -> float:
    """Fraction of rows inside their 80 % interval, every architecture of a core and runtime weighing the same."""
    weights = _weights(residuals)
    return float(np.average([abs(item.error) <= TO_80 * item.spread for item in residuals], weights=weights))


def _score(group: Sequence[Residual]) -> GroupScore:
    weights = _weights(group)
    errors = np.array([item.error for item in group])
    naive = np.abs(np.expm1([item.naive_error for item in group]))
    relative = np.abs(np.expm1(errors))
    case = group[0].row.case
    return GroupScore(
        runtime=case.runtime,
        core=case.core,
        rows=len(group),
        architectures=len({item.row.architecture for item in group}),
        median_ape=_quantile(relative, weights, 0.5),
        p90_ape=_quantile(relative, weights, 0.9),
        coverage_80=pooled_coverage(group),
        bias=float(np.expm1(np.average(errors, weights=weights))),
        naive_median_ape=_quantile(naive, weights, 0.5),
        naive_p90_ape=_quantile(naive, weights, 0.9),
    )


def _weights(group: Sequence[Residual]) -> np.ndarray:
    keys = [(item.row.architecture, item.row.case.core, item.row.case.runtime) for item in group]
    counts = Counter(keys)
    return np.array([1.0 / counts[key] for key in keys])


def _quantile(values: np.ndarray, weights: np.ndarray, level: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(len(values) - 1, int(np.searchsorted(reached, level)))])


def _naive_cycles(row: Measured, others: Sequence[Measured]) -> float:
    """Cycles by the mean log cycles per MAC of the other architectures on this core and runtime."""
    same = [
        item
        for item in others
        if item.whole
        and item.macs >= LEAST_MACS
        and (item.case.core, item.case.runtime) == (row.case.core, row.case.runtime)
    ]
    counts = Counter(item.architecture for item in same)
    if not same:
        return math.nan
    logs = [math.log(item.cycles / item.macs) for item in same]
    return row.macs * math.exp(float(np.average(logs, weights=[1.0 / counts[item.architecture] for item in same])))


def _log(predicted: float, row: Measured) -> float:
    return math.log(predicted / row.cycles)
