"""A die that works in bursts, in time: one band with the steady state, and the limits it meets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.budget.thermal.check import HeatVerdict, ThermalReport, judge_junction
from tinykit.budget.thermal.laws import temperature_rise
from tinykit.budget.thermal.packages import foster_ladder
from tinykit.budget.thermal.touch import TouchReport, check_touch
from tinykit.budget.thermal.transient import Ladder, burst_until, duty_that_holds
from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.ground.quantity import Estimate, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy import as_estimate

_PERIODS = 3
_POINTS = 60
_SHARES, _TAUS = foster_ladder(1.0)


@dataclass(frozen=True, slots=True)
class HeatCurve(Result):
    """Temperature over time: times_s [s], and value_c, low_c, high_c [°C] at each."""

    times_s: tuple[float, ...]
    value_c: tuple[float, ...]
    low_c: tuple[float, ...]
    high_c: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Warming(Result):
    """Bursts and pauses once the board is warm.

    Parameters
    ----------
    report : the steady state it belongs to.
    burst_s, pause_s : [s].
    duty_cycle : 0–1.
    curve : of three periods.
    peak_c, trough_c : of the junction [°C].
    burst_limit_s : how long one burst from rest may last until the junction's limit [s], at best and at the warm end
        of the interval; inf where it never gets there, None without a limit on record.
    duty_limit : the largest duty cycle of this period whose peaks keep the limit, at best and at the warm end.
    surface : the box against its touch limit; None without a box.
    verdict, reason : of the peak against the junction's limit.
    """

    LINE = ("report.board", "burst_s", "pause_s", "peak_c", "trough_c", "verdict")

    report: ThermalReport
    burst_s: float
    pause_s: float
    duty_cycle: float
    curve: HeatCurve
    peak_c: Estimate
    trough_c: Estimate
    burst_limit_s: tuple[float, float] | None
    duty_limit: tuple[float, float] | None
    surface: TouchReport | None
    verdict: HeatVerdict
    reason: str


def follow_step(report: ThermalReport, times_s: ArrayLike) -> HeatCurve:
    """Junction after inference starts and never pauses [°C]; ends in the report's own steady state and interval.

    Parameters
    ----------
    report : the steady state.
    times_s : since the start [s]. The shape is that of `foster_ladder`; the air in a box is warm from the start.

    Raises
    ------
    UnknownFactError : power or θJA is unknown, or no temperature is stable.
    ParameterError : a time negative or NaN.
    """
    times = np.asarray(times_s, float)
    if not np.all(times >= 0):
        raise ParameterError("times hold a negative or NaN value; give s since the start, 0 and above")
    return _curve(report, times, np.asarray(temperature_rise(times, 1.0, _SHARES, _TAUS)))


def follow_bursts(
    report: ThermalReport,
    burst_s: float,
    pause_s: float,
    *,
    area_m2: float | None = None,
    contact: str = "worn",
) -> Warming:
    """Junction while bursts of inference and pauses take turns, in their steady state.

    Parameters
    ----------
    report : of `check_heat` at the duty cycle burst / (burst + pause), so that box and pause hold their heat.
    burst_s, pause_s : [s].
    area_m2 : outer surface of a box that is touched [m²].
    contact : as in `check_touch`.

    Raises
    ------
    UnknownFactError : power or θJA is unknown, or no temperature is stable.
    ParameterError : a time out of range.
    """
    burst = as_estimate(burst_s, "s", "burst", low=1e-4, high=1e7).value
    pause = as_estimate(pause_s, "s", "pause", high=1e7).value
    duty = burst / (burst + pause)
    times, shape = _pulse_shape(burst, pause, _idle_share(report, duty))
    curve = _curve(report, times, shape)
    peak, trough = (_at(report, curve, int(place)) for place in (np.argmax(shape), np.argmin(shape)))
    limit, surface = report.junction_max_c, _surface(report, area_m2, contact)
    verdict, reason = (
        judge_junction(peak, limit) if limit is not None else (HeatVerdict.UNKNOWN, "no junction limit on record")
    )
    bounds = _bounds(report, burst + pause)
    return Warming(report, burst, pause, duty, curve, peak, trough, *bounds, surface, verdict, reason)


def _surface(report: ThermalReport, area_m2: float | None, contact: str) -> TouchReport | None:
    """The box at its average power and the sun's."""
    power, sun = report.average_power_w, report.sun_w
    if power is None or sun is None or area_m2 is None:
        return None
    heat = propagate(lambda p, s: p + s, power, sun, unit="W")
    return check_touch(heat, area_m2, ambient_c=report.ambient_c, contact=contact)


def _bounds(report: ThermalReport, period_s: float) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Longest burst and largest duty cycle, each at best and at the warm end.

    The air in a box is held where the present duty cycle has warmed it, and the heat of pauses is left out.
    """
    if report.junction_max_c is None:
        return None, None
    hot, bursts, duties = _hot(report), [], []
    for end, start in ((hot.value, _air(report)[0]), (hot.high, _air(report)[0] + _air(report)[2])):
        room, full = max(0.0, report.junction_max_c - start), max(end - start, 1e-9)
        ladder = Ladder(_SHARES, tuple(tau / share for share, tau in zip(_SHARES, _TAUS, strict=True)))
        bursts.append(burst_until(room, full, ladder))
        duties.append(duty_that_holds(room, full, period_s, ladder))
    return (bursts[0], bursts[1]), (duties[0], duties[1])


def _idle_share(report: ThermalReport, duty: float) -> float:
    """Heat in a pause over heat in a burst, from the average of both."""
    average, full = report.average_power_w, report.continuous_power_w
    if average is None or full is None or full.value <= 0 or duty >= 1:
        return 0.0
    return min(1.0, max(0.0, (average.value / full.value - duty) / (1 - duty)))


def _pulse_shape(burst: float, pause: float, idle: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times [s] of some periods, and the rise over that of a burst without end, 0–1, in the periodic steady state."""
    period = burst + pause
    within = np.unique(np.concatenate([np.linspace(0, burst, _POINTS), np.linspace(burst, period, _POINTS)]))
    shape = np.zeros_like(within)
    for share, tau in zip(_SHARES, _TAUS, strict=True):
        up, down = math.exp(-burst / tau), math.exp(-pause / tau)
        lost = -math.expm1(-period / tau)
        start = (down * -math.expm1(-burst / tau) + idle * -math.expm1(-pause / tau)) / lost
        top = start * up - math.expm1(-burst / tau)
        rising = 1 - (1 - start) * np.exp(-within / tau)
        falling = idle + (top - idle) * np.exp(-np.maximum(0.0, within - burst) / tau)
        shape += share * np.where(within <= burst, rising, falling)
    times = np.concatenate([within + place * period for place in range(_PERIODS)])
    return times, np.tile(shape, _PERIODS)


def _hot(report: ThermalReport) -> Estimate:
    if report.t_junction_continuous_c is None:
        raise UnknownFactError(f"junction of {report.board.id!r} is unknown: no power, no theta_ja or no stable state")
    return report.t_junction_continuous_c


def _air(report: ThermalReport) -> tuple[float, float, float]:
    """Air around the package [°C], and how far below and above it may be [K]."""
    rise = report.enclosure_rise_k
    if rise is None:
        return report.ambient_c, 0.0, 0.0
    return report.ambient_c + rise.value, rise.value - rise.low, rise.high - rise.value


def _curve(report: ThermalReport, times: NDArray[np.float64], shape: NDArray[np.float64]) -> HeatCurve:
    """The steady state's rise and interval, scaled by a shape from 0 to 1; the air's own interval stays."""
    hot, (air, below, above) = _hot(report), _air(report)
    value = air + shape * (hot.value - air)
    cold = np.hypot(below, shape * math.sqrt(max(0.0, (hot.value - hot.low) ** 2 - below**2)))
    warm = np.hypot(above, shape * math.sqrt(max(0.0, (hot.high - hot.value) ** 2 - above**2)))
    columns = (times, value, value - cold, value + warm)
    return HeatCurve(*(tuple(column.tolist()) for column in columns))


def _at(report: ThermalReport, curve: HeatCurve, place: int) -> Estimate:
    hot = _hot(report)
    ends = curve.value_c[place], curve.low_c[place], curve.high_c[place]
    return Estimate(*ends, "degC", "assumed", sources=("shape of a Foster ladder, assumed", *hot.sources))
