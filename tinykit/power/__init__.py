"""Power budgets: states, duty cycle, cells and their life."""

from __future__ import annotations

from tinykit.energy import affine_run_current, ldo_input_current, smps_input_current
from tinykit.power.budget import PowerBudget, budget_power
from tinykit.power.cells import Battery, batteries, battery, read_battery
from tinykit.power.climate import (
    Droop,
    cell_at,
    check_droop,
    cold_capacity,
    cold_resistance,
    make_battery,
    parallel_buffer,
    warm_discharge,
)
from tinykit.power.dvfs import (
    IDLES,
    ClockPoint,
    ClockSweep,
    duty_cycled_power,
    lowest_clock,
    race_gain,
    sweep_clocks,
)
from tinykit.power.frontend import FRONT_ENDS, FrontEnd, fft_operations, front_end_cycles, front_end_time
from tinykit.power.harvest import (
    LIGHTS,
    Harvester,
    Neutrality,
    check_neutral,
    own_harvester,
    solar,
    solar_power,
    store_needed,
    thermal,
    thermal_power,
)
from tinykit.power.inverse import Answer, largest_model, longest_latency, lowest_clock_for_life, shortest_period
from tinykit.power.loads import Line, Load, add_loads, load
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
from tinykit.power.radio import RADIOS, Transmission, ble_airtime, lora_airtime, transmission
from tinykit.power.sensitivity import Swing, Tornado, swing_life
from tinykit.power.simulate import Run, simulate_run
from tinykit.power.state import State
from tinykit.power.timeline import SLEEP_MODES, Timeline, leakage_doubling, sleep_current
from tinykit.power.workload import Stage, Workload, plan_workload

__all__ = [
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
    "Run",
    "Stage",
    "State",
    "Swing",
    "Timeline",
    "Tornado",
    "Transmission",
    "Workload",
    "add_loads",
    "affine_run_current",
    "average_current",
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
    "duty_cycle",
    "duty_cycled_power",
    "effective_capacity",
    "fft_operations",
    "front_end_cycles",
    "front_end_time",
    "largest_model",
    "ldo_efficiency",
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
    "retention_current",
    "self_discharge_current",
    "shortest_period",
    "simulate_run",
    "sleep_current",
    "smps_input_current",
    "solar",
    "solar_power",
    "store_needed",
    "sweep_clocks",
    "swing_life",
    "thermal",
    "thermal_power",
    "transition_charge",
    "transmission",
    "warm_discharge",
    "wire_pack",
]
