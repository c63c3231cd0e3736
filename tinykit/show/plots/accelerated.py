"""Where an NPU spends its cycles."""

from __future__ import annotations

import itertools

from matplotlib.axes import Axes

from tinykit.predict.npu import NpuReport
from tinykit.show.plots.style import COLOURS, caption, new_axes, plain, say_unknown, styled

_LEAST_SHARE = 0.005
_MOST_BARS = 32


@styled
def plot_npu(report: NpuReport, *, ax: Axes | None = None) -> Axes:
    """Cycles as Vela schedules them, in order: equal passes that follow each other are one bar, and those below half a
    percent are summed up in the last.

    Parameters
    ----------
    report : of `compile_for_npu`.
    ax : None for a new figure.
    """
    bars = _list_bars(report)
    ax = new_axes(ax, 7.0, 1.3 + 0.24 * len(bars))
    if not bars:
        return say_unknown(ax, "no pass runs on the NPU")
    names, counts = [name for name, _ in bars], [count for _, count in bars]
    places = range(len(counts))
    ax.barh(places, counts, height=0.66, color=COLOURS["inference"])
    for place, count in zip(places, counts, strict=True):
        ax.text(count, place, f"  {count:,}", va="center", fontsize=7)
    ax.set_yticks(places, names)
    ax.set(ylim=(len(counts) - 0.4, -0.6), xlim=(0, max(counts) * 1.18), xlabel="NPU cycles [1]")
    return caption(
        ax, f"{report.accelerator}, {report.memory_mode}: {report.cycles:,} cycles", "compiled: Vela's estimate"
    )


def _list_bars(report: NpuReport) -> list[tuple[str, int]]:
    """(name, cycles) of the bars."""
    bars = []
    for (operator, cycles), same in itertools.groupby(report.layers, key=lambda one: (one.operator, one.cycles)):
        passes = len(list(same))
        name = plain(operator, 20) + (f" × {passes}" if passes > 1 else "")
        bars.append((name, passes * cycles))
    shown = [bar for bar in bars if bar[1] >= _LEAST_SHARE * report.cycles][:_MOST_BARS]
    rest = sum(count for _, count in bars) - sum(count for _, count in shown)
    return [*shown, ("all others", rest)] if rest else shown
