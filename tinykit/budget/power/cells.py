"""Cells of the catalogue: capacity, voltages, limits and self-discharge, each a sourced fact."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import FactError, UnknownBatteryError, name_nearest
from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.ground.quantity import Fact
from tinykit.ground.results import Result

_TEXTS = ("id", "name", "chemistry")
FIGURE_UNITS = {
    "capacity": "mAh",
    "nominal_voltage": "V",
    "cutoff_voltage": "V",
    "full_voltage": "V",
    "self_discharge": "1/month",
    "max_continuous": "A",
    "max_pulse": "A",
    "resistance": "ohm",
    "rate_exponent": "1",
    "rate_anchor": "A",
    "quiescent": "A",
    "usable": "1",
}
"""Unit of every figure of a cell."""

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
        """Every document the cell's figures come from, sorted, each once."""
        facts = (getattr(self, field.name) for field in fields(self))
        return tuple(sorted({fact.source for fact in facts if isinstance(fact, Fact)}))


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
        if fact.unit != FIGURE_UNITS[key]:
            raise FactError(f"{path.name}: {key} is in {fact.unit!r}; give it in {FIGURE_UNITS[key]!r}")
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
