"""Does a model fit a board: arena, flash and reserve against its memory regions, and what each placement costs."""

from tinykit.budget.fit.check import (
    MACHINES as MACHINES,
    check_fit as check_fit,
    check_fit_all as check_fit_all,
    line_up as line_up,
    name_machine as name_machine,
)
from tinykit.budget.fit.placements import Placement as Placement, list_placements as list_placements
from tinykit.budget.fit.verdict import FitReport as FitReport, RegionUse as RegionUse, Verdict as Verdict
