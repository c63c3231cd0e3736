"""The box: what the sun brings to it, and its surface against what skin bears."""

from dataclasses import dataclass

from tinykit.budget.thermal.check import HeatVerdict
from tinykit.budget.thermal.laws import enclosure_rise, solar_heat
from tinykit.ground.errors import ParameterError, name_nearest
from tinykit.ground.quantity import Estimate, Fact, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate, band, load_constants

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
    surface = propagate(
        lambda p, h: ambient + float(enclosure_rise(p, area, h)), *(heat, film), unit="degC", source="T = Ta + P/(h A)"
    )
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
