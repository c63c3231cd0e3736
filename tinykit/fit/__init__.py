"""Does a model fit a board: arena, flash and reserve against its memory regions, and what each placement costs."""

from tinykit.fit.check import check_fit, check_fit_all
from tinykit.fit.lineup import MACHINES, line_up, name_machine
from tinykit.fit.placements import Placement, list_placements
from tinykit.fit.verdict import FitReport, RegionUse, Reserve

__all__ = [
    "MACHINES",
    "FitReport",
    "Placement",
    "RegionUse",
    "Reserve",
    "check_fit",
    "check_fit_all",
    "line_up",
    "list_placements",
    "name_machine",
]
