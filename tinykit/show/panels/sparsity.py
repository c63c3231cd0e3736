"""Pruning in a panel: a kernel and a sparsity, what would go to zero, and what storing the rest would take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinykit.model.graph import ModelGraph, list_kernels
from tinykit.show.panels.shell import Panel, choose, slide
from tinykit.show.plots import KitFigure, lay_axes, plot_pruning, plot_storage
from tinykit.train.compress import PruningPreview, preview_pruning


class SparsityPanel(Panel[PruningPreview]):
    """What magnitude pruning would take from one float kernel, and what three ways to store it need.

    Parameters
    ----------
    graph : a float32 model.
    sparsity : share to set to zero, to start from.
    """

    size_in = (7.2, 4.3)

    sparsity: Any
    kernel: Any

    def __init__(self, graph: ModelGraph, *, sparsity: float = 0.75) -> None:
        self.kernels = {kernel.name: kernel for kernel in list_kernels(graph)}
        largest = max(self.kernels.values(), key=lambda kernel: kernel.values.size)
        controls = {
            "sparsity": slide("sparsity [1]", sparsity, 0, 0.98, 0.01),
            "kernel": choose("kernel", list(self.kernels), largest.name),
        }
        super().__init__("Pruning", graph.path, controls)

    def compute(self) -> PruningPreview:
        """The preview for the kernel and the sparsity chosen."""
        kernel = self.kernels[self.kernel.value]
        return preview_pruning(kernel.values, self.sparsity.value, axis=kernel.axis)

    def draw(self, result: PruningPreview, figure: KitFigure) -> None:
        """The weights above, the bytes below."""
        above, below = lay_axes(figure, 1.5, 1.0, left_in=1.6)
        plot_pruning(result, ax=above)
        plot_storage(result, ax=below)

    def tell(self, result: PruningPreview) -> Iterable[tuple[str, str]]:
        """Zeros, threshold and bytes."""
        yield "to zero", f"{result.zeros:,} of {result.weights.size:,} weights, below {result.threshold:.3f}"
        yield "flatbuffer", f"{result.flatbuffer_bytes:,} bytes: a zero is stored like any other weight"
        yield "gzip", f"{result.gzip_bytes:,} bytes: transport only, a board unpacks nothing"
        yield "bitmask codec", f"{result.bitmask_bytes:,} bytes, without its header and the code that decodes"

    def summarise(self, result: PruningPreview) -> str:
        """Bytes of the three ways."""
        return f"flatbuffer {result.flatbuffer_bytes}, gzip {result.gzip_bytes}, bitmask {result.bitmask_bytes} B"
