"""Laws of cells and of what they lose, one function each, for scalars and arrays alike."""

from typing import Any

import numpy as np

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
