"""Cells in cold and heat: capacity, internal resistance, self-discharge, and the droop under a pulse."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinykit.budget.power.cells import FIGURE_UNITS, Battery
from tinykit.budget.power.pack import CellPack
from tinykit.budget.power.physics import loaded_voltage
from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.ground.quantity import Fact
from tinykit.ground.results import Result
from tinykit.predict.energy import as_estimate, load_constants

_RATED_C = 20.0
_ROOM_C = 25.0


@dataclass(frozen=True, slots=True)
class Droop(Result):
    """A pulse on a pack.

    Parameters
    ----------
    open_circuit_v, lowest_v, needed_v : before and at the end of the pulse, and what the load needs [V].
    resistance_ohm : of the pack at the temperature [Ω].
    starts : whether the load keeps its supply.
    capacitor_f : the buffer that mends it [F]; 0 where none is needed, None where none can: the pack gives less than
        is needed even without load.
    recharge_s : for that buffer to be full again to 95 % through the pack [s].
    """

    open_circuit_v: float
    lowest_v: float
    needed_v: float
    resistance_ohm: float
    starts: bool
    capacitor_f: float | None
    recharge_s: float | None


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
    return capacity_mah * np.clip(1.0 - per_kelvin * (_RATED_C - np.asarray(temperature_c, float)), 0.0, 1.0)


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
    return resistance_ohm * 2.0 ** (np.maximum(0.0, _RATED_C - np.asarray(temperature_c, float)) / doubling_k)


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
    return per_month * 2.0 ** ((place - np.clip(place, _RATED_C, _ROOM_C)) / doubling_k)


def parallel_buffer(current_a: Any, duration_s: Any, resistance_ohm: Any, open_circuit_v: Any, *, needed_v: Any) -> Any:
    """Smallest capacitor across a cell that keeps its voltage in a pulse: C = -t / (R ln(1 - ΔV/(I R))).

    Scalars or arrays; returns [F], 0 where ΔV ≥ I R. The cell helps through R; `buffer_capacitance` is the bound
    without it. Left out: ESR, leakage, cold. From dV/dt = (V_oc - V)/(R C) - I/C.

    >>> round(float(parallel_buffer(0.045, 0.03, 45.0, 3.0, needed_v=2.0)) * 1e3, 2)
    0.98

    Parameters
    ----------
    current_a : I [A].
    duration_s : t [s].
    resistance_ohm : R of the cell [Ω].
    open_circuit_v, needed_v : [V] with ΔV their difference.
    """
    share = np.asarray(open_circuit_v - np.asarray(needed_v, float)) / (current_a * np.asarray(resistance_ohm, float))
    inside = np.clip(share, 1e-12, 1.0 - 1e-12)
    return np.where(share >= 1.0, 0.0, -duration_s / (resistance_ohm * np.log1p(-inside)))[()]


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
    if _RATED_C <= place <= _ROOM_C:
        return cell
    group = load_constants("power", "sleep.toml")["temperature"]
    resistance = cell.resistance
    if resistance is not None:
        ohm = float(cold_resistance(resistance.value, place, group["resistance_doubling"].value))
        resistance = _moved(resistance, ohm, place, group["resistance_doubling"])
    capacity = float(cold_capacity(cell.capacity.value, place, group["cold_capacity"].value))
    loss = min(1.0, float(warm_discharge(cell.self_discharge.value, place, group["discharge_doubling"].value)))
    return replace(
        cell,
        capacity=_moved(cell.capacity, capacity, place, group["cold_capacity"]),
        self_discharge=_moved(cell.self_discharge, loss, place, group["discharge_doubling"]),
        resistance=resistance,
        temperature=Fact(place, "degC", "measured", "temperature of the cell, given by the user"),
    )


def _moved(fact: Fact, value: float, temperature_c: float, law: Fact) -> Fact:
    if value == fact.value:
        return fact
    return replace(fact, value=value, kind="assumed", conditions=f"at {temperature_c:g} °C: {law.source}")


def check_droop(
    pack: CellPack, current_a: float, duration_s: float, needed_v: float, *, temperature_c: float | None = None
) -> Droop:
    """Whether a pack carries a pulse above the load's minimum, and the buffer that mends it if not.

    Parameters
    ----------
    pack : the cells.
    current_a, duration_s : of the pulse [A], [s].
    needed_v : brown-out voltage of the load [V].
    temperature_c : of the cells [degC]; None takes their figures as they are.

    Raises
    ------
    UnknownFactError : the cell's resistance is unknown. ParameterError : a figure out of range.
    """
    current = as_estimate(current_a, "A", "pulse current", low=1e-12, high=100.0).value
    time = as_estimate(duration_s, "s", "pulse duration", high=1e5).value
    needed = as_estimate(needed_v, "V", "needed voltage", high=100.0).value
    cell = pack.cell if temperature_c is None else cell_at(pack.cell, temperature_c)
    if cell.resistance is None:
        raise UnknownFactError(f"internal resistance of {pack.cell.id!r} is unknown; give a cell with `resistance`")
    ohm = cell.resistance.value * pack.series / pack.parallel
    lowest = float(loaded_voltage(pack.nominal_v, current, ohm))
    starts, room = lowest >= needed, pack.nominal_v - needed
    if starts or room <= 0:
        return Droop(pack.nominal_v, max(0.0, lowest), needed, ohm, starts, 0.0 if starts else None, None)
    farad = float(parallel_buffer(current, time, ohm, pack.nominal_v, needed_v=needed))
    return Droop(pack.nominal_v, max(0.0, lowest), needed, ohm, False, farad, -ohm * farad * math.log(0.05))


def make_battery(name: str, capacity_mah: float, nominal_v: float, **figures: float) -> Battery:
    """A cell of the user's own from plain figures, kind "measured", source the user.

    Parameters
    ----------
    name : of the cell.
    capacity_mah : [mAh].
    nominal_v : [V].
    figures : further fields of `Battery` in its units, such as `cutoff_voltage=2.0`, `resistance=10.0`,
        `max_pulse=0.05`; the cut-off defaults to two thirds of the nominal voltage (assumed), the self-discharge to
        0.

    Raises
    ------
    ParameterError : an unknown field or a figure that is not a positive number. FactError : as of `Battery`.
    """
    units = FIGURE_UNITS
    given = {"capacity": capacity_mah, "nominal_voltage": nominal_v, **figures}
    unknown = sorted(set(given) - set(units))
    if unknown:
        raise ParameterError(f"figures {unknown} of cell {name!r} are unknown; allowed: {', '.join(sorted(units))}")
    facts = {
        key: Fact(as_estimate(value, units[key], f"{key} of {name}", low=1e-9).value, units[key], "measured", "user")
        for key, value in given.items()
    }
    facts.setdefault("cutoff_voltage", Fact(nominal_v * 2 / 3, "V", "assumed", "two thirds of the nominal voltage"))
    facts.setdefault("self_discharge", Fact(0.0, "1/month", "assumed", "none given by the user"))
    return Battery(id=name, name=name, chemistry="given by the user", **facts)
