"""Temperature in time: ladders of Foster and Cauer, bursts until the limit, the duty cycle that holds it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinykit.budget.thermal.laws import temperature_rise
from tinykit.ground.errors import ParameterError
from tinykit.ground.results import Result
from tinykit.predict.energy import as_estimate

_FOREVER = math.inf


@dataclass(frozen=True, slots=True)
class Ladder(Result):
    """A thermal ladder of `kind` "foster" or "cauer": resistances [K/W] and capacities [J/K], from the die outward.

    Raises
    ------
    ParameterError : another kind, no stage, unequal counts or a figure not above 0.
    """

    resistances: tuple[float, ...]
    capacities: tuple[float, ...]
    kind: str = "foster"

    def __post_init__(self) -> None:
        if self.kind not in ("foster", "cauer"):
            raise ParameterError(f"ladder of kind {self.kind!r}; allowed: foster, cauer")
        if not self.resistances or len(self.resistances) != len(self.capacities):
            raise ParameterError(
                f"{len(self.resistances)} resistances and {len(self.capacities)} capacities; give one pair a stage"
            )
        for number in (*self.resistances, *self.capacities):
            as_estimate(number, "1", "ladder element", low=1e-12, high=1e12)

    @property
    def total(self) -> float:
        """Resistance from junction to ambient [K/W]."""
        return sum(self.resistances)

    def foster(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Resistances [K/W] and time constants [s] of the Foster form, fastest first: what `temperature_rise` takes."""
        if self.kind == "foster":
            return self.resistances, tuple(r * c for r, c in zip(self.resistances, self.capacities, strict=True))
        return cauer_to_foster(self.resistances, self.capacities)


def cauer_to_foster(
    resistances: Sequence[float], capacities: Sequence[float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Foster form of a Cauer ladder: R_i = b_i², τ_i = 1/λ_i from C^-1/2 G C^-1/2 = Q Λ Qᵀ, C dT/dt = P e₁ - G T.

    Returns resistances [K/W] and time constants [s], fastest first; the step response at the die is the same, R_i =
    (q_i1)²/(C₁ λ_i). One stage is its own Foster form:

    >>> r, tau = cauer_to_foster([10.0], [0.5])
    >>> round(r[0], 9), round(tau[0], 9)
    (10.0, 5.0)

    Parameters
    ----------
    resistances : R [K/W] between the nodes and to ambient.
    capacities : C [J/K] at the nodes, from the die.
    """
    steps, heats = np.asarray(resistances, float), np.asarray(capacities, float)
    links = 1.0 / steps
    matrix = np.diag(links + np.concatenate([[0.0], links[:-1]]))
    matrix -= np.diag(links[:-1], 1) + np.diag(links[:-1], -1)
    rates, vectors = np.linalg.eigh(matrix / np.sqrt(np.outer(heats, heats)))
    parts = vectors[0] ** 2 / heats[0] / rates
    order = np.argsort(-rates)
    return tuple(parts[order].tolist()), tuple((1.0 / rates[order]).tolist())


def peak_rise(power_w: float, on_s: float, period_s: float, ladder: Ladder) -> float:
    """Highest rise in the steady state of a pulse train: ΔT = P Σ R_i (1 - e^(-t/τ_i))/(1 - e^(-T/τ_i)).

    Returns [K]. A short period gives the average power times R, one long against every τ the single pulse.

    >>> round(peak_rise(1.0, 1.0, 1.0, Ladder((10.0,), (0.5,))), 9)
    10.0

    Parameters
    ----------
    power_w : P during a pulse [W].
    on_s : t [s].
    period_s : T [s].
    ladder : of resistances R and time constants τ.
    """
    resistances, constants = (np.asarray(part) for part in ladder.foster())
    part = np.expm1(-on_s / constants) / np.expm1(-period_s / constants)
    return float(power_w * np.sum(resistances * part))


def burst_until(limit_k: float, power_w: float, ladder: Ladder, *, start_k: float = 0.0) -> float:
    """How long a burst may last until the rise reaches a limit [s]; inf where it never does, 0 where it is there.

    Parameters
    ----------
    limit_k : rise over ambient allowed [K].
    power_w : of the burst [W].
    ladder : resistances and time constants of the package.
    start_k : even rise at the start, shared out as in a steady state [K].

    Raises
    ------
    ParameterError : a figure negative or NaN.
    """
    limit = as_estimate(limit_k, "K", "limit of the rise", high=1e4).value
    watt = as_estimate(power_w, "W", "power", high=1e6).value
    start = as_estimate(start_k, "K", "rise at the start", high=1e4).value
    if start >= limit:
        return 0.0
    if watt * ladder.total <= limit:
        return _FOREVER
    resistances, constants = ladder.foster()
    base = start / ladder.total

    def rise(seconds: float) -> float:
        return start + float(temperature_rise(seconds, watt - base, resistances, constants))

    low, high = 0.0, max(constants)
    while rise(high) < limit:
        high *= 2.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rise(middle) < limit else (low, middle)
    return low


def duty_that_holds(limit_k: float, power_w: float, period_s: float, ladder: Ladder) -> float:
    """The largest duty cycle whose peaks stay at or below a rise, 0–1, for pulses of a period [s].

    Parameters
    ----------
    limit_k : rise over ambient allowed [K].
    power_w : during a pulse [W].
    period_s : [s].
    ladder : resistances and time constants of the package.

    Raises
    ------
    ParameterError : a figure negative or NaN.
    """
    limit = as_estimate(limit_k, "K", "limit of the rise", high=1e4).value
    watt = as_estimate(power_w, "W", "power", high=1e6).value
    period = as_estimate(period_s, "s", "period", low=1e-9, high=1e9).value
    if watt * ladder.total <= limit:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if peak_rise(watt, middle * period, period, ladder) <= limit else (low, middle)
    return low
