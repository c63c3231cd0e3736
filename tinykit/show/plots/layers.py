"""Where quantisation hurts, layer by layer."""

from __future__ import annotations

import math

from matplotlib.axes import Axes

from tinykit.predict.runtime import LayerComparison
from tinykit.show.plots.style import COLOURS, new_axes, note, plain, say_unknown, styled

_MOST_LAYERS = 40
_OPEN_END = 1.08


@styled
def plot_layers(comparison: LayerComparison, *, ax: Axes | None = None) -> Axes:
    """SQNR of each layer's output in execution order, the worst marked; what is exact reaches the right end.

    Parameters
    ----------
    comparison : of `compare_layers`; of more than 40 layers the 40 worst are drawn.
    ax : None for a new figure.
    """
    shown = sorted(comparison.worst_first[:_MOST_LAYERS], key=lambda one: one.operator)
    ax = new_axes(ax, 6.6, 1.1 + 0.21 * max(4, len(shown)))
    if not shown:
        return say_unknown(ax, "no layer compared")
    finite = [one.sqnr_db for one in shown if math.isfinite(one.sqnr_db)]
    reach = _OPEN_END * max([*finite, 10.0])
    least = min([*finite, 0.0])
    worst = comparison.worst_first[0].operator
    for place, one in enumerate(shown):
        level = min(max(one.sqnr_db, least), reach)
        ax.barh(place, level, color=COLOURS["does_not_fit" if one.operator == worst else "flash"], height=0.7)
        text = f" {_say(one.sqnr_db)}" + (", worst" if one.operator == worst else "")
        ax.text(max(level, 0.0), place, text, va="center", fontsize=8)
    ax.set_yticks(range(len(shown)), [plain(one.label, 28) for one in shown], fontsize=8)
    ax.set(xlim=(least, 1.22 * reach), ylim=(len(shown) - 0.4, -0.6), xlabel="SQNR against float [dB]")
    ax.set_title("What quantisation costs, by layer")
    dropped = len(comparison.layers) - len(shown)
    note(ax, f"measured, n={comparison.n}" + (f"; {dropped} better layers not drawn" if dropped else ""))
    return ax


def _say(decibels: float) -> str:
    if math.isfinite(decibels):
        return f"{decibels:.1f} dB"
    return "exact" if decibels > 0 else "no signal"
