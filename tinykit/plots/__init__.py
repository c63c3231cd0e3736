"""Plots: `plot_x(result, *, ax=None) -> Axes`, each with its units, limits, intervals and basis."""

from __future__ import annotations

from tinykit.plots.accelerated import plot_npu
from tinykit.plots.arena import plot_arena, plot_operators, plot_plans
from tinykit.plots.banks import plot_banks
from tinykit.plots.choices import plot_clocks, plot_lines, plot_offload, plot_stack, plot_stages, plot_tornado
from tinykit.plots.heat import plot_bursts, plot_heat, plot_junction, plot_transient
from tinykit.plots.instructions import plot_cores, plot_instructions
from tinykit.plots.layers import plot_layers
from tinykit.plots.ledger import plot_ledger
from tinykit.plots.lineup import plot_lineup
from tinykit.plots.memory import plot_fit, plot_fit_all
from tinykit.plots.power import plot_energy, plot_life, plot_states
from tinykit.plots.previews import plot_channels, plot_grid, plot_pruning, plot_storage, plot_window
from tinykit.plots.quick import to_png_quickly
from tinykit.plots.sensitivity import plot_sensitivity
from tinykit.plots.style import COLOURS, KitFigure, lay_axes, to_png, to_svg
from tinykit.plots.training import plot_accuracy, plot_confusion, plot_history, plot_per_subject
from tinykit.plots.variants import plot_lsb, plot_sizes, plot_weights

__all__ = [
    "COLOURS",
    "KitFigure",
    "lay_axes",
    "plot_accuracy",
    "plot_arena",
    "plot_banks",
    "plot_bursts",
    "plot_channels",
    "plot_clocks",
    "plot_confusion",
    "plot_cores",
    "plot_energy",
    "plot_fit",
    "plot_fit_all",
    "plot_grid",
    "plot_heat",
    "plot_history",
    "plot_instructions",
    "plot_junction",
    "plot_layers",
    "plot_ledger",
    "plot_life",
    "plot_lines",
    "plot_lineup",
    "plot_lsb",
    "plot_npu",
    "plot_offload",
    "plot_operators",
    "plot_per_subject",
    "plot_plans",
    "plot_pruning",
    "plot_sensitivity",
    "plot_sizes",
    "plot_stack",
    "plot_stages",
    "plot_states",
    "plot_storage",
    "plot_tornado",
    "plot_transient",
    "plot_weights",
    "plot_window",
    "to_png",
    "to_png_quickly",
    "to_svg",
]
