"""Power budgets: states, duty cycle, cells and their life."""

from __future__ import annotations

from tinykit.budget.power.budget import PowerBudget, budget_power
from tinykit.budget.power.cells import Battery, batteries, battery, read_battery
from tinykit.budget.power.climate import (
    Droop,
    cell_at,
    check_droop,
    cold_capacity,
    cold_resistance,
    make_battery,
    parallel_buffer,
    warm_discharge,
)
from tinykit.budget.power.dvfs import (
    IDLES,
    ClockPoint,
    ClockSweep,
    duty_cycled_power,
    lowest_clock,
    race_gain,
    sweep_clocks,
)
from tinykit.budget.power.features import compute_mfcc, reference_mfcc
from tinykit.budget.power.frontend import (
    ARITHMETIC,
    FRONT_ENDS,
    FrontEnd,
    fft_operations,
    front_end_cycles,
    front_end_instructions,
    front_end_time,
)
from tinykit.budget.power.harvest import (
    LIGHTS,
    Harvester,
    Neutrality,
    check_neutral,
    own_harvester,
    solar_harvester,
    solar_power,
    store_needed,
    thermal_harvester,
    thermal_power,
)
from tinykit.budget.power.inverse import Answer, largest_model, longest_latency, lowest_clock_for_life, shortest_period
from tinykit.budget.power.loads import Line, Load, add_loads, load
from tinykit.budget.power.pack import Pack, pack_life, wire_pack
from tinykit.budget.power.physics import (
    battery_life,
    break_even_sleep_s,
    buffer_capacitance,
    effective_capacity,
    loaded_voltage,
    retention_current,
    self_discharge_current,
    transition_charge,
)
from tinykit.budget.power.radio import RADIOS, Transmission, ble_airtime, lora_airtime, transmission
from tinykit.budget.power.sensitivity import Swing, Tornado, swing_life
from tinykit.budget.power.state import State
from tinykit.budget.power.timeline import SLEEP_MODES, Timeline, leakage_doubling, sleep_current
from tinykit.budget.power.workload import Stage, Workload, as_workload, plan_workload
from tinykit.predict.energy import affine_run_current, ldo_input_current, smps_input_current

__all__ = [
    "ARITHMETIC",
    "FRONT_ENDS",
    "IDLES",
    "LIGHTS",
    "RADIOS",
    "SLEEP_MODES",
    "Answer",
    "Battery",
    "ClockPoint",
    "ClockSweep",
    "Droop",
    "FrontEnd",
    "Harvester",
    "Line",
    "Load",
    "Neutrality",
    "Pack",
    "PowerBudget",
    "Stage",
    "State",
    "Swing",
    "Timeline",
    "Tornado",
    "Transmission",
    "Workload",
    "add_loads",
    "affine_run_current",
    "as_workload",
    "batteries",
    "battery",
    "battery_life",
    "ble_airtime",
    "break_even_sleep_s",
    "budget_power",
    "buffer_capacitance",
    "cell_at",
    "check_droop",
    "check_neutral",
    "cold_capacity",
    "cold_resistance",
    "compute_mfcc",
    "duty_cycled_power",
    "effective_capacity",
    "fft_operations",
    "front_end_cycles",
    "front_end_instructions",
    "front_end_time",
    "largest_model",
    "ldo_input_current",
    "leakage_doubling",
    "load",
    "loaded_voltage",
    "longest_latency",
    "lora_airtime",
    "lowest_clock",
    "lowest_clock_for_life",
    "make_battery",
    "own_harvester",
    "pack_life",
    "parallel_buffer",
    "plan_workload",
    "race_gain",
    "read_battery",
    "reference_mfcc",
    "retention_current",
    "self_discharge_current",
    "shortest_period",
    "sleep_current",
    "smps_input_current",
    "solar_harvester",
    "solar_power",
    "store_needed",
    "sweep_clocks",
    "swing_life",
    "thermal_harvester",
    "thermal_power",
    "transition_charge",
    "transmission",
    "warm_discharge",
    "wire_pack",
]
