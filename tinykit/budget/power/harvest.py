"""Harvesting: a small solar or thermal input over a day against a budget, with an energy-neutral verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinykit.budget.power.budget import PowerBudget
from tinykit.ground.errors import ParameterError, UnknownFactError, name_nearest
from tinykit.ground.quantity import DAY_S, Estimate, format_quantity, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate, band, load_constants

LIGHTS = ("bright", "dull", "office")
"""A sunny day outdoors, a December day, ten hours of office light."""


@dataclass(frozen=True, slots=True)
class Harvester(Result):
    """An input with the profile of its day.

    Parameters
    ----------
    name : for messages.
    energy_per_day_j : into the store, after the converter [J].
    profile : share of the day's energy in each of its equal slices, from midnight; sums to 1.
    """

    name: str
    energy_per_day_j: Estimate
    profile: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Neutrality(Result):
    """Whether a harvester carries a budget.

    Parameters
    ----------
    verdict : "neutral" (even at the low end), "on average" (not at the low end), "not neutral" or "unknown".
    surplus_w : harvested less used, on average [W].
    store_j : needed to pass the dark hours of a day [J].
    reason : in words, with what the budget cannot do.
    """

    verdict: str
    surplus_w: Estimate | None
    store_j: float | None
    reason: str


def solar_power(irradiance: Any, area_m2: Any, efficiency: Any, converter: Any = 0.75) -> Any:
    """Electrical power of a small solar cell: P = G A η η_c.

    Scalars or arrays; returns [W]. Left out: angle, temperature, shade.

    >>> round(solar_power(1000.0, 10e-4, 0.18) * 1e3)
    135

    Parameters
    ----------
    irradiance : G [W/m²].
    area_m2 : A [m²].
    efficiency : η.
    converter : η_c 0–1.
    """
    return irradiance * area_m2 * efficiency * converter


def thermal_power(difference_k: Any, area_m2: Any, density: Any = 0.2, converter: Any = 0.75) -> Any:
    """Electrical power of a thermoelectric module at its matched load: P = k A ΔT² η_c.

    Scalars or arrays; returns [W]. The square is Seebeck voltage over a fixed resistance.

    >>> round(float(thermal_power(10.0, 10e-4)) * 1e3, 1)
    15.0

    Parameters
    ----------
    difference_k : ΔT across source and air [K].
    area_m2 : A [m²].
    density : k [W/(m² K²)].
    converter : η_c.
    """
    return density * area_m2 * np.square(difference_k) * converter


def solar_harvester(area_m2: float, light: str = "bright") -> Harvester:
    """A solar cell of an area [m²] under one of `LIGHTS`, over 24 hours.

    Raises
    ------
    ParameterError : another light, or an area outside 0 to 1 m².
    """
    area = as_estimate(area_m2, "m2", "solar area", low=1e-9, high=1.0).value
    if light not in LIGHTS:
        raise ParameterError(f"light {light!r} is unknown; {name_nearest(str(light), LIGHTS)}")
    facts = load_constants("power", "harvest.toml")
    converter = band(facts["converter"], "efficiency", "efficiency_low", "efficiency_high")
    hours = np.arange(24) + 0.5
    if light == "office":
        density = band(facts["solar"], "indoor_density", "indoor_density_low", "indoor_density_high")
        shape = np.where((hours > 8) & (hours < 18), 1.0, 0.0)
        day = propagate(lambda d, c: d * area * c * 36_000.0, density, converter, unit="J")
    else:
        cell = band(facts["solar"], "outdoor_cell", "outdoor_cell_low", "outdoor_cell_high")
        peak = facts["solar"][f"{light}_day"]
        source = (f"{peak.value:g} peak sun hours", peak.source)
        half = 6.5 if light == "bright" else 4.0
        shape = np.clip(np.cos((hours - 12.0) / half * np.pi / 2), 0.0, None) * (np.abs(hours - 12.0) < half)
        day = propagate(
            lambda e, c: solar_power(1000.0, area, e, c) * peak.value * 3600.0, cell, converter, unit="J", source=source
        )
    return Harvester(f"{area * 1e4:.3g} cm² solar cell, {light}", day, tuple((shape / shape.sum()).tolist()))


def thermal_harvester(area_m2: float, difference_k: float | Sequence[float]) -> Harvester:
    """A thermoelectric module of an area [m²]: one temperature difference, or one for each slice of the day [K].

    Raises
    ------
    ParameterError : a figure out of range, or no difference at all.
    """
    area = as_estimate(area_m2, "m2", "thermal area", low=1e-9, high=1.0).value
    given = [difference_k] if isinstance(difference_k, int | float) else list(difference_k)
    kelvin = [as_estimate(one, "K", "temperature difference", high=300.0).value for one in given]
    squares = np.square(kelvin)
    if not squares.size or squares.sum() == 0:
        raise ParameterError(f"temperature differences {given} K yield nothing; give one above 0")
    facts = load_constants("power", "harvest.toml")
    density = band(facts["thermal"], "density", "density_low", "density_high")
    converter = band(facts["converter"], "efficiency", "efficiency_low", "efficiency_high")
    mean = float(squares.mean())
    day = propagate(lambda d, c: d * area * mean * c * DAY_S, density, converter, unit="J")
    return Harvester(f"{area * 1e4:.3g} cm² thermoelectric module", day, tuple((squares / squares.sum()).tolist()))


def own_harvester(power_w: Sequence[float], name: str = "own harvester") -> Harvester:
    """A harvester from powers the user measured into the store, one for each equal slice of a day [W].

    Raises
    ------
    ParameterError : no slice, a negative or NaN power, or all 0.
    """
    watts = [as_estimate(one, "W", "harvested power", high=1e3).value for one in power_w]
    if not watts or sum(watts) == 0:
        raise ParameterError(f"harvested powers {list(power_w)} W yield nothing; give at least one above 0")
    day = Estimate.exact(sum(watts) / len(watts) * DAY_S, "J", "measured", f"{name}, powers given by the user")
    return Harvester(name, day, tuple(one / sum(watts) for one in watts))


def check_neutral(budget: PowerBudget, harvester: Harvester) -> Neutrality:
    """Whether a harvester carries a budget over a day, and the store that passes its dark hours."""
    used = budget.energy_per_day_j
    if used is None:
        return Neutrality("unknown", None, None, "; ".join(budget.unknown) or "energy per day is unknown")
    day, told = harvester.energy_per_day_j, "harvested less used"
    surplus = propagate(lambda h, u: (h - u) / DAY_S, day, used, unit="W", source=told, basis="modelled")
    verdict = "neutral" if surplus.low >= 0 else "on average" if surplus.value >= 0 else "not neutral"
    reason = (
        f"{harvester.name}: {format_quantity(day.value, 'J')} a day against {format_quantity(used.value, 'J')} used"
    )
    return Neutrality(verdict, surplus, store_needed(harvester, used.value), "; ".join((reason, *budget.findings)))


def store_needed(harvester: Harvester, used_per_day_j: float) -> float:
    """Store that passes the dark hours of a day [J], the load steady, the harvest scaled to cover it.

    The depth of the running balance over two days: 0 for a steady input.

    Raises
    ------
    UnknownFactError : the harvester has no profile.
    """
    if not harvester.profile:
        raise UnknownFactError(f"{harvester.name} has no profile of its day; give one")
    share = np.asarray(harvester.profile + harvester.profile)
    balance = np.concatenate([[0.0], np.cumsum(share * used_per_day_j - used_per_day_j / len(harvester.profile))])
    return float(np.max(np.maximum.accumulate(balance) - balance))
