"""A trace against a budget, state by state, a board that learns from it, and one made up to rehearse with."""

import io
from dataclasses import dataclass, replace
from operator import mul
from pathlib import Path

import numpy as np

from tinykit.budget.power.budget import PowerBudget
from tinykit.budget.power.timeline import State
from tinykit.budget.trace.plateaus import Trace
from tinykit.ground.errors import DataError, ParameterError, UnknownFactError
from tinykit.ground.quantity import Estimate, Fact, propagate
from tinykit.ground.results import Result
from tinykit.ground.writing import write_atomically
from tinykit.predict.energy.inputs import as_estimate
from tinykit.predict.energy.predict import check_clock, check_supply
from tinykit.target.boards.record import Board, PowerRange

_INSTRUMENT = 0.02
_NOISE = 0.02
_MOST_SAMPLES = 20_000_000


@dataclass(frozen=True, slots=True)
class TraceRow(Result):
    """One figure of a budget beside the measured one.

    Parameters
    ----------
    figure : what it is.
    budgeted, low, high : from the budget; None where it is unknown there.
    measured : from the trace; None where the trace does not show it.
    unit : of all.
    verdict : "as budgeted" (in the interval), "more than budgeted", "less than budgeted" or "unknown".
    """

    JSON = ("figure", "budgeted", "low", "high", "measured", "unit", "verdict", "ratio")

    figure: str
    budgeted: float | None
    low: float | None
    high: float | None
    measured: float | None
    unit: str
    verdict: str

    @property
    def ratio(self) -> float | None:
        """Measured over budgeted [1]."""
        return None if self.measured is None or not self.budgeted else self.measured / self.budgeted


def compare_trace(trace: Trace, budget: PowerBudget) -> tuple[TraceRow, ...]:
    """Sleep current, current and time awake, period and average of a trace against a budget."""
    asleep = next((state.current_a for state in budget.states if state.name == "sleep"), None)
    awake = [state for state in budget.states if state.name != "sleep"]
    split = trace.threshold_a is not None
    period = Estimate.exact(budget.period_s, "s", "measured", "given")
    busy = propagate(lambda *t: sum(t), *(state.duration_s for state in awake), unit="s", source="states awake")
    return (
        _compare("sleep current", asleep, trace.sleep_a if split else None),
        _compare("current awake", _burst_of(awake), trace.active_a if split else None),
        _compare("time awake in a period", busy, trace.burst_s),
        _compare("period", period, trace.period_s, slack=0.05),
        _compare("average current", budget.average_current_a, trace.average_a),
    )


def _burst_of(awake: list[State]) -> Estimate | None:
    """Mean current of the awake states [A]; None where one is unknown."""
    known = [state.current_a for state in awake if state.current_a is not None]
    if len(known) < len(awake) or not known:
        return None
    times, told = [state.duration_s.value for state in awake], "awake states"
    whole = sum(times)
    return propagate(lambda *i: sum(map(mul, times, i)) / whole, *known, unit="A", source=told)


def _compare(figure: str, budgeted: Estimate | None, measured: float | None, slack: float = _INSTRUMENT) -> TraceRow:
    if budgeted is None:
        return TraceRow(figure, None, None, None, measured, "", "unknown")
    value, low, high, unit = budgeted.value, budgeted.low, budgeted.high, budgeted.unit
    if measured is None:
        verdict = "unknown"
    elif measured > high * (1 + slack):
        verdict = "more than budgeted"
    else:
        verdict = "less than budgeted" if measured < low * (1 - slack) else "as budgeted"
    return TraceRow(figure, value, low, high, measured, unit, verdict)


def calibrate_board(board: Board, trace: Trace, *, supply_v: float, clock_hz: float | None = None) -> Board:
    """A board whose energy and sleep current are those of the user's trace: kind "measured", source the file.

    The mean current awake must be that of inference, so record a run with little else in it.

    Parameters
    ----------
    board : to be sharpened.
    trace : what was measured.
    supply_v : at which the trace was taken [V].
    clock_hz : None takes the board's highest.

    Raises
    ------
    DataError : the trace has one plateau only. ParameterError : supply or clock out of range.
    """
    if trace.threshold_a is None:
        raise DataError(f"{Path(trace.path).name}: one plateau only, nothing tells active from sleep; record both")
    supply = check_supply(supply_v)
    clock = clock_hz if clock_hz is not None else board.clock_hz
    bridged = f", {trace.bridged} of the time bridged" if trace.bridged else ""
    source = f"user's trace {Path(trace.path).name} ({trace.kind}, {trace.samples} samples{bridged})"
    place = f"mean of {trace.bursts} bursts above {trace.threshold_a:.3g} A"

    def fact(value: float, unit: str) -> Fact:
        return Fact(value, unit, "measured", source, place, f"{supply:g} V")

    power, asleep = fact(trace.active_a * supply, "W"), fact(max(trace.sleep_a, 0.0), "A")
    at = fact(check_clock(clock), "Hz") if clock is not None else None
    return replace(board, ml_power=(PowerRange(power, power, fact(supply, "V"), at),), stop_current=asleep)


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
    OutputError : the file cannot be written.
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
    text = io.BytesIO()
    columns = np.column_stack([times, noisy])
    np.savetxt(text, columns, fmt="%.9g", delimiter=",", header="time (s),current (A)", comments="")
    write_atomically(target, text.getvalue())
    return target
