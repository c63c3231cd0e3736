"""Does a model fit a board: arena, flash and reserve against its memory regions."""

from tinykit.fit.check import check_fit, check_fit_all
from tinykit.fit.verdict import FitReport, RegionUse, Reserve

__all__ = ["FitReport", "RegionUse", "Reserve", "check_fit", "check_fit_all"]
