"""Training: curves, confusion, and accuracy by subject and by variant."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tinykit.ground.errors import ParameterError
from tinykit.show.plots.style import COLOURS, NOTE_COLOUR, caption, new_axes, note, plain, say_unknown, styled
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
                f"{name}\n{values[-1]:.3f}",
                (len(values), values[-1]),
                xytext=(8, 11 if is_upper else -11),
                textcoords="offset points",
                color=COLOURS[name],
                va="center",
                fontsize=8.5,
            )
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
        ax.text(1.02, place, text, va="center", fontsize=8, color=NOTE_COLOUR, transform=ax.get_yaxis_transform())
    ax.set_yticks(range(len(rows)), [plain(name, 24) for name, _ in rows])
    lowest = min(accuracy.low for _, accuracy in rows)
    ax.set(xlim=(max(0.0, np.floor(lowest * 10) / 10 - 0.02), 1.005), ylim=(-0.6, len(rows) - 0.4))
    ax.set_xlabel("accuracy [1]")
    return caption(ax, title, plain(rows[0][1].method, 48))
