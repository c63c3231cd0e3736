"""A trace made up from a budget, to rehearse with before an instrument is at hand. No measurement."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinykit.budget.power import PowerBudget
from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.predict.energy import as_estimate

_NOISE = 0.02
_MOST_SAMPLES = 20_000_000


def rehearse_trace(
    budget: PowerBudget, path: str | Path, *, periods: int = 20, step_s: float = 1e-3, seed: int = 0
) -> Path:
    """Write what an instrument would record of a budget as a plain CSV: its states in order, 2 % of noise.

    Parameters
    ----------
    budget : whose values are taken, not their intervals; a gated state comes in every period at its mean length.
    path : of the CSV; its folder is made.
    periods : to record.
    seed : of the noise.
    step_s : between samples [s]; a state shorter than it may be missed.

    Raises
    ------
    UnknownFactError : a current is unknown. ParameterError : no period, a step out of range, or too many samples.
    """
    currents = [state.current_a for state in budget.states]
    if any(current is None for current in currents):
        raise UnknownFactError(f"a current of {budget.board.id!r} is unknown: nothing to rehearse; give it in A")
    step = as_estimate(step_s, "s", "step", low=1e-9, high=budget.period_s / 2).value
    if not isinstance(periods, int) or periods < 1 or periods * budget.period_s / step > _MOST_SAMPLES:
        raise ParameterError(f"{periods!r} periods at a step of {step:g} s; give 1 up to {_MOST_SAMPLES:,} samples")
    ends = np.cumsum([state.duration_s.value for state in budget.states])
    times = np.arange(int(periods * budget.period_s / step)) * step
    places = np.searchsorted(ends[:-1], times % budget.period_s, side="right")
    ideal = np.array([current.value for current in currents if current is not None])[places]
    noisy = ideal * np.random.default_rng(seed).normal(1.0, _NOISE, times.size)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    columns = np.column_stack([times, noisy])
    np.savetxt(target, columns, fmt="%.9g", delimiter=",", header="time (s),current (A)", comments="")
    return target
