from tinykit.show.plots.accelerated import plot_npu as plot_npu
from tinykit.show.plots.arena import (
    plot_arena as plot_arena,
)
from tinykit.show.plots.arena import (
    plot_plans as plot_plans,
)
from tinykit.show.plots.banks import plot_banks as plot_banks
from tinykit.show.plots.choices import (
    plot_clocks as plot_clocks,
)
from tinykit.show.plots.choices import (
    plot_lines as plot_lines,
)
from tinykit.show.plots.choices import (
    plot_offload as plot_offload,
)
from tinykit.show.plots.choices import (
    plot_stack as plot_stack,
)
from tinykit.show.plots.choices import (
    plot_stages as plot_stages,
)
from tinykit.show.plots.choices import (
    plot_tornado as plot_tornado,
)
from tinykit.show.plots.heat import (
    plot_bursts as plot_bursts,
)
from tinykit.show.plots.heat import (
    plot_heat as plot_heat,
)
from tinykit.show.plots.heat import (
    plot_junction as plot_junction,
)
from tinykit.show.plots.heat import (
    plot_transient as plot_transient,
)
from tinykit.show.plots.instructions import plot_cores as plot_cores
from tinykit.show.plots.instructions import plot_instructions as plot_instructions
from tinykit.show.plots.layers import plot_layers as plot_layers
from tinykit.show.plots.ledger import plot_ledger as plot_ledger
from tinykit.show.plots.lineup import plot_lineup as plot_lineup
from tinykit.show.plots.memory import plot_fit as plot_fit
from tinykit.show.plots.memory import plot_fit_all as plot_fit_all
from tinykit.show.plots.power import plot_energy as plot_energy
from tinykit.show.plots.power import plot_life as plot_life
from tinykit.show.plots.power import plot_states as plot_states
from tinykit.show.plots.previews import (
    plot_channels as plot_channels,
)
from tinykit.show.plots.previews import (
    plot_grid as plot_grid,
)
from tinykit.show.plots.previews import (
    plot_pruning as plot_pruning,
)
from tinykit.show.plots.previews import (
    plot_storage as plot_storage,
)
from tinykit.show.plots.previews import (
    plot_window as plot_window,
)
from tinykit.show.plots.quick import to_png_quickly as to_png_quickly
from tinykit.show.plots.sensitivity import plot_sensitivity as plot_sensitivity
from tinykit.show.plots.style import (
    COLOURS as COLOURS,
)
from tinykit.show.plots.style import (
    KitFigure as KitFigure,
)
from tinykit.show.plots.style import (
    lay_axes as lay_axes,
)
from tinykit.show.plots.style import (
    to_png as to_png,
)
from tinykit.show.plots.training import (
    plot_accuracy as plot_accuracy,
)
from tinykit.show.plots.training import (
    plot_confusion as plot_confusion,
)
from tinykit.show.plots.training import (
    plot_history as plot_history,
)
from tinykit.show.plots.training import (
    plot_per_subject as plot_per_subject,
)
from tinykit.show.plots.variants import plot_lsb as plot_lsb
from tinykit.show.plots.variants import plot_sizes as plot_sizes
