"""Before anything is trained: a window of a signal, what pruning would take away, and a quantisation grid."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from tinykit.ground.errors import ParameterError
from tinykit.show.plots.style import COLOURS, caption, new_axes, plain, styled
from tinykit.train.compress.preview import GridPreview, PruningPreview

_LINES = ("#AA4499", "#999933", "#6699CC", "#BB5566", "#004488", "#DDAA33")  # Tol; none has a meaning elsewhere
_BINS = 61


@styled
def plot_window(
    window: Any, names: Sequence[str], *, rate_hz: float, unit: str = "1", title: str = "Window", ax: Axes | None = None
) -> Axes:
    """Channels of one window against time.

    Parameters
    ----------
    window : [samples, channels], or with axes of length 1 between.
    names : of the channels.
    rate_hz : sampling rate [Hz].
    unit : of the values.
    title : what the window is of.
    ax : None for a new figure.

    Raises
    ------
    ParameterError : not one name a channel.
    """
    values = np.asarray(window, float)
    values = values.reshape(len(values), -1)
    if values.shape[1] != len(names):
        raise ParameterError(f"{len(names)} names for {values.shape[1]} channels; give one each")
    ax = new_axes(ax, 6.6, 2.4)
    times = np.arange(len(values)) / rate_hz
    colours = [_LINES[column % len(_LINES)] for column in range(len(names))]
    for column, colour in enumerate(colours):
        ax.plot(times, values[:, column], color=colour, linewidth=1.3)
    order = np.argsort(-values[-1])
    for column, place in zip(order, _move_apart(values[-1, order], *ax.get_ylim()), strict=True):
        ax.text(times[-1] * 1.015, place, plain(names[column], 12), va="center", color=colours[column])
    ax.set(xlabel="time [s]", ylabel=f"[{unit}]", xlim=(0, times[-1] * 1.09))
    ax.set_title(plain(title, 60))
    return ax


def _move_apart(ends: np.ndarray, low: float, high: float) -> np.ndarray:
    """Where falling ends are labelled between two limits: beside each, below the one before by a line of text."""
    steps = np.arange(len(ends)) * (high - low) * min(0.13, 1 / len(ends))
    falling = np.minimum.accumulate(ends + steps) - steps
    apart: np.ndarray = np.fmax(falling, low + steps[-1] - steps)
    return apart


@styled
def plot_pruning(preview: PruningPreview, *, ax: Axes | None = None) -> Axes:
    """Histogram of a float kernel, with what magnitude pruning would set to zero set apart, of `preview_pruning`."""
    ax = new_axes(ax, 6.2, 2.6)
    reach = float(np.abs(preview.weights).max()) or 1.0
    edges = np.linspace(-reach, reach, _BINS + 1)
    for keep, colour in ((True, COLOURS["flash"]), (False, COLOURS["reserved"])):
        counts, _ = np.histogram(preview.weights[preview.keep == keep], bins=edges)
        ax.stairs(counts, edges, fill=True, color=colour, alpha=0.85)
    kept = preview.weights.size - preview.zeros
    ax.set(xlabel="weight before pruning [1]", ylabel="weights [1]", xlim=(-reach, reach))
    ax.text(0.015, 0.93, f"stay: {kept:,}", color=COLOURS["flash"], va="top", transform=ax.transAxes)
    ax.text(0.985, 0.93, f"to zero: {preview.zeros:,}", color="#555555", va="top", ha="right", transform=ax.transAxes)
    return caption(ax, "What magnitude pruning takes", f"threshold {preview.threshold:.3f}, before any retraining")


@styled
def plot_storage(preview: PruningPreview, *, ax: Axes | None = None) -> Axes:
    """Bytes of a pruned kernel in int8: as a flatbuffer stores it, compressed for transport, behind a bitmask."""
    ax = new_axes(ax, 6.2, 1.7)
    rows = (
        ("flatbuffer today", preview.flatbuffer_bytes, COLOURS["flash"]),
        ("gzip: transport only", preview.gzip_bytes, COLOURS["transport"]),
        ("with a bitmask codec", preview.bitmask_bytes, "#66AAD1"),
    )
    for place, (_, nbytes, colour) in enumerate(rows):
        ax.barh(place, nbytes, color=colour, height=0.66)
        ax.text(nbytes, place, f" {nbytes:,}", va="center", fontsize=8.5)
    ax.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    ax.set(xlim=(0, preview.flatbuffer_bytes * 1.35), ylim=(len(rows) - 0.4, -0.6), xlabel="int8 kernel [byte]")
    return ax


@styled
def plot_grid(preview: GridPreview, *, ax: Axes | None = None) -> Axes:
    """Histogram of values with the levels of their grid, and of what the grid makes of them.

    With several scales the levels are those of the coarsest.
    """
    ax = new_axes(ax, 6.2, 2.8)
    values = preview.values.ravel()
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 1e-9)
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    ax.stairs(counts, edges, fill=True, color=COLOURS["reserved"], alpha=0.5)
    coarsest = int(np.argmax(preview.scales))
    scale, zero_point = preview.scales[coarsest], preview.zero_points[coarsest]
    least, most = -(2 ** (preview.bits - 1)), 2 ** (preview.bits - 1) - 1
    levels = (np.arange(least, most + 1) - zero_point) * scale
    inside = levels[(levels >= low - scale / 2) & (levels <= high + scale / 2)]
    ax.vlines(inside, 0, counts.max() * 0.1, color=COLOURS["limit"], linewidth=0.7)
    ax.set(xlabel="value [1]", ylabel="values [1]", xlim=(low - 0.02 * (high - low), high + 0.02 * (high - low)))
    which = "the only scale" if len(preview.scales) == 1 else f"the coarsest of {len(preview.scales)} scales"
    ax.text(0.985, 0.93, f"levels of {which}:\n{scale:.3g} apart", va="top", ha="right", transform=ax.transAxes)
    return caption(ax, f"Grid of {preview.bits} bits", f"SQNR {preview.sqnr_db:.1f} dB over {values.size:,} values")


@styled
def plot_channels(previews: Sequence[GridPreview], axis: int, *, ax: Axes | None = None) -> Axes:
    """SQNR of each channel under several grids: one scale serves the widest channel and starves the narrow ones.

    At most three previews of the same values; `axis` is that of the channels.
    """
    ax = new_axes(ax, 6.2, 2.6)
    colours = (COLOURS["note"], COLOURS["flash"], COLOURS["limit"])
    for preview, colour in zip(previews, colours, strict=False):
        found = np.sort(preview.channel_sqnr_db(axis))
        kind = "one scale for all" if preview.axis is None else "a scale each"
        ax.plot(found, marker="o", markersize=3.5, color=colour)
        middle = len(found) // 3
        upwards = -14 if preview.axis is None else 12
        place = middle, found[middle]
        ax.annotate(kind, place, xytext=(6, upwards), textcoords="offset points", color=colour, va="center")
    ax.set(xlabel="output channel, sorted [1]", ylabel="SQNR [dB]")
    return caption(ax, "What each channel keeps", ", ".join(f"{preview.bits} bits" for preview in previews[:1]))
