"""Training: curves, confusion, accuracy by subject and variant; by layer, what quantisation and pruning cost."""

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
