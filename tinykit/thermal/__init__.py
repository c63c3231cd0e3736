"""Heat: junction temperature, highest ambient, transients, enclosure."""

from __future__ import annotations

from tinykit.thermal.check import VERDICTS, ThermalReport, check_heat
from tinykit.thermal.laws import (
    enclosure_rise,
    junction_temperature,
    junction_with_leakage,
    leakage_gain,
    maximum_ambient,
    maximum_ambient_with_leakage,
    maximum_power,
    regulator_heat,
    temperature_rise,
)
from tinykit.thermal.packages import foster_ladder, theta_ja

__all__ = [
    "VERDICTS",
    "ThermalReport",
    "check_heat",
    "enclosure_rise",
    "foster_ladder",
    "junction_temperature",
    "junction_with_leakage",
    "leakage_gain",
    "maximum_ambient",
    "maximum_ambient_with_leakage",
    "maximum_power",
    "regulator_heat",
    "temperature_rise",
    "theta_ja",
]
