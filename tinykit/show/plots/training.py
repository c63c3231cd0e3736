"""Training: what pruning and a grid would take, curves, confusion, accuracy; by layer, what compression cost."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from tinykit.ground.errors import ParameterError
from tinykit.predict.runtime.layers import LayerComparison
from tinykit.show.plots.style import COLOURS, caption, new_axes, note, plain, say_unknown, styled
from tinykit.train.compress.preview import GridPreview, PruningPreview
from tinykit.train.compress.sensitivity import LayerSensitivity
from tinykit.train.compress.training import History
from tinykit.train.datasets.scoring import Accuracy


@styled
def plot_history(history: History, *, ax: Axes | None = None) -> Axes:
    """Accuracy by epoch of `train`, `prune` or `quantise_aware`, on the training groups and on groups held out."""
    ax = new_axes(ax, 6.2, 3.0)
    upper = history.accuracy[-1:] >= history.validation_accuracy[-1:]
    curves = (("training", history.accuracy, upper), ("validation", history.validation_accuracy, not upper))
    for name, values, is_upper in curves:
        if values:
            epochs = range(1, len(values) + 1)
            ax.plot(epochs, values, marker="o", markersize=3.5, color=COLOURS[name])
            ax.annotate(
                f"{name}\n{values[-1]:.3f}", (len(values), values[-1]), xytext=(8, 11 if is_upper else -11),
                textcoords="offset points", color=COLOURS[name], va="center", fontsize=8.5,
            )  # fmt: skip
    count = max(len(history.accuracy), len(history.validation_accuracy), 1)
    ax.set(xlabel="epoch [1]", ylabel="accuracy [1]", xlim=(0.8, count + max(1.2, 0.18 * count)))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(y=0.16)
    ax.set_title(f"Stage {plain(history.stage)}")
    final = f"{history.loss[-1]:.3f}" if history.loss else "unknown"
    note(ax, f"{history.steps} steps, seed {history.seed}, final loss {final}")
    return ax


@styled
def plot_confusion(matrix: Any, classes: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Which class is taken for which: counts, rows true, columns predicted, each row as fractions of the true class.

    Raises
    ------
    ParameterError : the matrix is not square, or not of as many classes as there are names.
    """
    counts = np.asarray(matrix, float)
    if counts.shape != (len(classes), len(classes)):
        raise ParameterError(
            f"confusion matrix of shape {counts.shape} for {len(classes)} classes; give one row a class"
        )
    ax = new_axes(ax, 5.2, 4.6)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(fractions, cmap="Purples", vmin=0, vmax=1.15)
    ax.grid(visible=False)
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            text, dark = f"{fractions[row, column]:.2f}".lstrip("0"), fractions[row, column] > 0.6
            ax.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
    names = [plain(name, 22) for name in classes]
    ax.set_xticks(range(len(names)), names, rotation=40, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="predicted", ylabel="true")
    return caption(ax, "Confusion", f"fraction of each true class, n = {int(counts.sum())}")


@styled
def plot_per_subject(accuracies: Mapping[str, Accuracy], *, ax: Axes | None = None) -> Axes:
    """Accuracy of each subject with its interval, the worst at the bottom: the average hides who the model fails."""
    rows = sorted(accuracies.items(), key=lambda item: item[1].fraction)
    return _draw_accuracies(rows, new_axes(ax, 6.2, 1.2 + 0.3 * len(rows)), "Accuracy by subject", "validation")


@styled
def plot_accuracy(variants: Mapping[str, Accuracy], *, ax: Axes | None = None) -> Axes:
    """Accuracy of each variant ("float", "pruned", "int8") with its interval, in the order given."""
    rows = list(variants.items())[::-1]
    return _draw_accuracies(rows, new_axes(ax, 6.2, 1.2 + 0.34 * len(rows)), "Accuracy by variant", "validation")


def _draw_accuracies(rows: Sequence[tuple[str, Accuracy]], ax: Axes, title: str, colour: str) -> Axes:
    if not rows:
        return say_unknown(ax, "no accuracy given")
    for place, (_, accuracy) in enumerate(rows):
        ends = [[accuracy.fraction - accuracy.low], [accuracy.high - accuracy.fraction]]
        ax.errorbar(accuracy.fraction, place, xerr=ends, fmt="o", color=COLOURS[colour], markersize=5, capsize=3)
        text = f"{accuracy.fraction:.3f}  (n = {accuracy.n})"
        ax.text(1.02, place, text, va="center", fontsize=8, color=COLOURS["note"], transform=ax.get_yaxis_transform())
    ax.set_yticks(range(len(rows)), [plain(name, 24) for name, _ in rows])
    lowest = min(accuracy.low for _, accuracy in rows)
    ax.set(xlim=(max(0.0, np.floor(lowest * 10) / 10 - 0.02), 1.005), ylim=(-0.6, len(rows) - 0.4))
    ax.set_xlabel("accuracy [1]")
    return caption(ax, title, plain(rows[0][1].method, 48))


_MOST_LAYERS = 40
_OPEN_END = 1.08
_WORST = 0.2  # a loss drawn in full colour


@styled
def plot_layers(comparison: LayerComparison, *, ax: Axes | None = None) -> Axes:
    """SQNR of each layer's output in execution order, the worst marked; what is exact reaches the right end.

    Of more than 40 layers of `compare_layers` the 40 worst are drawn.
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


@styled
def plot_sensitivity(
    scan: Sequence[LayerSensitivity], *, max_drop: float | None = None, ax: Axes | None = None
) -> Axes:
    """Change of accuracy with its 95 % interval, in points, for each layer (rows) and share removed (columns).

    `max_drop` (0–1) frames what `suggest_sparsity` would choose in the scan of `scan_sensitivity`.

    Raises
    ------
    ParameterError : nothing scanned.
    """
    if not scan:
        raise ParameterError("no layer was scanned; give the result of scan_sensitivity")
    ax = new_axes(ax, 2.2 + 1.15 * len(scan[0].steps), 0.95 + 0.4 * len(scan))
    shades = LinearSegmentedColormap.from_list("loss", ["#FFFFFF", COLOURS["does_not_fit"]])
    for row, layer in enumerate(scan):
        _draw_losses(ax, row, layer, shades, max_drop)
    names = [plain(layer.name if not layer.coupled else " + ".join((layer.name, *layer.coupled)), 26) for layer in scan]
    ax.set_yticks(range(len(scan)), names)
    ax.set_xticks(range(len(scan[0].steps)), [f"{step:.0%}" for step in scan[0].steps])
    ax.set(xlim=(-0.5, len(scan[0].steps) - 0.5), ylim=(len(scan) - 0.5, -0.5))
    ax.set_xlabel(
        f"{scan[0].kind} of the layer removed [%], not retrained; the whole model gets {scan[0].accuracy:.1%}"
    )
    ax.tick_params(length=0)
    return caption(ax, "Change of accuracy [points]", f"95 % interval, n = {scan[0].changes[0].n:,}")


def _draw_losses(
    ax: Axes, row: int, layer: LayerSensitivity, shades: LinearSegmentedColormap, max_drop: float | None
) -> None:
    for column, change in enumerate(layer.changes):
        share = min(1.0, max(0.0, -change.value / _WORST))
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=shades(share), edgecolor="white"))
        ax.text(column, row - 0.13, f"{100 * change.value:+.1f}", ha="center", va="center", fontsize=9)
        interval = f"{100 * change.low:+.0f} … {100 * change.high:+.0f}"
        ax.text(column, row + 0.26, interval, ha="center", va="center", fontsize=6.5, color="#333333")
    if max_drop is not None and (borne := layer.bears(max_drop)) > 0:
        left, top = layer.steps.index(borne) - 0.48, row - 0.46
        ax.add_patch(Rectangle((left, top), 0.96, 0.92, fill=False, edgecolor="black", linewidth=1.6))


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
