"""What binds: every limit of a device as a gauge, and a map of the one that binds over two knobs."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tinykit.budget.assessment.binding import KNOBS, Binding
from tinykit.budget.assessment.budgets import MISSED, TIGHT
from tinykit.ground.quantity import format_quantity
from tinykit.show.plots.marks import draw_bar, mark_limit, scale_log
from tinykit.show.plots.style import COLOURS, caption, name_basis, new_axes, plain, styled

_LOOKS = {TIGHT: ("tight", "..."), MISSED: ("does_not_fit", "///")}
_MAPPED = {
    "nothing": ("fits", ""), "unknown": ("unknown", "x"), "run": ("does_not_fit", "xx"), "cost": ("reserved", "**"),
    "time awake": ("other state", "\\\\"), "latency": ("inference", "//"), "pulse": ("wake-up", "++"),
    "life": ("sleep", ".."), "junction": ("temperature", "oo"), "flash": ("flash", "--"),
}  # fmt: skip
"""Colour and hatching of what binds; another memory looks like SRAM. The name stands in the largest patch."""
_LEAST, _MOST = 0.01, 100.0


@styled
def plot_gauges(binding: Binding, pinned: Binding | None = None, *, ax: Axes | None = None) -> Axes:
    """Each limit (`what_binds`) as a bar up to the share used, interval and words; a pinned design as diamonds."""
    rows, ink = binding.checks[::-1], COLOURS["limit"]
    before = {one.budget: one.used for one in pinned.checks} if pinned else {}
    ax = new_axes(ax, 7.0, 0.9 + 0.45 * len(rows))
    scale_log(ax.xaxis, _LEAST, _MOST)
    mark_limit(ax, 1.0, "limit", vertical=True)
    paper: dict[str, Any] = {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5}, "fontsize": 7.5}
    for row, one in enumerate(rows):
        ax.text(_LEAST * 1.08, row + 0.14, plain(f"{one.verdict}: {one.tell()}", 96), va="bottom", **paper)
        if one.used:
            colour, hatch = _LOOKS.get(one.verdict, ("fits", ""))
            low, value, high = np.clip([one.used.low, one.used.value, one.used.high], _LEAST, _MOST).tolist()
            look: dict[str, Any] = {"colour": COLOURS[colour], "hatch": hatch, "edgecolor": ink, "linewidth": 0.5}
            draw_bar(ax, row - 0.08, value - _LEAST, left=_LEAST, height=0.34, **look)
            ax.plot([low, high], [row - 0.08] * 2, color=ink, linewidth=1.6)
        if old := before.get(one.budget):
            ax.plot(min(max(old.value, _LEAST), _MOST), row - 0.08, "D", color=ink, markerfacecolor="white")
    ax.set_yticks(range(len(rows)), [plain(one.budget, 14) for one in rows])
    ax.set(ylim=(-0.5, len(rows) - 0.3), xlabel="share of the limit [1], log")
    return caption(
        ax,
        plain(binding.words.partition(":")[0].partition(";")[0]),
        name_basis(*(one.used for one in rows if one.used)),
    )


@styled
def plot_binding(
    cells: Sequence[Sequence[str]], knobs: Mapping[str, Sequence[float]], points: Sequence[Sequence[float]] = (), *,
    ax: Axes | None = None
) -> Axes:  # fmt: skip
    """What binds over two knobs (`map_binding`, as it took them), the design as a ring, a pinned one as a diamond.

    Parameters
    ----------
    cells, knobs : the answer and what was asked.
    points : values of the two for the design, and for the pinned one.
    ax : None for a new figure.
    """
    ax, largest = new_axes(ax, 7.0, 3.6), dict[str, tuple[float, float, float]]()
    for row, line in enumerate(cells):
        for name, run in groupby(range(len(line)), line.__getitem__):
            places, (colour, hatch) = [*run], _MAPPED.get(name, ("sram", "||"))
            look: dict[str, Any] = {"facecolor": COLOURS[colour], "hatch": hatch, "edgecolor": COLOURS["note"]}
            ax.add_artist(Rectangle((places[0] - 0.5, row - 0.5), len(places), 1.0, linewidth=0, **look))
            size = len(places) - abs(row - (len(cells) - 1) / 2)
            largest[name] = max(largest.get(name, (-1e9, 0.0, 0.0)), (size, float(np.mean(places)), row))
    for name, (_, x, y) in largest.items():
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        ax.text(max(x, 0.8), y, plain(name, 14), ha="center", va="center", fontsize=9, fontweight="bold", bbox=box)
    for axis, (name, values) in zip((ax.xaxis, ax.yaxis), knobs.items(), strict=True):
        step = 1 + len(values) // 8
        axis.set_ticks(range(0, len(values), step), [format_quantity(one, KNOBS[name][1]) for one in values[::step]])
        axis.set_label_text(KNOBS[name][0])
    for point, marker in zip(points, "oD", strict=False):
        x, y = (np.interp(at, values, range(len(values))) for at, values in zip(point, knobs.values(), strict=True))
        ax.plot(float(x), float(y), marker, color=COLOURS["limit"], markersize=10, markerfacecolor="white")
    ax.set(xlim=(-0.5, len(cells[0]) - 0.5), ylim=(-0.5, len(cells) - 0.5))
    return caption(ax, "What binds; the ring is this design", "at best values, without prices")
