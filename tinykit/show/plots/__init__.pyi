from tinykit.show.plots.arena import plot_arena as plot_arena, plot_plans as plot_plans
from tinykit.show.plots.binding import plot_binding as plot_binding, plot_gauges as plot_gauges
from tinykit.show.plots.choices import (
    plot_clocks as plot_clocks,
    plot_lines as plot_lines,
    plot_offload as plot_offload,
    plot_stack as plot_stack,
    plot_stages as plot_stages,
    plot_tornado as plot_tornado,
)
from tinykit.show.plots.front import plot_front as plot_front, plot_outlook as plot_outlook
from tinykit.show.plots.heat import (
    plot_bursts as plot_bursts,
    plot_heat as plot_heat,
    plot_junction as plot_junction,
    plot_transient as plot_transient,
)
from tinykit.show.plots.instructions import (
    plot_cores as plot_cores,
    plot_instructions as plot_instructions,
    plot_npu as plot_npu,
)
from tinykit.show.plots.memory import (
    plot_banks as plot_banks,
    plot_fit as plot_fit,
    plot_fit_all as plot_fit_all,
    plot_lineup as plot_lineup,
)
from tinykit.show.plots.power import plot_energy as plot_energy, plot_life as plot_life, plot_states as plot_states
from tinykit.show.plots.quick import to_png_quickly as to_png_quickly
from tinykit.show.plots.style import COLOURS as COLOURS, KitFigure as KitFigure, lay_axes as lay_axes, to_png as to_png
from tinykit.show.plots.training import (
    plot_accuracy as plot_accuracy,
    plot_channels as plot_channels,
    plot_confusion as plot_confusion,
    plot_grid as plot_grid,
    plot_history as plot_history,
    plot_layers as plot_layers,
    plot_per_subject as plot_per_subject,
    plot_pruning as plot_pruning,
    plot_sensitivity as plot_sensitivity,
    plot_storage as plot_storage,
    plot_window as plot_window,
)
from tinykit.show.plots.variants import plot_ledger as plot_ledger, plot_lsb as plot_lsb, plot_sizes as plot_sizes
