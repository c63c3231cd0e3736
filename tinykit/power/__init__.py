"""Power budgets: states, duty cycle, cells and their life."""

from __future__ import annotations

from tinykit.energy import affine_run_current, ldo_input_current, smps_input_current
from tinykit.power.budget import PowerBudget, budget_power
from tinykit.power.cells import Battery, batteries, battery, read_battery
from tinykit.power.pack import Pack, pack_life, wire_pack
from tinykit.power.physics import (
    average_current,
    battery_life,
    break_even_sleep_s,
    buffer_capacitance,
    duty_cycle,
    effective_capacity,
    ldo_efficiency,
    loaded_voltage,
    retention_current,
    self_discharge_current,
    transition_charge,
)
from tinykit.power.state import State
from tinykit.power.timeline import SLEEP_MODES, Timeline, leakage_doubling, sleep_current

__all__ = [
    "SLEEP_MODES",
    "Battery",
    "Pack",
    "PowerBudget",
    "State",
    "Timeline",
    "affine_run_current",
    "average_current",
    "batteries",
    "battery",
    "battery_life",
    "break_even_sleep_s",
    "budget_power",
    "buffer_capacitance",
    "duty_cycle",
    "effective_capacity",
    "ldo_efficiency",
    "ldo_input_current",
    "leakage_doubling",
    "loaded_voltage",
    "pack_life",
    "read_battery",
    "retention_current",
    "self_discharge_current",
    "sleep_current",
    "smps_input_current",
    "transition_charge",
    "wire_pack",
]
