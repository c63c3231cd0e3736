"""The whole question in one call: does it fit, how long does the cell last, how hot does the die get."""

from __future__ import annotations

from tinykit.budget.assessment.outlook import PERIODS_S, Outlook, find_period, look_ahead, look_hot, sweep_periods
from tinykit.budget.assessment.scenarios import look_warm, plan_design, sweep_design, weigh_design

__all__ = [
    "PERIODS_S",
    "Outlook",
    "find_period",
    "look_ahead",
    "look_hot",
    "look_warm",
    "plan_design",
    "sweep_design",
    "sweep_periods",
    "weigh_design",
]
