"""States of a periodic workload: how long, at what current, what charge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate, format_quantity, propagate
from tinykit.ground.results import Result


@dataclass(frozen=True, slots=True)
class State(Result):
    """One stretch of the period at one supply current.

    Parameters
    ----------
    name : "wake-up", "inference", "sleep", or what the user calls it.
    duration_s : s within one period; the mean of it where the state does not come in every period.
    current_a : A drawn from the supply; None where it is unknown.
    times : occurrences in one period on average: 1, or the rate at which a gate opens.
    """

    JSON = (
        *("name", "duration_s=duration_s.value", "current_a=current_a.value", "charge_c=charge_c.value", "times"),
        *("current=current_a",),
    )

    name: str
    duration_s: Estimate
    current_a: Estimate | None
    times: float = 1.0

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


def average_of(awake: Sequence[State], sleep: State | None, period_s: float) -> Estimate | None:
    """Average current of a period [A] of awake states and one that fills the rest; None if one is unknown.

    The sleep takes the time the others leave, so that a longer inference shortens it: the interval
    is that of the whole, not of independent parts.

    >>> from tinykit.ground.quantity import Estimate
    >>> exact = lambda value, unit: Estimate.exact(value, unit, "measured", "example")
    >>> run = State("inference", exact(0.25, "s"), exact(8e-3, "A"))
    >>> average_of([run], State("sleep", exact(0.75, "s"), exact(0.0, "A")), 1.0)
    2.00 mA (measured)
    """
    currents = [state.current_a for state in (*awake, *([sleep] if sleep else []))]
    known = [current for current in currents if current is not None]
    if len(known) < len(currents):
        return None
    count = len(awake)

    def average(*values: float) -> float:
        durations, amperes = values[:count], values[count:]
        rest = max(0.0, period_s - sum(durations)) if sleep else 0.0
        charges = sum(t * i for t, i in zip((*durations, rest), amperes, strict=False))
        return charges / max(period_s, sum(durations))

    source = "charge of the states over the period"
    return propagate(average, *(state.duration_s for state in awake), *known, unit="A", source=source)


def awake_fraction(awake: Sequence[State], period_s: float) -> Estimate:
    """Duty cycle: time awake over the period, 0–1, its interval cut at 1.

    Raises
    ------
    ParameterError : the states take longer than the period.
    """
    total = sum(state.duration_s.value for state in awake)
    if total > period_s * (1 + 1e-9):
        names = ", ".join(f"{state.name} {format_quantity(state.duration_s.value, 's')}" for state in awake)
        raise ParameterError(
            f"period {format_quantity(period_s, 's')} is shorter than the time awake, {format_quantity(total, 's')} "
            f"({names}).\nGive a period of at least {format_quantity(total, 's')}, a faster clock or a smaller model."
        )
    durations = [state.duration_s for state in awake]
    return propagate(lambda *t: min(1.0, sum(t) / period_s), *durations, unit="1", source="time awake over the period")
