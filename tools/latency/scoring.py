"""How far the predictions err on networks and boards they have not seen: each left out of the published rows."""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinykit.predict.latency.effects import Posterior, profile_of, version_number
from tinykit.predict.latency.instructions import TO_80
from tinykit.predict.latency.known import Known, carry_over, new_of, shipped_width, width_of
from tinykit.predict.latency.measured import key_of, model_shapes
from tools.latency.calibrating import fit_effects, is_lasting, keep_effects
from tools.latency.published import Measured

_HELD, _LEAST_ROWS, _LEAST_BOARDS = 0.83, 10, 2
_LEAST_BUILT = 0.85
"""Least factor where users build the kernels: two builds of one network on one board were 27 % apart."""


@dataclass(frozen=True, slots=True)
class Residual:
    """One row predicted without its architecture, or its board.

    Parameters
    ----------
    row : the measurement.
    error : log(predicted / measured).
    spread : predicted log standard deviation, as it is shipped.
    raw : the same before the conformal factor.
    new : what is new of the row's case (`new_of`).
    naive_error : log error of one cycles-per-MAC constant per core and runtime, NaN where no other
        architecture (or board) was measured there.
    """

    row: Measured
    error: float
    spread: float
    naive_error: float
    raw: float
    new: str

    @property
    def inside(self) -> bool:
        """Whether the row lies in its 80 % interval."""
        return abs(self.error) <= TO_80 * self.spread


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


def _version(row: Measured) -> tuple[int, int] | None:
    return version_number(row.case.version) if row.case.version else None


WAYS: dict[str, tuple[Callable[[Measured], object], Callable[[Measured, object], bool]]] = {
    "architecture": (lambda row: row.architecture, lambda row, left: row.architecture == left),
    "board": (lambda row: row.case.board, lambda row, left: row.case.board == left),
    "version": (_version, lambda row, left: _version(row) == left),
    "board and architecture": (
        lambda row: (row.case.board, row.architecture),
        lambda row, left: row.case.board == left[0] or row.architecture == left[1],  # type: ignore[index]
    ),
}
"""What is left out, and what of the rows goes with it: a network, a board, a version, or both of a case."""


def leave_out(rows: Sequence[Measured], way: str) -> tuple[Residual, ...]:
    """Every whole-model row predicted by what is fitted and known without its architecture, board, version or both.

    A board counts where its core is known from another, a version where its runtime has versions; each row is predicted
    as a user would be told: its network is known where it was measured elsewhere.
    """
    name, goes = WAYS[way]
    residuals: list[Residual] = []
    start = fit_effects(rows)
    for left in sorted({name(row) for row in rows if row.whole} - {None}, key=str):
        others = [row for row in rows if not goes(row, left)]
        places = {(row.case.runtime, row.case.core) for row in others if row.whole}
        tested = [row for row in rows if name(row) == left and row.whole]
        tested = [row for row in tested if (row.case.runtime, row.case.core) in places]
        if tested:
            told = _Told(keep_effects(fit_effects(others, start), is_lasting), others)
            residuals += [told.residual(row) for row in tested]
    return tuple(residuals)


def leave_architectures_out(rows: Sequence[Measured]) -> tuple[Residual, ...]:
    """Every whole-model row predicted without its architecture, anywhere."""
    return leave_out(rows, "architecture")


class _Told:
    """Predictions from some rows alone."""

    def __init__(self, posterior: Posterior, others: Sequence[Measured]) -> None:
        self._others = others
        self._profile = functools.cache(lambda case: profile_of(posterior, case))
        self._known = functools.cache(self._find_known)

    def _find_known(self, model: str) -> tuple[Known, ...]:
        key = key_of(model_shapes()[model])
        alike = [row for row in self._others if row.whole and key_of(model_shapes()[row.model]) == key]
        return tuple(
            Known(row.case, -_log(self._cycles(row)[0], row), row.noise, self._pointwise(row)) for row in alike
        )

    def _pointwise(self, row: Measured) -> float:
        return self._profile(replace(row.case, system="")).pointwise(row.work)

    def _cycles(self, row: Measured) -> tuple[float, float]:
        return self._profile(replace(row.case, system="")).cycles(row.work)

    def residual(self, row: Measured) -> Residual:
        carried = carry_over(self._known(row.model), replace(row.case, system=""), self._pointwise(row))
        cycles, spread = self._cycles(row)
        error = _log(cycles * math.exp(carried.log), row)
        width = width_of(spread, row.noise, carried)
        told, naive = shipped_width(width, row.case, carried), _log(_naive_cycles(row, self._others), row)
        return Residual(row, error, told, naive, width, new_of(carried))


def factor_to_80(group: Sequence[Residual]) -> float:
    """By what factor the intervals of a group would have to grow or shrink to hold 80 % of its rows."""
    return float(np.quantile([abs(one.error) / (TO_80 * one.spread) for one in group], 0.8))


def noise_floor(rows: Sequence[Measured], runtime: str, core: str) -> tuple[float, ...]:
    """What no prediction can beat: half the fraction apart of two published figures of one case, smallest first.

    One case is what a user can tell: board, version, option, build, arena and network; the figures are of two systems
    or of two files of the network. Rows that print the same figure once more say nothing.
    """
    found: dict[tuple[object, ...], list[Measured]] = {}
    for row in (one for one in rows if one.whole and (one.case.runtime, one.case.core) == (runtime, core)):
        found.setdefault((replace(row.case, system=""), row.architecture, row.macs), []).append(row)
    pairs = [pair for group in found.values() for pair in itertools.combinations(group, 2)]
    told = [(a.cycles, b.cycles) for a, b in pairs if (a.case.system, a.model) != (b.case.system, b.model)]
    return tuple(sorted(math.expm1(abs(math.log(a / b)) / 2) for a, b in told if not math.isclose(a, b)))


def is_thin(group: Sequence[Residual]) -> bool:
    """Whether a pool is too thin for a factor of its own."""
    return len(group) < _LEAST_ROWS or len({one.row.case.board for one in group}) < _LEAST_BOARDS


def render_conformal(rows: Sequence[Measured]) -> str:
    """The text of `conformal.csv`: by what factor the modelled widths hold `_HELD` of the rows left out in each way.

    A pool of its own has at least ten rows on two boards; what it lacks it takes from its runtime, and from all.
    """
    found: dict[tuple[str, str, str], list[Residual]] = {}
    for way in WAYS:
        for one in leave_out(rows, way):
            runtime, core = one.row.case.runtime, one.row.case.core
            for pool in ((runtime, core), (runtime, "*"), ("*", "*")):
                found.setdefault((*pool, one.new), []).append(one)
    lines = [
        "# source: rows of measured.csv left out in turn and predicted from the others (tools/latency/scoring.py)",
        "# content: factor on the modelled width, by what is new of a case; * for pools below ten rows or two boards",
        "runtime,core,new,rows,boards,factor",
    ]
    for (runtime, core, new), group in sorted(found.items()):
        boards = len({one.row.case.board for one in group})
        if is_thin(group):
            continue
        factor = np.quantile([abs(one.error) / (TO_80 * one.raw) for one in group], _HELD)
        if new == "place" and runtime not in ("x-cube-ai", "*"):
            factor = max(factor, _LEAST_BUILT)
        lines.append(f"{runtime},{core},{new},{len(group)},{boards},{factor:.3f}")
    return "\n".join(lines) + "\n"


def score_groups(residuals: Sequence[Residual]) -> tuple[GroupScore, ...]:
    """Scores by runtime and core; groups of one architecture are left out: nothing is left to predict them from."""
    keys = sorted({(residual.row.case.runtime, residual.row.case.core) for residual in residuals})
    groups = [[item for item in residuals if (item.row.case.runtime, item.row.case.core) == key] for key in keys]
    return tuple(_score(group) for group in groups if len({item.row.architecture for item in group}) > 1)


def pooled_coverage(residuals: Sequence[Residual]) -> float:
    """Fraction of rows inside their 80 % interval, every architecture of a core and runtime weighing the same."""
    weights = _weights(residuals)
    return float(np.average([item.inside for item in residuals], weights=weights))


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
        if item.whole and (item.case.core, item.case.runtime) == (row.case.core, row.case.runtime)
    ]
    counts = Counter(item.architecture for item in same)
    if not same:
        return math.nan
    logs = [math.log(item.cycles / item.macs) for item in same]
    return row.macs * math.exp(float(np.average(logs, weights=[1.0 / counts[item.architecture] for item in same])))


def _log(predicted: float, row: Measured) -> float:
    return math.log(predicted / row.cycles)
