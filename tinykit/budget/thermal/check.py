"""Junction temperature against its limit (`check_heat`), and the box: its surface against skin, and the sun's heat."""

from dataclasses import dataclass, replace
from enum import StrEnum

from tinykit.budget.power.budget import PowerBudget
from tinykit.budget.power.timeline import leakage_doubling
from tinykit.budget.thermal.die import DESTROYED_C, Die, enclosure_rise, solar_heat, theta_ja as find_theta_ja
from tinykit.ground.errors import ParameterError, name_nearest
from tinykit.ground.quantity import Estimate, Fact, format_quantity, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate, band, load_constants
from tinykit.target.boards import find_board
from tinykit.target.boards.record import Board


class HeatVerdict(StrEnum):
    """Does a temperature keep its limit; tight where only the warm end of its interval does not, or nearly."""

    OK = "ok"
    TIGHT = "tight"
    TOO_HOT = "too hot"
    UNKNOWN = "unknown"


_REFERENCE_C = 25.0
_MARGIN = 0.10
_OPEN_AIR = Estimate.exact(0.0, "K", "measured", "open air")


@dataclass(frozen=True, slots=True)
class ThermalReport(Result):
    """How hot the die gets, with everything it was computed from.

    Parameters
    ----------
    board, ambient_c : the inputs; ambient is outside the enclosure [degC].
    average_power_w, continuous_power_w : heat in the package on average, and if inference never paused [W].
    leakage_w : part of it that grows with temperature, at ambient [W].
    theta_ja : [K/W].
    enclosure_rise_k : air in the box over ambient [K], None without a box.
    t_junction_c, t_junction_continuous_c : at the two powers [degC]; None where unknown.
    t_ambient_max_c, t_ambient_max_continuous_c : highest ambient for the junction's limit [degC].
    junction_max_c, rated_ambient_c : limits on record [degC]; None where none was found.
    verdict : "ok", "tight" (less than 10 % of the way from 25 °C to the limit left, at the warm end of the band),
        "too hot" or "unknown".
    reasons : why.
    sun_w : heat the sun adds to the box [W].
    """

    JSON = (
        *("ambient_c", "t_junction_c", "t_ambient_max_c", "t_junction_continuous_c", "t_ambient_max_continuous_c"),
        *("theta_ja", "enclosure_rise_k", "junction_max_c", "heat_verdict=verdict", "heat_reasons=reasons"),
    )

    LINE = ("board", "ambient_c", "theta_ja", "t_junction_c", "verdict")

    board: Board
    ambient_c: float
    average_power_w: Estimate | None
    continuous_power_w: Estimate | None
    leakage_w: Estimate
    theta_ja: Estimate | None
    enclosure_rise_k: Estimate | None
    t_junction_c: Estimate | None
    t_junction_continuous_c: Estimate | None
    t_ambient_max_c: Estimate | None
    t_ambient_max_continuous_c: Estimate | None
    junction_max_c: float | None
    rated_ambient_c: float | None
    verdict: HeatVerdict = HeatVerdict.UNKNOWN
    reasons: tuple[str, ...] = ()
    sun_w: Estimate | None = None


def check_heat(
    board: Board | str, power: PowerBudget | Estimate | float, *,
    ambient_c: float | None = None, theta_ja: Estimate | float | None = None,
    leakage_w: Estimate | float | None = None, enclosure_area_m2: float | None = None, sun_w: Estimate | float = 0.0
) -> ThermalReport:  # fmt: skip
    """Junction temperature on average and in continuous inference, and the highest ambient: Tj = Ta + P θJA.

    Parameters
    ----------
    board : catalogue id, or a `Board`.
    power : a `PowerBudget`, or the heat in the package [W].
    ambient_c : outside the box [degC]; None takes the budget's, else 25.
    theta_ja : of the user's own board [K/W]; None takes the record's, else a prior from the package.
    leakage_w : at 25 °C [W], doubles every 19 K; None takes the budget's retention current, else 0.
    enclosure_area_m2 : outer surface of a closed box [m²]; None is open air.
    sun_w : heat the sun leaves in that box [W], as of `solar_load`.

    Raises
    ------
    ParameterError : a value is negative, NaN or absurd, or sun without a box.
    """
    target, budget = find_board(board), power if isinstance(power, PowerBudget) else None
    own = budget.ambient_c if budget else _REFERENCE_C
    ambient = as_estimate(own if ambient_c is None else ambient_c, "degC", "ambient", low=-60.0, high=200.0).value
    (average, continuous, heat), leakage = _powers(power), _leakage_of(budget, leakage_w)
    sun = as_estimate(sun_w, "W", "heat of the sun", high=1e5)
    air_rise = _air_rise(heat or continuous, enclosure_area_m2, sun)
    theta, limit = find_theta_ja(target, theta_ja), target.junction_max.value if target.junction_max else None
    die = None if theta is None else Die(theta, leakage, leakage_doubling(), air_rise or _OPEN_AIR, ambient)
    report = ThermalReport(
        board=target, ambient_c=ambient, average_power_w=average, continuous_power_w=continuous, leakage_w=leakage,
        theta_ja=theta, enclosure_rise_k=air_rise, junction_max_c=limit, sun_w=sun,
        rated_ambient_c=target.ambient_max.value if target.ambient_max else None,
        t_junction_c=die.junction(average) if die else None,
        t_junction_continuous_c=die.junction(continuous) if die else None,
        t_ambient_max_c=die.ambient_limit(average, limit) if die and limit else _rated_limit(target, air_rise),
        t_ambient_max_continuous_c=die.ambient_limit(continuous, limit) if die else None,
    )  # fmt: skip
    verdict, reasons = _judge(report, die, _decisive(report, budget))
    return replace(report, verdict=verdict, reasons=reasons)


def _powers(power: PowerBudget | Estimate | float) -> tuple[Estimate | None, Estimate | None, Estimate | None]:
    """Heat in the package on average and in continuous inference, and what is drawn from the source [W]."""
    if isinstance(power, PowerBudget):
        return power.mcu_power_w, power.run_power_w, power.average_power_w
    heat = as_estimate(power, "W", "power", high=1e3)
    return heat, heat, heat


def _leakage_of(budget: PowerBudget | None, leakage_w: Estimate | float | None) -> Estimate:
    """Leakage at 25 °C [W]: the user's, else what the budget's retention mode draws, brought back to 25 °C."""
    if leakage_w is not None:
        return as_estimate(leakage_w, "W", "leakage", high=100.0)
    asleep = budget.sleep_current_25_a if budget else None
    if budget is None or asleep is None or budget.supply_v is None:
        return Estimate.exact(0.0, "W", "measured", "no leakage taken into account")
    supply = budget.supply_v
    return propagate(lambda i: i * supply, asleep, unit="W", source="retention current as leakage")


def _air_rise(heat: Estimate | None, area_m2: float | None, sun: Estimate) -> Estimate | None:
    if area_m2 is None and sun.high > 0:
        raise ParameterError(f"the sun brings {sun.value:g} W, but there is no box; give enclosure_area_m2 in m²")
    if area_m2 is None or heat is None:
        return None
    area = as_estimate(area_m2, "m2", "enclosure area", low=1e-4, high=100.0)
    film = band(load_constants("thermal", "constants.toml")["enclosure"], "film_coefficient", "film_low", "film_high")
    given = (heat, sun, area, film)
    return propagate(lambda p, s, a, h: enclosure_rise(p + s, a, h), *given, unit="K", source="P/(h A)")


def _rated_limit(board: Board, air_rise: Estimate | None) -> Estimate | None:
    """The rated ambient of a part whose junction limit was not found, less the rise inside a box."""
    if board.ambient_max is None or board.junction_max is not None:
        return None
    rated = board.ambient_max.estimate()
    if air_rise is None:
        return rated
    return propagate(lambda limit, rise: limit - rise, rated, air_rise, unit="degC")


def _decisive(report: ThermalReport, budget: PowerBudget | None) -> Estimate | None:
    """Average power, or that of inference where one burst outlasts the package or the average is unknown."""
    package_s = load_constants("thermal", "constants.toml")["foster"]["package_time"].value
    if report.average_power_w is None or (budget is not None and budget.latency.value > package_s):
        return report.continuous_power_w
    return report.average_power_w


def _judge(report: ThermalReport, die: Die | None, power: Estimate | None) -> tuple[HeatVerdict, tuple[str, ...]]:
    """Verdict and reasons."""
    notes = [] if report.average_power_w else ["average power is unknown: judged as if inference never paused"]
    if power is None:
        return HeatVerdict.UNKNOWN, ("power is unknown: the run current of the board is",)
    if die is not None and die.runs_away(power):
        return HeatVerdict.TOO_HOT, ("leakage and heat feed each other: thermal runaway",)
    known = report.t_junction_continuous_c if power is report.continuous_power_w else report.t_junction_c
    junction = known if die else None
    if junction is not None and report.theta_ja is not None and report.theta_ja.basis == "assumed":
        notes.append(f"theta_ja is a prior from the package: {report.theta_ja}")
    if report.board.current_scope == "board":
        notes.append("the current is that of the whole board: the die is cooler than this")
    if junction is not None and report.junction_max_c is not None:
        verdict, reason = judge_junction(junction, report.junction_max_c)
    else:
        verdict, reason = _against_rating(report)
    above = _above_rating(report)
    return HeatVerdict.TIGHT if verdict == HeatVerdict.OK and above else verdict, (reason, *above, *notes)


def judge_junction(junction: Estimate, limit_c: float) -> tuple[HeatVerdict, str]:
    """Verdict and reason of a junction temperature against its limit [°C]."""
    text = f"junction {junction} against a limit of {format_quantity(limit_c, 'degC')}"
    if junction.value > limit_c:
        return HeatVerdict.TOO_HOT, text
    left = (limit_c - junction.high) / (limit_c - _REFERENCE_C)
    if junction.high >= DESTROYED_C:
        text += "; at the warm end leakage and heat feed each other without a limit"
    return (HeatVerdict.OK if left >= _MARGIN else HeatVerdict.TIGHT), text


def _against_rating(report: ThermalReport) -> tuple[HeatVerdict, str]:
    """The rated ambient decides where junction limit or theta_ja was not found."""
    rated = report.rated_ambient_c
    what = "junction limit" if report.junction_max_c is None else "theta_ja"
    if rated is None:
        return HeatVerdict.UNKNOWN, f"no {what} and no rated ambient found for {report.board.id}"
    air = report.ambient_c + (report.enclosure_rise_k.high if report.enclosure_rise_k else 0.0)
    text = f"no {what} found: air at {air:.1f} °C judged by the rated ambient, {format_quantity(rated, 'degC')}"
    if air > rated:
        return HeatVerdict.TOO_HOT, text
    enough = (rated - air) / (rated - _REFERENCE_C) >= _MARGIN
    return (HeatVerdict.OK if enough else HeatVerdict.TIGHT), text


def _above_rating(report: ThermalReport) -> tuple[str, ...]:
    rated, rise = report.rated_ambient_c, report.enclosure_rise_k
    air = report.ambient_c + (rise.value if rise else 0.0)
    if rated is None or air <= rated or report.junction_max_c is None:
        return ()
    where = "air in the box" if rise else "ambient"
    return (f"{where} of {air:.3g} °C is above the rated {rated:g} °C: the data sheet's figures may not hold",)


CONTACTS = {"worn": "long", "10 min": "ten_minutes", "1 min": "one_minute", "held": "held_metal"}
"""How long skin and surface meet, and the limit that stands for it."""
PAINTS = ("white", "grey", "black")
"""Surfaces whose solar absorptance is on the shelf."""


@dataclass(frozen=True, slots=True)
class TouchReport(Result):
    """A surface against the limit for its contact.

    Parameters
    ----------
    surface_c : of the enclosure [degC].
    limit : from the standard.
    power_max_w : that keeps the limit [W], 0 where the ambient alone exceeds it.
    verdict : "ok", "tight" (the warm end exceeds) or "too hot".
    """

    surface_c: Estimate
    limit: Fact
    power_max_w: float
    verdict: HeatVerdict


def check_touch(
    power_w: Estimate | float, area_m2: float, *, ambient_c: float = 25.0, contact: str = "worn"
) -> TouchReport:
    """Mean temperature of an enclosure's surface against the touch limit: T = Ta + P / (h A).

    Parameters
    ----------
    power_w : of everything inside [W].
    area_m2 : outer surface that sheds heat [m²].
    ambient_c : around the box [degC].
    contact : one of `CONTACTS`. Left out: the skin's own warmth, hot spots above the chip, sun.

    Raises
    ------
    ParameterError : an unknown contact or a figure out of range.
    """
    if contact not in CONTACTS:
        raise ParameterError(f"contact {contact!r} is unknown; {name_nearest(str(contact), CONTACTS)}")
    heat = as_estimate(power_w, "W", "power", high=1e3)
    area = as_estimate(area_m2, "m2", "surface", low=1e-6, high=100.0).value
    ambient = as_estimate(ambient_c, "degC", "ambient", low=-60.0, high=200.0).value
    limit = load_constants("thermal", "touch.toml")["skin"][CONTACTS[contact]]
    film = band(load_constants("thermal", "constants.toml")["enclosure"], "film_coefficient", "film_low", "film_high")
    law = "T = Ta + P/(h A)"
    surface = propagate(lambda p, h: ambient + float(enclosure_rise(p, area, h)), heat, film, unit="degC", source=law)
    cool = HeatVerdict.TIGHT if surface.high > limit.value else HeatVerdict.OK
    verdict = HeatVerdict.TOO_HOT if surface.value > limit.value else cool
    return TouchReport(surface, limit, max(0.0, (limit.value - ambient) * film.value * area), verdict)


def solar_load(lit_area_m2: float, paint: str = "grey") -> Estimate:
    """Heat of the noon sun in a box [W], assumed: P = α G A, with the interval of both.

    Parameters
    ----------
    lit_area_m2 : the face the sun sees [m²].
    paint : one of `PAINTS`.

    Raises
    ------
    ParameterError : an unknown paint, or an area out of range.
    """
    if paint not in PAINTS:
        raise ParameterError(f"paint {paint!r} is unknown; {name_nearest(str(paint), PAINTS)}")
    area = as_estimate(lit_area_m2, "m2", "lit face", high=100.0).value
    shelf = load_constants("thermal", "constants.toml")["sun"]
    irradiance = band(shelf, "irradiance", "irradiance_low", "irradiance_high")
    absorptance = band(shelf, paint, f"{paint}_low", f"{paint}_high")
    source = f"P = α G A on {area * 1e4:g} cm², {paint}"
    return propagate(lambda g, a: solar_heat(g, area, a), irradiance, absorptance, unit="W", source=source)
