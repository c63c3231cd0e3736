"""Power budgets: states, duty cycle, cells and their life. The door of the wing, `tinykit.budget`, has every name."""

from tinykit.budget.power.budget import PowerBudget as PowerBudget, budget_power as budget_power
from tinykit.budget.power.cells import batteries as batteries, battery as battery
from tinykit.budget.power.dvfs import IDLES as IDLES, ClockSweep as ClockSweep, sweep_clocks as sweep_clocks
from tinykit.budget.power.frontend import FrontEnd as FrontEnd
from tinykit.budget.power.radio import RADIOS as RADIOS
from tinykit.budget.power.sensitivity import Tornado as Tornado, swing_life as swing_life
from tinykit.budget.power.timeline import State as State
from tinykit.budget.power.workload import (
    Load as Load,
    Workload as Workload,
    make_load as make_load,
    plan_workload as plan_workload,
)
