"""Where an NPU spends its cycles."""

from __future__ import annotations

from matplotlib.axes import Axes

from tinykit.npu import NpuReport
from tinykit.plots.style import COLOURS, new_axes, note, plain, say_unknown, styled

_LEAST_SHARE = 0.005
_MOST_BARS = 32


@styled
def plot_npu(report: NpuReport, *, ax: Axes | None = None) -> Axes:
    """Cycles of each pass as Vela schedules it, in order; passes below half a percent are summed up in one bar.

    Parameters
    ----------
    report : of `compile_for_npu`. ax : None for a new figure.
    """
    shown = [one for one in report.layers if one.cycles >= _LEAST_SHARE * report.cycles][:_MOST_BARS]
    ax = new_axes(ax, 7.0, 1.3 + 0.24 * (len(shown) + 1))
    if not shown:
        return say_unknown(ax, "no pass runs on the NPU")
    rest = sum(one.cycles for one in report.layers) - sum(one.cycles for one in shown)
    names = [plain(f"{number} {one.operator}", 26) for number, one in enumerate(shown)]
    counts = [one.cycles for one in shown]
    if rest:
        names, counts = [*names, "all others"], [*counts, rest]
    places = range(len(counts))
    ax.barh(places, counts, height=0.66, color=COLOURS["inference"])
    for place, count in zip(places, counts, strict=True):
        ax.text(count, place, f"  {count:,}", va="center", fontsize=7)
    ax.set_yticks(places, names)
    ax.set(ylim=(len(counts) - 0.4, -0.6), xlim=(0, max(counts) * 1.18), xlabel="NPU cycles [1]")
    ax.set_title(f"{report.accelerator}, {report.memory_mode}: {report.cycles:,} cycles")
    note(ax, "compiled: Vela's estimate")
    return ax
