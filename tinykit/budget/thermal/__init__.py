"""Heat: junction temperature, highest ambient, transients, enclosure. The door of the wing has every name."""

from tinykit.budget.thermal.box import PAINTS as PAINTS, solar_load as solar_load
from tinykit.budget.thermal.check import ThermalReport as ThermalReport, check_heat as check_heat
from tinykit.budget.thermal.die import foster_ladder as foster_ladder
from tinykit.budget.thermal.warming import (
    HeatCurve as HeatCurve,
    Warming as Warming,
    follow_bursts as follow_bursts,
    follow_step as follow_step,
)
