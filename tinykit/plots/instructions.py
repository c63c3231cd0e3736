"""Where a run on the virtual board executed its instructions."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tinykit.plots.style import COLOURS, new_axes, note, plain, say_unknown, styled
from tinykit.virtual_board import BoardRun, OperatorRun

_HEIGHT = 0.4


@styled
def plot_instructions(run: BoardRun, *, ax: Axes | None = None) -> Axes:
    """Executed instructions of each operator beside its multiply-accumulates, one inference of the first sample.

    Parameters
    ----------
    run : of `virtual_board.run`; one that faulted has no counts, and its fault is written instead.
    ax : None for a new figure.
    """
    rows = run.operators
    ax = new_axes(ax, 7.2, 1.3 + 0.4 * len(rows))
    if run.fault:
        return say_unknown(ax, f"no counts: {plain(run.fault.text, 200)}")
    if not rows:
        return say_unknown(ax, "the model has no operators")
    places = range(len(rows))
    executed, macs = [one.instructions for one in rows], [one.macs for one in rows]
    ax.barh([place - _HEIGHT / 2 for place in places], executed, height=_HEIGHT, color=COLOURS["inference"])
    ax.barh([place + _HEIGHT / 2 for place in places], macs, height=_HEIGHT, color=COLOURS["reserved"])
    longest = max(1, *executed, *macs)
    for place, one in zip(places, rows, strict=True):
        ax.text(one.instructions, place - _HEIGHT / 2, f"  {_describe(one)}", va="center", fontsize=7)
        if one.macs:
            ax.text(one.macs, place + _HEIGHT / 2, f"  {one.macs:,} MACs", va="center", fontsize=7)
    ax.set_yticks(places, [f"{one.index} {plain(one.name, 24)}" for one in rows])
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlim=(0, longest * 1.6), xlabel="count per inference [1]")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_title(f"{run.board}, {run.core}, {run.kernels}")
    note(ax, "counted in the emulator")
    return ax


def _describe(one: OperatorRun) -> str:
    if not one.macs:
        return f"{one.instructions:,} instructions"
    return f"{one.instructions:,} instructions, {one.instructions / one.macs:.2f} per MAC"
