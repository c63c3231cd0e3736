"""Heat: junction temperature, highest ambient, transients, enclosure."""

from __future__ import annotations

from tinykit.budget.thermal.check import HeatVerdict, ThermalReport, check_heat
from tinykit.budget.thermal.laws import (
    enclosure_rise,
    junction_temperature,
    junction_with_leakage,
    leakage_gain,
    maximum_ambient,
    maximum_ambient_with_leakage,
    maximum_power,
    regulator_heat,
    solar_heat,
    temperature_rise,
)
from tinykit.budget.thermal.packages import foster_ladder, theta_ja
from tinykit.budget.thermal.sun import PAINTS, solar_load
from tinykit.budget.thermal.touch import CONTACTS, LoopReport, TouchReport, check_loop, check_touch
from tinykit.budget.thermal.transient import Ladder, burst_until, cauer_to_foster, duty_that_holds, peak_rise, respond
from tinykit.budget.thermal.warming import HeatCurve, Warming, follow_bursts, follow_step

__all__ = [
    "CONTACTS",
    "PAINTS",
    "HeatCurve",
    "HeatVerdict",
    "Ladder",
    "LoopReport",
    "ThermalReport",
    "TouchReport",
    "Warming",
    "burst_until",
    "cauer_to_foster",
    "check_heat",
    "check_loop",
    "check_touch",
    "duty_that_holds",
    "enclosure_rise",
    "follow_bursts",
    "follow_step",
    "foster_ladder",
    "junction_temperature",
    "junction_with_leakage",
    "leakage_gain",
    "maximum_ambient",
    "maximum_ambient_with_leakage",
    "maximum_power",
    "peak_rise",
    "regulator_heat",
    "respond",
    "solar_heat",
    "solar_load",
    "temperature_rise",
    "theta_ja",
]
