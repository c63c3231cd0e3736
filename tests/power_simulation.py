"""A long run event by event: the oracle of the closed form, and what chance does to a gate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinykit.budget import PowerBudget, State
from tinykit.ground.errors import UnknownFactError
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate

_CHUNK = 1 << 14
_YEAR_S = 365.0 * 86_400.0
_MOST_EVENTS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Run(Result):
    """What a simulated run took.

    Parameters
    ----------
    periods, duration_s : simulated.
    charge_c : drawn from the source [C].
    average_current_a : over the run [A].
    occurrences : how often each awake state came.
    late : periods whose states took longer than the period.
    longest_s : the busiest period [s].
    """

    periods: int
    duration_s: float
    charge_c: float
    average_current_a: float
    occurrences: dict[str, int]
    late: int
    longest_s: float


def simulate_run(budget: PowerBudget, *, duration_s: float = _YEAR_S, seed: int = 0) -> Run:
    """Step through every period: draw which gated states come, time them, sleep the rest, add up the charge.

    The value of each current and duration is used, not its interval. A state that comes less than once a
    period is drawn at its rate; the closed form must agree but for the chance of the draw.

    Parameters
    ----------
    budget : whose states are drawn.
    duration_s : a year by default [s].
    seed : of the draws.

    Raises
    ------
    UnknownFactError : a current of the budget is unknown. ParameterError : more than 10⁹ periods, or none.
    """
    unknown = [state.name for state in budget.states if state.current_a is None]
    if unknown:
        raise UnknownFactError(f"current of {', '.join(unknown)} is unknown, nothing can be simulated; give it in A")
    most = _MOST_EVENTS * budget.period_s
    horizon = as_estimate(duration_s, "s", "simulated time", low=budget.period_s, high=most).value
    periods, random = int(horizon / budget.period_s), np.random.default_rng(seed)
    awake, rest_a = _split(budget)
    charge, late, longest = 0.0, 0, 0.0
    counts = dict.fromkeys((state.name for state in awake), 0)
    for start in range(0, periods, _CHUNK):
        size = min(_CHUNK, periods - start)
        busy, drawn = _busy(awake, size, random, counts)
        rest = budget.period_s - busy
        charge += float(drawn.sum() + rest_a * np.maximum(rest, 0.0).sum())
        late += int(np.count_nonzero(rest < -1e-9 * budget.period_s))
        longest = max(longest, float(busy.max()))
    return Run(periods, periods * budget.period_s, charge, charge / (periods * budget.period_s), counts, late, longest)


def _split(budget: PowerBudget) -> tuple[tuple[State, ...], float]:
    """The awake states, and the current of the sleep that fills the rest [A], 0 where there is none."""
    last = budget.states[-1]
    if last.name != "sleep" or last.current_a is None:
        return budget.states, 0.0
    return budget.states[:-1], last.current_a.value


def _busy(
    awake: tuple[State, ...], size: int, random: np.random.Generator, counts: dict[str, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time awake [s] and charge of it [C] in each of so many periods; `counts` is added to.

    States of one rate come together: what stands behind a gate is drawn once.
    """
    busy, charge = np.zeros(size), np.zeros(size)
    for times in dict.fromkeys(state.times for state in awake):
        together = [state for state in awake if state.times == times]
        seconds = sum(state.burst_s for state in together)
        coulombs = sum(state.burst_s * state.current_a.value for state in together if state.current_a)
        whole, part = divmod(times, 1.0)
        opens = random.random(size, dtype=np.float32) < part if part else None
        busy += whole * seconds if opens is None else whole * seconds + opens * seconds
        charge += whole * coulombs if opens is None else whole * coulombs + opens * coulombs
        occurrences = int(whole) * size + (0 if opens is None else int(np.count_nonzero(opens)))
        for state in together:
            counts[state.name] += occurrences
    return busy, charge
