"""Laws of a duty-cycled supply, one function each, for scalars and arrays alike."""

from __future__ import annotations

from typing import Any

import numpy as np

HOURS_PER_MONTH = 730.0
_SECONDS_PER_HOUR = 3600.0


def transition_charge(duration_s: Any, current_a: Any) -> Any:
    """Charge a change of state costs: Q = I t.

    Scalars or arrays; returns [C]. STM32L4R5 out of STOP2: 13.1 µs at 3.55 mA (ST consumption tables); left out is
    the inrush into a discharged core capacitor.

    >>> round(transition_charge(13.1e-6, 3.55e-3) * 1e9, 1)
    46.5

    Parameters
    ----------
    duration_s : [s].
    current_a : [A].
    """
    return duration_s * current_a


def break_even_sleep_s(transition_c: Any, idle_a: Any, sleep_a: Any) -> Any:
    """Shortest pause for which sleeping pays: t = (Q_in + Q_out) / (I_idle - I_sleep).

    Scalars or arrays; returns [s]. Left out are the latency of waking and the energy of states lost in deep sleep. It
    is a charge balance.

    >>> round(break_even_sleep_s(46.5e-9, 4.2e-3, 2.55e-6) * 1e6, 1)
    11.1

    Parameters
    ----------
    transition_c : Q_in + Q_out [C].
    idle_a : idling [A], more than asleep.
    sleep_a : asleep [A].
    """
    return transition_c / (idle_a - sleep_a)


def retention_current(current_25_a: Any, temperature_c: Any, doubling_k: Any = 19.0) -> Any:
    """Leakage of a retention mode at a die temperature: I = I25 2^((T - 25)/T_d).

    Scalars or arrays; returns [A]. T_d is 19 ± 2.5 K over eight ST and NXP parts from 25 to 125 °C; not for the run
    current, which rises far less (U575 ×1.18 at 55 °C).

    >>> retention_current(9.3e-6, 44.0) / 9.3e-6
    2.0

    Parameters
    ----------
    current_25_a : [A] at 25 °C.
    temperature_c : [°C].
    doubling_k : T_d [K].
    """
    return current_25_a * 2.0 ** ((temperature_c - 25.0) / doubling_k)


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
    return capacity_mah * 1e-3 * per_month / HOURS_PER_MONTH


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
