"""A die that works in bursts, in time: one band with the steady state, the limits it meets, the ladder behind it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.budget.thermal.check import HeatVerdict, ThermalReport, TouchReport, check_touch, judge_junction
from tinykit.budget.thermal.die import foster_ladder, temperature_rise
from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.ground.quantity import Estimate, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate

_PERIODS = 3
_POINTS = 60


@dataclass(frozen=True, slots=True)
class Ladder(Result):
    """A Foster ladder: resistances [K/W] and time constants [s], one pair a stage, as `foster_ladder` has them.

    Raises
    ------
    ParameterError : no stage, unequal counts or a figure not above 0.
    """

    resistances: tuple[float, ...]
    constants_s: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.resistances or len(self.resistances) != len(self.constants_s):
            counts = f"{len(self.resistances)} resistances and {len(self.constants_s)} time constants"
            raise ParameterError(f"{counts}; give one pair a stage")
        for number in (*self.resistances, *self.constants_s):
            as_estimate(number, "1", "ladder element", low=1e-12, high=1e12)

    @property
    def total(self) -> float:
        """Resistance from junction to ambient [K/W]."""
        return sum(self.resistances)

    def rise(self, time_s: Any, power_w: float) -> Any:
        """Rise after a step of power [K], scalar or array: `temperature_rise`."""
        return temperature_rise(time_s, power_w, self.resistances, self.constants_s)


_LADDER = Ladder(*foster_ladder(1.0))


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
    return _curve(report, times, np.asarray(_LADDER.rise(times, 1.0)))


def follow_bursts(
    report: ThermalReport, burst_s: float, pause_s: float, *, area_m2: float | None = None, contact: str = "worn"
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
    unknown = HeatVerdict.UNKNOWN, "no junction limit on record"
    verdict, reason = unknown if limit is None else judge_junction(peak, limit)
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
        bursts.append(burst_until(room, full, _LADDER))
        duties.append(duty_that_holds(room, full, period_s, _LADDER))
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
    for share, tau in zip(_LADDER.resistances, _LADDER.constants_s, strict=True):
        up, down, lost = math.exp(-burst / tau), math.exp(-pause / tau), -math.expm1(-period / tau)
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


def peak_rise(power_w: float, on_s: float, period_s: float, ladder: Ladder) -> float:
    """Highest rise in the steady state of a pulse train: ΔT = P Σ R_i (1 - e^(-t/τ_i))/(1 - e^(-T/τ_i)).

    Returns [K]. A short period gives the average power times R, one long against every τ the single pulse.

    >>> round(peak_rise(1.0, 1.0, 1.0, Ladder((10.0,), (5.0,))), 9)
    10.0

    Parameters
    ----------
    power_w : P during a pulse [W].
    on_s : t [s].
    period_s : T [s].
    ladder : of resistances R and time constants τ.
    """
    constants = np.asarray(ladder.constants_s)
    part = np.expm1(-on_s / constants) / np.expm1(-period_s / constants)
    return float(power_w * np.sum(np.asarray(ladder.resistances) * part))


def burst_until(limit_k: float, power_w: float, ladder: Ladder) -> float:
    """How long a burst from rest may last until the rise reaches a limit [s]; inf where it never does.

    Parameters
    ----------
    limit_k : rise over ambient allowed [K].
    power_w : of the burst [W].
    ladder : resistances and time constants of the package.

    Raises
    ------
    ParameterError : a figure negative or NaN.
    """
    limit = as_estimate(limit_k, "K", "limit of the rise", high=1e4).value
    watt = as_estimate(power_w, "W", "power", high=1e6).value
    if limit <= 0:
        return 0.0
    if watt * ladder.total <= limit:
        return math.inf
    low, high = 0.0, max(ladder.constants_s)
    while ladder.rise(high, watt) < limit:
        high *= 2.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if ladder.rise(middle, watt) < limit else (low, middle)
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
