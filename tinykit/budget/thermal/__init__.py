"""Heat: junction temperature, highest ambient, transients, enclosure."""

from __future__ import annotations

from tinykit.budget.thermal.check import HeatVerdict, ThermalReport, check_heat
from tinykit.budget.thermal.laws import (
    enclosure_rise,
    junction_with_leakage,
    maximum_ambient_with_leakage,
    solar_heat,
    temperature_rise,
)
from tinykit.budget.thermal.packages import foster_ladder, theta_ja
from tinykit.budget.thermal.sun import PAINTS, solar_load
from tinykit.budget.thermal.touch import CONTACTS, TouchReport, check_touch
from tinykit.budget.thermal.transient import Ladder, burst_until, cauer_to_foster, duty_that_holds, peak_rise
from tinykit.budget.thermal.warming import HeatCurve, Warming, follow_bursts, follow_step

__all__ = [
    "CONTACTS",
    "PAINTS",
    "HeatCurve",
    "HeatVerdict",
    "Ladder",
    "ThermalReport",
    "TouchReport",
    "Warming",
    "burst_until",
    "cauer_to_foster",
    "check_heat",
    "check_touch",
    "duty_that_holds",
    "enclosure_rise",
    "follow_bursts",
    "follow_step",
    "foster_ladder",
    "junction_with_leakage",
    "maximum_ambient_with_leakage",
    "peak_rise",
    "solar_heat",
    "solar_load",
    "temperature_rise",
    "theta_ja",
]
