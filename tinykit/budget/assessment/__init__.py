"""The whole question in one call: does it fit, how long does the cell last, how hot does the die get."""

from tinykit.budget.assessment.chain import Assessment as Assessment, assess as assess, sweep_periods as sweep_periods
from tinykit.budget.assessment.use import Use as Use
