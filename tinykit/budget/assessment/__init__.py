"""The whole question in one call: does it fit, how long does the cell last, how hot does the die get."""

from tinykit.budget.assessment.chain import PERIODS_S, assess, sweep_periods
from tinykit.budget.assessment.outcome import Assessment
from tinykit.budget.assessment.use import Use

__all__ = ["PERIODS_S", "Assessment", "Use", "assess", "sweep_periods"]
