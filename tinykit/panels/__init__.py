"""Panels of the notebooks: each reads its controls, calls one pure function, and draws again."""

from __future__ import annotations

from tinykit.panels.design import DesignPanel
from tinykit.panels.fit import FitPanel
from tinykit.panels.heat import HeatPanel
from tinykit.panels.power import PowerPanel
from tinykit.panels.shell import Panel

__all__ = ["DesignPanel", "FitPanel", "HeatPanel", "Panel", "PowerPanel"]
