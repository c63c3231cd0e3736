"""What plots draw alike: limits, logarithmic axes, intervals and bands."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from tinykit.ground.quantity import DAY_S, YEAR_S, Estimate, format_quantity
from tinykit.show.plots.style import COLOURS, styled
from tinykit.show.plots.telling import tell_axis

_TIMES_S = {
    "1 µs": 1e-6, "10 µs": 1e-5, "100 µs": 1e-4, "1 ms": 1e-3, "10 ms": 1e-2, "0.1 s": 0.1, "1 s": 1, "10 s": 10,
    "1 min": 60, "10 min": 600, "1 h": 3600, "6 h": 6 * 3600, "1 day": DAY_S, "1 week": 7 * DAY_S,
    "30 days": 30 * DAY_S, "1 year": YEAR_S, "10 years": 10 * YEAR_S, "100 years": 100 * YEAR_S,
}  # fmt: skip


def mark_limit(ax: Axes, value: float, text: str, *, vertical: bool = False, at: float = 0.02) -> None:
    """A dashed limit line across the axes with its name on it; `at` is the place along it, 0–1."""
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    pad: dict[str, Any] = {"color": COLOURS["limit"], "fontsize": 8, "bbox": paper}
    if vertical:
        ax.axvline(value, color=COLOURS["limit"], linestyle="--", linewidth=1.2)
        place = ax.get_xaxis_transform()
        ax.text(value, at, text, rotation=90, ha="center", va="bottom", transform=place, **pad)
    else:
        ax.axhline(value, color=COLOURS["limit"], linestyle="--", linewidth=1.2)
        ax.text(at, value, text, ha="left", va="center", transform=ax.get_yaxis_transform(), **pad)


def scale_log_time(axis: Axis, low_s: float, high_s: float) -> None:
    """A logarithmic time axis [s] whose ticks read 1 s, 1 min, 1 day, 1 year."""
    low_s, high_s = _hold(axis, low_s, high_s)
    chosen = [(place, name) for name, place in _TIMES_S.items() if low_s <= place <= high_s]
    while len(chosen) > 9:
        chosen = chosen[::2]
    _scale_log(axis, low_s, high_s, chosen)


def scale_log(axis: Axis, low: float, high: float, unit: str = "1") -> None:
    """A logarithmic axis with a tick a decade, read as quantities of `unit`."""
    low, high = _hold(axis, low, high)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    places = [10.0**decade for decade in decades if low <= 10.0**decade <= high]
    if len(places) < 2:
        places = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
        places = [place for place in places if low <= place <= high]
    step = 1 + len(places) // 9
    _scale_log(axis, low, high, [(place, format_tick(place, unit)) for place in places[::step]])


def _hold(axis: Axis, low: float, high: float) -> tuple[float, float]:
    """Limits at whole decades in a picture that is drawn again and again, so that a move seldom changes them."""
    if not getattr(axis.axes.figure, "again", False):
        return low, high
    return 10.0 ** math.floor(math.log10(low * 1.06)), 1.06 * 10.0 ** math.ceil(math.log10(high / 1.06))


def _scale_log(axis: Axis, low: float, high: float, ticks: Iterable[tuple[float, str]]) -> None:
    """Fixed ticks: the automatic ones of a logarithmic axis take most of the time of a redraw."""
    chosen = list(ticks)
    name = "x" if axis is axis.axes.xaxis else "y"
    axis.axes.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    axis.set_minor_locator(NullLocator())
    axis.set_major_locator(FixedLocator([place for place, _ in chosen]))
    axis.set_major_formatter(FixedFormatter([name for _, name in chosen]))


def format_tick(value: float, unit: str) -> str:
    """A tick label: three digits without trailing zeros.

    >>> format_tick(0.001, "A"), format_tick(20.0, "1"), format_tick(1e6, "1")
    ('1 mA', '20', '1,000,000')
    """
    number, _, name = format_quantity(value, unit).partition(" ")
    short = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{short} {name}".strip()


def band_kwargs(colour: str) -> dict[str, Any]:
    """How an interval is drawn: the colour of what it belongs to, faint."""
    return {"color": COLOURS[colour], "alpha": 0.25, "linewidth": 0}


def draw_bar(ax: Axes, row: float, width: float, *, left: float = 0.0, height: float, colour: str, **look: Any) -> None:
    """A horizontal bar about height `row` on axes whose limits are set: `barh` works them out, at twice the time."""
    bar = Rectangle((left, row - height / 2), width, height, facecolor=colour, **look)
    ax.add_artist(bar)


def draw_band(
    ax: Axes, places: Sequence[float], found: Sequence[Estimate], colour: str, factor: float = 1.0, **look: Any
) -> None:
    """A curve of estimates times a factor, with its interval behind it."""
    low, value, high = ([getattr(one, end) * factor for one in found] for end in ("low", "value", "high"))
    ax.fill_between(places, low, high, **band_kwargs(colour))
    ax.plot(places, value, color=COLOURS[colour], **look)


def ends(estimate: Estimate, factor: float = 1.0) -> list[list[float]]:
    """An interval about its value, as `errorbar` takes it."""
    return [[(estimate.value - estimate.low) * factor], [(estimate.high - estimate.value) * factor]]


def error_bar(ax: Axes, estimate: Estimate, at: float, colour: str) -> None:
    """A horizontal interval with its value at height `at`; filled where measured, open where not."""
    face = COLOURS[colour] if estimate.basis == "measured" else "white"
    ax.errorbar(
        estimate.value, at, xerr=ends(estimate), fmt="o", markersize=4.5, color=COLOURS[colour],
        markerfacecolor=face, capsize=2.5, elinewidth=1.6,
    )  # fmt: skip


@styled
def draw_ghost(figure: Figure, pinned: Figure) -> None:
    """Draw in dashed grey what another figure of the same plots holds: curves, intervals and outlines of bars.

    Axes of another scale, unit or other names get none; limits grow until both are seen.
    """
    for ax, old in zip(figure.axes, pinned.axes, strict=False):
        pairs = (("x", ax.xaxis, old.xaxis), ("y", ax.yaxis, old.yaxis))
        if ax.axison and all(_mean(one) == _mean(other) for _, one, other in pairs):
            look: dict[str, Any] = {"color": COLOURS["note"], "linestyle": (0, (2, 2)), "linewidth": 1.2, "zorder": 2.4}
            ax.add_collection(LineCollection(list(_list_traces(old)), **look), autolim=False)
            for name, one, other in pairs:
                first, last = np.vstack([one.get_view_interval(), other.get_view_interval()]).T
                up = first[0] <= last[0]
                ax.set(**{f"{name}lim": (min(first), max(last)) if up else (max(first), min(last))})


def _mean(axis: Axis) -> list[str]:
    return [axis.get_scale(), *(tell_axis(axis) if axis.get_scale() == "linear" else [axis.get_label_text()])]


def _list_traces(ax: Axes) -> Iterator[Any]:
    for line in ax.lines:
        if line.get_transform() == ax.transData and len(np.atleast_1d(line.get_xdata())) > 1:
            yield np.column_stack([np.asarray(column, float) for column in line.get_data(orig=False)])
    for one in ax.collections:
        yield from one.get_segments() if isinstance(one, LineCollection) else ()
    for bar in ax.patches:
        if isinstance(bar, Rectangle) and bar.get_data_transform() == ax.transData:
            yield bar.get_bbox().corners()[[0, 1, 3, 2, 0]]
