"""The timeline of a period: wake-up, the busy states, and sleep for the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinykit.budget.power.physics import retention_current
from tinykit.budget.power.state import State, average_of, awake_fraction
from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.ground.quantity import Estimate, Fact, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy import as_estimate, band, load_constants
from tinykit.target.boards import Board

SLEEP_MODES = ("stop", "standby", "sleep")
"""RAM kept and clocks off; RAM lost; clocks on with the CPU halted."""

_CONSTANTS = ("power", "sleep.toml")


@dataclass(frozen=True, slots=True)
class Timeline(Result):
    """The states of one period in order; `sleep` is the last one, None where there is no time for it."""

    awake: tuple[State, ...]
    sleep: State | None
    period_s: float

    @property
    def states(self) -> tuple[State, ...]:
        """All states; their durations add up to the period."""
        return (*self.awake, self.sleep) if self.sleep else self.awake

    def average_current(self) -> Estimate | None:
        """Average current [A]; None where a current is unknown."""
        return average_of(self.awake, self.sleep, self.period_s)

    def duty_cycle(self) -> Estimate:
        """Time awake over the period, 0–1."""
        return awake_fraction(self.awake, self.period_s)

    def behind_regulator(self, quiescent_a: Estimate) -> Timeline:
        """The same timeline seen from the input of a linear regulator that draws a current of its own [A]."""

        def add(state: State) -> State:
            if state.current_a is None:
                return state
            source = "plus the regulator's own current"
            total = propagate(lambda i, q: i + q, state.current_a, quiescent_a, unit="A", source=source)
            return replace(state, current_a=total)

        sleep = add(self.sleep) if self.sleep else None
        return Timeline(tuple(add(state) for state in self.awake), sleep, self.period_s)


def sleep_current(board: Board, mode: str, ambient_c: float, given_a: Estimate | float | None = None) -> Estimate:
    """Current of a board asleep [A] at an ambient temperature [degC]; the user's own is taken as it is.

    Retention modes double every 19 ± 2.5 K (`retention_current`), the die taken at ambient; the
    "sleep" mode, clocks on, is left as it is. The interval holds the spread from part to part.

    Parameters
    ----------
    board : whose record is asked.
    mode : one of `SLEEP_MODES`.
    ambient_c : [degC].
    given_a : the user's own figure [A].

    Raises
    ------
    UnknownFactError : the board's record has no current for the mode.
    ParameterError : the mode is unknown, or the user's current is out of range.
    """
    if mode not in SLEEP_MODES:
        raise ParameterError(f"sleep mode {mode!r} is unknown; allowed: {', '.join(SLEEP_MODES)}")
    if given_a is not None:
        return as_estimate(given_a, "A", "sleep current", high=10.0)
    facts = {name: getattr(board, f"{name}_current") for name in SLEEP_MODES}
    fact: Fact | None = facts[mode]
    if fact is None:
        known = ", ".join(name for name, other in facts.items() if other is not None) or "none"
        raise UnknownFactError(
            f"board {board.id!r} has no current for sleep mode {mode!r}; modes on record: {known}.\n"
            "Give the one you measured (sleep_current_a in A), or take a mode on record."
        )
    spread = load_constants(*_CONSTANTS)["retention"]
    typical = fact.estimate(spread["low"].value, spread["high"].value)
    if mode == "sleep" or ambient_c == 25.0:
        return typical
    doubling = leakage_doubling()
    source = f"from 25 to {ambient_c:g} °C"
    return propagate(lambda i, k: retention_current(i, ambient_c, k), typical, doubling, unit="A", source=source)


def leakage_doubling() -> Estimate:
    """Warming that doubles a retention current [K]: 19 [16.5, 21.5]."""
    return band(load_constants(*_CONSTANTS)["leakage"], "doubling", "doubling_low", "doubling_high")


def regulator_quiescent() -> Estimate:
    """What a linear regulator between pack and board draws itself [A], assumed."""
    return band(load_constants(*_CONSTANTS)["regulator"], "quiescent", "quiescent_low", "quiescent_high")


def wakeup_state(board: Board, run: Estimate | None) -> State | None:
    """The way out of the stop mode: its stated time at a share of the run current; None where the time is unknown.

    The share is 0.5 [0.2, 1]: STM32L4R5 draws 3.55 of 17 mA for 13.1 µs, the one case found.
    """
    if board.wakeup_time is None:
        return None
    duration = board.wakeup_time.estimate()
    if run is None:
        return State("wake-up", duration, None)
    share = band(load_constants(*_CONSTANTS)["wakeup"], "share", "share_low", "share_high")
    current = propagate(lambda i, s: i * s, run, share, unit="A", source="share of the run current")
    return State("wake-up", duration, current)


def lay_timeline(
    board: Board,
    busy: tuple[State, ...],
    period_s: float,
    *,
    run: Estimate | None,
    sleep: Estimate | None,
    mode: str,
) -> Timeline:
    """Lay a wake-up and the busy states into a period [s]; sleep takes the rest.

    A rest shorter than the wake-up is spent idle at the run current.

    Raises
    ------
    ParameterError : the states take longer than the period.
    """
    awake_fraction(busy, period_s)
    rest = period_s - sum(state.duration_s.value for state in busy)
    if rest <= period_s * 1e-12:
        return Timeline(busy, None, period_s)
    wakeup = wakeup_state(board, run) if mode == "stop" else None
    if wakeup is not None and wakeup.duration_s.value >= rest:
        return Timeline((*busy, State("idle", _rest_of(busy, period_s), run)), None, period_s)
    awake = (wakeup, *busy) if wakeup else busy
    return Timeline(awake, State("sleep", _rest_of(awake, period_s), sleep), period_s)


def _rest_of(awake: tuple[State, ...], period_s: float) -> Estimate:
    durations = [state.duration_s for state in awake]
    source = "the period less the time awake"
    return propagate(lambda *t: max(0.0, period_s - sum(t)), *durations, unit="s", source=source)
