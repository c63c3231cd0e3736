"""What the sun adds to a box in the open."""

from __future__ import annotations

from tinykit.budget.thermal.laws import solar_heat
from tinykit.ground.errors import ParameterError, name_nearest
from tinykit.ground.quantity import Estimate, propagate
from tinykit.predict.energy import as_estimate, band, load_constants

PAINTS = ("white", "grey", "black")
"""Surfaces whose solar absorptance is on the shelf."""


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
