"""Precomputed variants in a panel: sparsity, clusters and precision, and what each reaches on a board."""

from collections.abc import Iterable
from typing import Any

from tinykit.choose.design.studies import CLUSTERS, GRID, PRECISIONS, SPARSITIES, find_study, name_point
from tinykit.choose.ledger.table import Ledger
from tinykit.show.panels.shell import Panel, choose, choose_board
from tinykit.show.plots import plot_ledger


class VariantPanel(Panel[Ledger]):
    """The watch network at a sparsity, with some clusters, in a precision, against plain int8 on the same board.

    Nothing is trained: every variant is shipped, made by the recipe its record holds, scored in TFLM when it was made.

    Parameters
    ----------
    sparsity, clusters, precision : of the grid, to start from.
    board : id of the target.
    """

    size_in = (7.4, 3.7)
    plots, left_in = (plot_ledger,), 2.0
    sparsity: Any
    clusters: Any
    precision: Any
    board: Any

    def __init__(
        self, *, sparsity: float = 0.75, clusters: int = 0, precision: str = "int8", board: str = "nucleo-l4r5zi"
    ) -> None:
        self.study = find_study(GRID)
        name_point(sparsity, clusters, precision)
        counts = [("as many as there are" if count == 0 else str(count), count) for count in CLUSTERS]
        controls = {
            "sparsity": choose("sparsity [1]", SPARSITIES, sparsity),
            "clusters": choose("values a channel", counts, clusters),
            "precision": choose("precision", PRECISIONS, precision),
            "board": choose_board(board),
        }
        super().__init__("Sparsity, clusters and precision", self.study.task, controls)

    def compute(self) -> Ledger:
        """The ledger of the variant chosen, the baseline above it."""
        name = name_point(self.sparsity.value, self.clusters.value, self.precision.value)
        return self.study.ledger(self.board.value, name)

    def tell(self, result: Ledger) -> Iterable[tuple[str, str]]:
        """Bytes and times of the variant, and the accuracy it keeps."""
        row = result.rows[-1]
        yield "variant", row.variant.note
        if row.chosen is None:
            yield "in flash", "unknown: the runtime makes a form of its own"
        else:
            yield "in flash", f"{row.flash_bytes:,} bytes, {row.chosen.name}: {row.verdict}"
        counted = row.weights
        yield "weights", f"{counted.non_zero:,} of {counted.parameters:,} not zero, at most {counted.distinct} values"
        yield "accuracy in TFLM", str(row.variant.accuracy)
        if row.against is not None:
            yield "less plain int8, paired", str(row.against)
        yield "arena", str(row.arena or "unknown")
        yield "latency", str(row.latency or "unknown")

    def summarise(self, result: Ledger) -> str:
        """Bytes in flash and accuracy."""
        row = result.rows[-1]
        size = f"{row.flash_bytes:,} B" if row.flash_bytes is not None else "unknown"
        return f"{size}, {100 * row.variant.accuracy.fraction:.1f} %"
