"""Cells of the catalogue, each figure a sourced fact, and a cell in cold and heat."""

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path

from tinykit.budget.power.cell_laws import RATED_C, ROOM_C, cold_capacity, cold_resistance, warm_discharge
from tinykit.ground.caches import remember_table
from tinykit.ground.errors import FactError, ParameterError, UnknownBatteryError, name_nearest
from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.ground.quantity import Fact
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate, load_constants

_TEXTS = ("id", "name", "chemistry")
_FIGURE_UNITS = {
    **{"capacity": "mAh", "self_discharge": "1/month", "resistance": "ohm", "rate_exponent": "1", "usable": "1"},
    **dict.fromkeys(("nominal_voltage", "cutoff_voltage", "full_voltage"), "V"),
    **dict.fromkeys(("max_continuous", "max_pulse", "rate_anchor", "quiescent"), "A"),
}
_RANGES = {"mAh": (1e-3, 1e9), "V": (0.1, 1e3), "A": (1e-12, 1e6), "ohm": (1e-6, 1e9)}
_FRACTION = 1e-9, 10.0
_CLIMATE = {
    "capacity": (cold_capacity, "cold_capacity"),
    "resistance": (cold_resistance, "resistance_doubling"),
    "self_discharge": (warm_discharge, "discharge_doubling"),
}
"""What moves with temperature: the law, and its constant."""

_REQUIRED = ("capacity", "nominal_voltage", "cutoff_voltage", "self_discharge")


@dataclass(frozen=True, slots=True)
class Battery(Result):
    """One cell. What was not found is None.

    Parameters
    ----------
    id : in the catalogue.
    name : for people.
    chemistry : of the cell.
    capacity : mAh, at a low rate.
    nominal_voltage, cutoff_voltage, full_voltage : V per cell.
    self_discharge : fraction a month at room temperature.
    max_continuous, max_pulse : A.
    resistance : internal, ohm.
    rate_exponent, rate_anchor : p [1] and I0 [A] of `effective_capacity`; only coin cells have them.
    quiescent : A drawn by a protection circuit.
    usable : fraction of the capacity above the load's minimum.
    temperature : the figures were moved to by `cell_at` [degC]; None for those of the data sheet's room.

    Raises
    ------
    FactError : a cut-off above the nominal voltage, or a fraction above 1.
    """

    LINE = ("id", "name", "capacity")

    id: str
    name: str
    chemistry: str
    capacity: Fact
    nominal_voltage: Fact
    cutoff_voltage: Fact
    self_discharge: Fact
    full_voltage: Fact | None = None
    max_continuous: Fact | None = None
    max_pulse: Fact | None = None
    resistance: Fact | None = None
    rate_exponent: Fact | None = None
    rate_anchor: Fact | None = None
    quiescent: Fact | None = None
    usable: Fact | None = None
    temperature: Fact | None = None

    def __post_init__(self) -> None:
        nominal, cutoff = self.nominal_voltage.value, self.cutoff_voltage.value
        if cutoff > nominal:
            raise FactError(f"cell {self.id!r}: cut-off of {cutoff:g} V is above the nominal {nominal:g} V")
        for name, fact in (("self_discharge", self.self_discharge), ("usable", self.usable)):
            if fact is not None and fact.value > 1:
                raise FactError(f"cell {self.id!r}: {name} {fact.value:g} is a fraction; give it from 0 to 1")

    def sources(self) -> tuple[str, ...]:
        """Every document the cell's figures come from, sorted, each once; a figure nobody read in one has none."""
        facts = (getattr(self, field.name) for field in fields(self))
        return tuple(sorted({fact.source for fact in facts if isinstance(fact, Fact) and fact.documented}))


def read_battery(path: Path | str) -> Battery:
    """A cell from a TOML: `name`, `chemistry` and the facts of `Battery`; the file's name is its id.

    Raises
    ------
    FactError : unreadable, a key missing or unknown, or a figure without a source or not positive.
    """
    path = Path(path)
    table = read_toml(path)
    allowed = {field.name for field in fields(Battery)} - {"id", "temperature"}
    unknown, missing = sorted(set(table) - allowed), sorted({"name", "chemistry", *_REQUIRED} - set(table))
    if unknown or missing:
        raise FactError(f"{path.name}: missing {missing}, unknown {unknown}; allowed: {sorted(allowed)}")
    figures = {key: to_fact(entry, f"{path.name}: {key}") for key, entry in table.items() if key not in _TEXTS}
    for key, fact in figures.items():
        if fact.unit != _FIGURE_UNITS[key]:
            raise FactError(f"{path.name}: {key} is in {fact.unit!r}; give it in {_FIGURE_UNITS[key]!r}")
        least, most = _RANGES.get(fact.unit, _FRACTION)
        if odd := next((one for one in (fact.value, *fact.ends) if one > 0 and not least <= one <= most), None):
            raise FactError(f"{path.name}: {key} {odd:g} {fact.unit} is absurd; allowed: {least:g} to {most:g}")
        if fact.value < 0 or (fact.value == 0 and key in _REQUIRED[:3]):
            raise FactError(f"{path.name}: {key} {fact.value:g} {fact.unit} must be above 0; leave out what is unknown")
    return Battery(id=path.stem, name=str(table["name"]), chemistry=str(table["chemistry"]), **figures)


@remember_table
def batteries() -> tuple[Battery, ...]:
    """Every cell of the catalogue, by id."""
    return tuple(read_battery(path) for path in sorted(shipped_path("data", "batteries").glob("*.toml")))


def battery(name: str) -> Battery:
    """The cell of that id, upper or lower case.

    Raises
    ------
    UnknownBatteryError : there is none; the message names the nearest.
    """
    cells = {cell.id: cell for cell in batteries()}
    found = cells.get(str(name).strip().lower())
    if found is None:
        raise UnknownBatteryError(
            f"battery {name!r} is not in the catalogue; {name_nearest(str(name).lower(), cells)}.\n"
            f"All of them: {', '.join(cells)}."
        )
    return found


def cell_at(cell: Battery, temperature_c: float) -> Battery:
    """The cell as it behaves at a temperature [degC]: capacity, resistance and self-discharge changed.

    Raises
    ------
    ParameterError : not from -60 to 100 °C, or the figures hold for another temperature already.
    """
    place = as_estimate(temperature_c, "degC", "temperature of the cell", low=-60.0, high=100.0).value
    if cell.temperature is not None:
        there = cell.temperature.value
        raise ParameterError(f"the figures of {cell.id!r} hold for {there:g} °C; start from the cell as rated")
    if RATED_C <= place <= ROOM_C:
        return cell
    constants, moved = load_constants("power", "sleep.toml")["temperature"], {}
    for name, (law, constant) in _CLIMATE.items():
        fact, rate = getattr(cell, name), constants[constant]
        value = float(law(fact.value, place, rate.value)) if fact else 0.0
        if fact and value != fact.value:
            at = f"at {place:g} °C: {rate.source}"
            most = 1.0 if name == "self_discharge" else math.inf
            moved[name] = replace(fact, value=min(value, most), kind="assumed", conditions=at)
    moved["temperature"] = Fact(place, "degC", "measured", "temperature of the cell, given by the user")
    return replace(cell, **moved)
