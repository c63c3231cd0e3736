"""The timeline of a period: states, each so long at such a current; wake-up, the busy ones, and sleep for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from tinykit.ground.errors import ParameterError, UnknownFactError, UnknownRuntimeError
from tinykit.ground.quantity import Estimate, Fact, format_quantity, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate, band, load_constants, stated
from tinykit.predict.energy.laws import retention_current
from tinykit.target.boards.record import Board

SLEEP_MODES = ("stop", "standby", "sleep")
"""RAM kept and clocks off; RAM lost, a reboot before each period; clocks on with the CPU halted."""

_CONSTANTS = ("power", "sleep.toml")
_T = TypeVar("_T")


def attempt(compute: Callable[[], _T]) -> tuple[_T | None, str]:
    """A figure, or None and why there is no evidence for one."""
    try:
        return compute(), ""
    except (UnknownRuntimeError, UnknownFactError) as error:
        return None, str(error)


@dataclass(frozen=True, slots=True)
class State(Result):
    """One stretch of the period at one supply current.

    Parameters
    ----------
    name : "wake-up", "inference", "sleep", or what the user calls it.
    duration_s : s within one period; the mean of it where the state does not come in every period.
    current_a : A drawn from the supply; None where it is unknown.
    times : occurrences in one period on average: 1, or the rate at which a gate opens.
    awake : whether the MCU runs; it does not while a sensor fills its buffer.
    """

    JSON = (
        *("name", "duration_s=duration_s.value", "current_a=current_a.value", "charge_c=charge_c.value", "times"),
        *("current=current_a",),
    )

    name: str
    duration_s: Estimate
    current_a: Estimate | None
    times: float = 1.0
    awake: bool = True

    @property
    def charge_c(self) -> Estimate | None:
        """Charge of the state in one period [C]; None where the current is unknown."""
        if self.current_a is None:
            return None
        return propagate(lambda t, i: t * i, self.duration_s, self.current_a, unit="C", source="Q = I t")

    @property
    def burst_s(self) -> float:
        """How long one occurrence lasts [s]."""
        return self.duration_s.value / self.times if self.times else 0.0

    def plus(self, more_a: Estimate | None, what: str) -> State:
        """The state with a further current on top [A]; unknown where one of them is."""
        if self.current_a is None or more_a is None:
            return replace(self, current_a=None)
        total = propagate(lambda i, more: i + more, self.current_a, more_a, unit="A", source=f"plus {what}")
        return replace(self, current_a=total)


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
        """Average current of the period [A]; None where a current is unknown.

        The sleep takes the time the others leave, so that a longer inference shortens it: the interval
        is that of the whole, not of independent parts.

        >>> exact = lambda value, unit: Estimate.exact(value, unit, "measured", "example")
        >>> run = State("inference", exact(0.25, "s"), exact(8e-3, "A"))
        >>> Timeline((run,), State("sleep", exact(0.75, "s"), exact(0.0, "A")), 1.0).average_current()
        2.00 mA (measured)
        """
        known = [state.current_a for state in self.states if state.current_a is not None]
        if len(known) < len(self.states):
            return None
        count = len(self.awake)

        def average(*values: float) -> float:
            durations, amperes = values[:count], values[count:]
            rest = max(0.0, self.period_s - sum(durations)) if self.sleep else 0.0
            charges = sum(t * i for t, i in zip((*durations, rest), amperes, strict=False))
            return charges / max(self.period_s, sum(durations))

        source = "charge of the states over the period"
        return propagate(average, *(state.duration_s for state in self.awake), *known, unit="A", source=source)

    def duty_cycle(self) -> Estimate:
        """Time the MCU runs over the period, 0–1, its interval cut at 1.

        Raises
        ------
        ParameterError : the states take longer than the period.
        """
        period_s, durations = self.period_s, [state.duration_s for state in self.awake]
        total = sum(duration.value for duration in durations)
        if total > period_s * (1 + 1e-9):
            awake = format_quantity(total, "s")
            names = ", ".join(f"{state.name} {format_quantity(state.duration_s.value, 's')}" for state in self.awake)
            raise ParameterError(
                f"period {format_quantity(period_s, 's')} is shorter than the time awake, {awake} ({names}).\n"
                f"Give a period of at least {awake}, a faster clock or a smaller model."
            )
        running = [state.duration_s for state in self.awake if state.awake]
        source = "time awake over the period"
        return propagate(lambda *t: min(1.0, sum(t) / period_s), *running, unit="1", source=source)

    def rest(self) -> Estimate:
        """What the time awake leaves of the period [s]."""
        durations, source = [state.duration_s for state in self.awake], "the period less the time awake"
        return propagate(lambda *t: max(0.0, self.period_s - sum(t)), *durations, unit="s", source=source)


def sleep_current(
    board: Board, mode: str, ambient_c: float, given_a: Estimate | float | None = None, *, clock_hz: float | None = None
) -> Estimate:
    """Current of a board asleep [A] at an ambient temperature [degC]; the user's own is taken as it is.

    Retention modes double every 19 ± 2.5 K (`retention_current`), the die taken at ambient; in "sleep", clocks on, a
    static share stays and the rest goes with the clock. The interval holds the spread from part to part.

    Parameters
    ----------
    board : whose record is asked.
    mode : one of `SLEEP_MODES`.
    ambient_c : [degC].
    given_a : the user's own figure [A].
    clock_hz : in "sleep" [Hz]; None for that of the record.

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
            "Give the one you measured (sleep_current_a in A), take a mode on record, or never pause (duty cycle 1)."
        )
    spread = load_constants(*_CONSTANTS)["retention"]
    typical = stated(fact, spread["low"].value, spread["high"].value)
    if mode == "sleep":
        return _at_clock(typical, board, clock_hz)
    if ambient_c == 25.0:
        return typical
    inputs, source = (typical, leakage_doubling()), f"from 25 to {ambient_c:g} °C"
    return propagate(lambda i, k: retention_current(i, ambient_c, k), *inputs, unit="A", source=source)


def halted_current(asleep: Estimate | None, run: Estimate | None) -> Estimate | None:
    """Current with the core halted and its clocks on while a DMA fills a buffer [A], never above the run current [A].

    `asleep` is of the mode "sleep" on record [A]; where no document gives it, a share of the run current, as on chips
    of the catalogue; None where that is unknown.
    """
    if run is None or (asleep is not None and asleep.value <= run.value):
        return asleep
    if asleep is not None:
        return run
    share = band(load_constants(*_CONSTANTS)["halted"], "share", "share_low", "share_high")
    source = ("core halted, clocks on: a share of the run current", share.source)
    return propagate(lambda i, s: i * s, run, share, unit="A", source=source)


def _at_clock(current: Estimate, board: Board, clock_hz: float | None) -> Estimate:
    """SLEEP at another clock [A]: a static share, the rest in proportion to the clock."""
    top = board.run_clock_hz or board.clock_hz
    if clock_hz is None or top is None or clock_hz == top:
        return current
    share = band(load_constants(*_CONSTANTS)["sleep_clock"], "static_share", "static_share_low", "static_share_high")
    source = f"from {top / 1e6:g} to {clock_hz / 1e6:g} MHz"
    return propagate(lambda i, s: i * (s + (1 - s) * clock_hz / top), current, share, unit="A", source=source)


def leakage_doubling() -> Estimate:
    """Warming that doubles a retention current [K]: 19 [16.5, 21.5]."""
    return band(load_constants(*_CONSTANTS)["leakage"], "doubling", "doubling_low", "doubling_high")


def regulator_quiescent() -> Estimate:
    """What a linear regulator between pack and board draws itself [A], assumed."""
    return band(load_constants(*_CONSTANTS)["regulator"], "quiescent", "quiescent_low", "quiescent_high")


def wake_up(board: Board, mode: str, run: Estimate | None, boot_s: Estimate | float | None = None) -> State | None:
    """The way out of a sleep mode; None out of "sleep", or where its time is unknown.

    Out of "stop": the wake-up time on record. Out of "standby", where RAM is lost: the time to the first instruction
    where that is on record, then clocks, C start-up and the network's memory laid out, 5 [1, 50] ms unless given. Both
    at 0.5 [0.2, 1] of the run current: the one case found, STM32L4R5, draws 3.55 of 17 mA for 13.1 µs.

    Parameters
    ----------
    board : whose record is asked.
    mode : one of `SLEEP_MODES`.
    run : the run current [A]; None leaves the state's unknown.
    boot_s : your own time from the first instruction until the network can run [s].

    Raises
    ------
    ParameterError : a boot time out of range.
    """
    constants = load_constants(*_CONSTANTS)
    fact = {"stop": board.wakeup_time, "standby": board.standby_wakeup}.get(mode)
    times = [stated(fact)] if fact else []
    if mode == "standby":
        own = band(constants["reboot"], "start_up", "start_up_low", "start_up_high")
        times.append(own if boot_s is None else as_estimate(boot_s, "s", "boot time", high=3600.0))
    if not times:
        return None
    name = "reboot" if mode == "standby" else "wake-up"
    duration = propagate(lambda *t: sum(t), *times, unit="s", source=name) if len(times) > 1 else times[0]
    if run is None:
        return State(name, duration, None)
    share = band(constants["wakeup"], "share", "share_low", "share_high")
    current = propagate(lambda i, s: i * s, run, share, unit="A", source="share of the run current")
    return State(name, duration, current)


def best_sleep(asleep: Mapping[str, Estimate | None], ways: Mapping[str, State | None], rest_s: float) -> str:
    """The mode of the least charge over what the awake states leave of a period [s]; "stop" where nothing is known.

    The way out, as of `wake_up`, counts at its high end: RAM is given up only where even a slow reboot pays. Left out
    are a mode whose current is unknown (None) [A], and one whose way is longer than the rest.
    """

    def charge(mode: str) -> float:
        current, way = asleep[mode], ways[mode]
        lost = way.duration_s.value if way else 0.0
        if current is None or lost >= rest_s or (way and way.current_a is None):
            return math.inf
        return current.value * (rest_s - lost) + (way.charge_c.high if way and way.charge_c else 0.0)

    return min(SLEEP_MODES, key=charge)


def lay_timeline(busy: Timeline, *, run: Estimate | None, sleep: Estimate | None, way: State | None) -> Timeline:
    """The timeline of a period with the way out of sleep before the busy states; sleep takes the rest.

    A rest shorter than the way out is spent idle at the run current. Refuses states that take longer than the period.
    """
    busy.duty_cycle()
    rest = busy.period_s - sum(state.duration_s.value for state in busy.awake)
    if rest <= busy.period_s * 1e-12:
        return busy
    if way is not None and way.duration_s.value >= rest:
        return replace(busy, awake=(*busy.awake, State("idle", busy.rest(), run)))
    laid = replace(busy, awake=(way, *busy.awake)) if way else busy
    return replace(laid, sleep=State("sleep", laid.rest(), sleep))
