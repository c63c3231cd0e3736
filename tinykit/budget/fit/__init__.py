"""Does a model fit a board: arena, flash and reserve against its memory regions, and what each placement costs."""

from tinykit.budget.fit.check import check_fit, check_fit_all, check_target
from tinykit.budget.fit.lineup import MACHINES, line_up, name_machine
from tinykit.budget.fit.placements import Placement, list_placements
from tinykit.budget.fit.verdict import FitReport, RegionUse, Verdict

__all__ = [
    "MACHINES",
    "FitReport",
    "Placement",
    "RegionUse",
    "Verdict",
    "check_fit",
    "check_fit_all",
    "check_target",
    "line_up",
    "list_placements",
    "name_machine",
]
