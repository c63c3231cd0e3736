"""Unseen people in a panel: choose a subject or an exercise, see what is taken for what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy.typing import ArrayLike

from tinykit.show.panels.shell import Panel, choose
from tinykit.show.plots import KitFigure, lay_axes, plot_confusion
from tinykit.train.datasets import EVERYONE, Breakdown, Split, break_down, parts_of


class SubjectPanel(Panel[Breakdown]):
    """Confusion matrix and accuracy of a part of the test split.

    Parameters
    ----------
    predicted : [n] class indices for the split.
    split : of people the network has never seen.
    classes : names.
    part : to start from, one of `parts_of`.
    name : of the model.
    """

    size_in = (5.8, 5.0)

    part: Any

    def __init__(
        self,
        predicted: ArrayLike,
        split: Split,
        classes: tuple[str, ...],
        *,
        part: str = EVERYONE,
        name: str = "model",
    ) -> None:
        self.predicted, self.split, self.classes = predicted, split, classes
        controls = {"part": choose("windows of", parts_of(split, classes), part)}
        super().__init__("Unseen people", name, controls)

    def compute(self) -> Breakdown:
        """The breakdown for the part chosen."""
        return break_down(self.predicted, self.split, self.classes, self.part.value)

    def draw(self, result: Breakdown, figure: KitFigure) -> None:
        """The confusion matrix."""
        axes = lay_axes(figure, 1.0, left_in=0.9)[0]
        figure.subplots_adjust(bottom=0.16)  # slanted names need more room than numbers
        plot_confusion(result.matrix, result.classes, ax=axes)

    def tell(self, result: Breakdown) -> Iterable[tuple[str, str]]:
        """Accuracy with its interval, and the most frequent mistake."""
        yield "accuracy", str(result.accuracy)
        yield "most frequent mistake", result.worst

    def summarise(self, result: Breakdown) -> str:
        """Accuracy and interval."""
        accuracy = result.accuracy
        return f"{accuracy.fraction:.3f} [{accuracy.low:.3f} … {accuracy.high:.3f}], n={accuracy.n}"
