"""Cells of the catalogue, each figure a sourced fact, a cell in cold and heat; and the laws of cells."""

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import FactError, ParameterError, UnknownBatteryError, look_up
from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.ground.quantity import Fact
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate, load_constants

_HOURS_PER_MONTH = 730.0
_SECONDS_PER_HOUR = 3600.0
RATED_C, ROOM_C = 20.0, 25.0
"""The room of data sheets [°C]."""


def effective_capacity(capacity_mah: Any, current_a: Any, exponent: Any = 0.268, anchor_a: Any = 0.3e-3) -> Any:
    """Capacity a coin cell yields at an average current: C = C0 (I/I0)^-p above I0, C0 below.

    Scalars or arrays; returns [mAh]. p = 0.268 from two points of a CR2032 sheet (240 mAh at 0.3 mA, half at 4 mA);
    use the average current: peaks of 30 against 15 mA cost only 9 % (TI SWRA349). Not for alkaline or LiPo cells.

    >>> round(float(effective_capacity(240.0, 4e-3)))
    120

    Parameters
    ----------
    capacity_mah : C0 [mAh] at `anchor_a`.
    anchor_a : I0 [A].
    current_a : I [A].
    exponent : p [1].
    """
    return capacity_mah * np.maximum(np.divide(current_a, anchor_a), 1.0) ** -np.asarray(exponent)


def self_discharge_current(capacity_mah: Any, per_month: Any) -> Any:
    """Self-discharge as a current: I = s C / 730 h.

    Scalars or arrays; returns [A]. Linear in the rated capacity, at room temperature; left out is its rise with heat.

    >>> round(self_discharge_current(225.0, 0.0012) * 1e6, 2)
    0.37

    Parameters
    ----------
    capacity_mah : C [mAh].
    per_month : s, fraction a month (0–1).
    """
    return capacity_mah * 1e-3 * per_month / _HOURS_PER_MONTH


def battery_life(capacity_mah: Any, current_a: Any, discharge_a: Any = 0.0, usable: Any = 1.0) -> Any:
    """Life of a battery under an average current: L = u C / (I_avg + I_self).

    Scalars or arrays; returns [s]. Left out: temperature, age, and the voltage below which the load stops (see
    `loaded_voltage`). KWS on a U575 once a minute from a CR2032:

    >>> round(battery_life(225.0, 13.90e-6, self_discharge_current(225.0, 0.0012)) / 86400)
    657

    Parameters
    ----------
    capacity_mah : C [mAh].
    current_a : I_avg.
    discharge_a : I_self [A].
    usable : u [1].
    """
    return usable * capacity_mah * 1e-3 * _SECONDS_PER_HOUR / (current_a + discharge_a)


def loaded_voltage(open_circuit_v: Any, current_a: Any, resistance_ohm: Any) -> Any:
    """Terminal voltage of a cell under a pulse: V = V_oc - I R_i. Compare it with the board's minimum.

    Scalars or arrays; returns [V]. R_i grows with depth of discharge and cold; 45 Ω is a half-used CR2032 after 15 s
    (derived).

    >>> loaded_voltage(2.9, 0.020, 45.0)
    2.0

    Parameters
    ----------
    open_circuit_v : [V].
    current_a : [A].
    resistance_ohm : [Ω].
    """
    return open_circuit_v - current_a * resistance_ohm


def buffer_capacitance(current_a: Any, duration_s: Any, drop_v: Any) -> Any:
    """Capacitor that carries a pulse alone with a given drop: C = I t / ΔV.

    Scalars or arrays; returns [F]. An upper bound, for the cell helps too; left out are ESR and leakage of the
    capacitor (TI SWRA349).

    >>> round(buffer_capacitance(0.020, 0.010, 0.2) * 1e3, 2)
    1.0

    Parameters
    ----------
    current_a : [A].
    duration_s : [s].
    drop_v : [V].
    """
    return current_a * duration_s / drop_v


def cold_capacity(capacity_mah: Any, temperature_c: Any, per_kelvin: Any = 0.006) -> Any:
    """Capacity of a cell in the cold: C = C20 max(0, 1 - a (20 - T)) below 20 °C, C20 above.

    Scalars or arrays; returns [mAh]. Low rates; left out is the rated lower limit of the cell, and that heat ages it.
    Kind "assumed".

    >>> round(float(cold_capacity(225.0, -20.0)), 1)
    171.0

    Parameters
    ----------
    capacity_mah : C20 [mAh].
    temperature_c : T [°C].
    per_kelvin : a [1/K].
    """
    return capacity_mah * np.clip(1.0 - per_kelvin * (RATED_C - np.asarray(temperature_c, float)), 0.0, 1.0)


def cold_resistance(resistance_ohm: Any, temperature_c: Any, doubling_k: Any = 20.0) -> Any:
    """Internal resistance in the cold: R = R20 2^((20 - T)/T_R) below 20 °C, R20 above.

    Scalars or arrays; returns [Ω].

    >>> float(cold_resistance(45.0, 0.0))
    90.0

    Parameters
    ----------
    resistance_ohm : [Ω].
    temperature_c : T [°C].
    doubling_k : T_R [K].
    """
    return resistance_ohm * 2.0 ** (np.maximum(0.0, RATED_C - np.asarray(temperature_c, float)) / doubling_k)


def warm_discharge(per_month: Any, temperature_c: Any, doubling_k: Any = 10.0) -> Any:
    """Self-discharge with temperature: s = s0 2^(ΔT/T_s), ΔT from the room of data sheets, 20 to 25 °C.

    Scalars or arrays.

    >>> float(warm_discharge(0.01, 22.0)), float(warm_discharge(0.01, 45.0))
    (0.01, 0.04)

    Parameters
    ----------
    per_month : s0, fraction a month in that room.
    temperature_c : T [°C].
    doubling_k : T_s [K].
    """
    place = np.asarray(temperature_c, float)
    return per_month * 2.0 ** ((place - np.clip(place, RATED_C, ROOM_C)) / doubling_k)


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
    told, all_of_them = f"battery {name!r} is not in the catalogue", f".\nAll of them: {', '.join(cells)}."
    return look_up(str(name).strip().lower(), cells, told, UnknownBatteryError, all_of_them)


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
