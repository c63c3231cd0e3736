"""Panels of the notebooks: each reads its controls, calls one pure function, and draws again."""

from __future__ import annotations

from tinykit.panels.arena import ArenaPanel
from tinykit.panels.board_run import BoardRunPanel
from tinykit.panels.bursts import BurstPanel
from tinykit.panels.clocks import ClockPanel
from tinykit.panels.cloud import CloudPanel
from tinykit.panels.design import DesignPanel
from tinykit.panels.fit import FitPanel
from tinykit.panels.grid import GridPanel
from tinykit.panels.heat import HeatPanel
from tinykit.panels.lsb import LsbPanel
from tinykit.panels.npu import NpuPanel
from tinykit.panels.power import PowerPanel
from tinykit.panels.shell import Panel
from tinykit.panels.sparsity import SparsityPanel
from tinykit.panels.subject import SubjectPanel
from tinykit.panels.timeline import TimelinePanel
from tinykit.panels.variants import VariantPanel

__all__ = [
    "ArenaPanel",
    "BoardRunPanel",
    "BurstPanel",
    "ClockPanel",
    "CloudPanel",
    "DesignPanel",
    "FitPanel",
    "GridPanel",
    "HeatPanel",
    "LsbPanel",
    "NpuPanel",
    "Panel",
    "PowerPanel",
    "SparsityPanel",
    "SubjectPanel",
    "TimelinePanel",
    "VariantPanel",
]
