"""TFLM against LiteRT in a panel: which kernels to compare with, on how many samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinykit.predict.runtime import Answers, CodeComparison, compare_answers
from tinykit.show.panels.shell import Panel, choose, slide
from tinykit.show.plots import KitFigure, lay_axes, plot_lsb


class LsbPanel(Panel[CodeComparison]):
    """How many steps TFLM's outputs lie from LiteRT's.

    Parameters
    ----------
    answers : of `collect_answers`.
    name : of the model.
    """

    reference: Any
    samples: Any

    def __init__(self, answers: Answers, *, name: str = "model") -> None:
        self.answers = answers
        references, most = list(answers.references), len(answers.own)
        controls = {
            "reference": choose("against", references, references[0]),
            "samples": slide("samples [1]", most, 1, most, 1),
        }
        super().__init__("TFLM against LiteRT", name, controls)

    def compute(self) -> CodeComparison:
        """The comparison for the reference and the number of samples chosen."""
        return compare_answers(self.answers, self.reference.value, int(self.samples.value))

    def draw(self, result: CodeComparison, figure: KitFigure) -> None:
        """The histogram of differences."""
        plot_lsb(result, ax=lay_axes(figure, 1.0)[0])

    def tell(self, result: CodeComparison) -> Iterable[tuple[str, str]]:
        """Agreement and where differences come from."""
        top1 = "no vector" if result.top1_agreement is None else f"{result.top1_agreement:.1%} of samples"
        counted = sum(result.histogram.values())
        yield "outputs equal", f"{result.fraction_equal:.2%} of {counted:,}, others {result.max_difference} LSB at most"
        yield "same class first", top1
        yield "why", result.explanation

    def summarise(self, result: CodeComparison) -> str:
        """Agreement in short."""
        return f"{result.fraction_equal:.2%} equal, max {result.max_difference} LSB"
