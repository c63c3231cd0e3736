"""Does a model fit a board: arena, flash and reserve against its memory regions, and what each placement costs."""

from tinykit.fit.check import check_fit, check_fit_all
from tinykit.fit.placements import Placement, list_placements
from tinykit.fit.verdict import FitReport, RegionUse, Reserve

__all__ = [
    "FitReport",
    "Placement",
    "RegionUse",
    "Reserve",
    "check_fit",
    "check_fit_all",
    "list_placements",
]
