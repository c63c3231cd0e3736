"""Quantisation in a panel: a kernel or an activation, bits, and one scale or one a channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import ArrayLike

from tinykit.model.graph import ModelGraph, list_kernels
from tinykit.show.panels.shell import Panel, choose, slide
from tinykit.show.plots import KitFigure, lay_axes, plot_grid
from tinykit.train.compress import GridPreview, preview_grid

PER_TENSOR, PER_CHANNEL = "one for the tensor", "one a channel"


class GridPanel(Panel[GridPreview]):
    """What a grid of some bits makes of one kernel or activation.

    Parameters
    ----------
    graph : a float32 model, for its kernels.
    activations : by name, such as {"input": samples}.
    bits : to start from.
    """

    bits: Any
    scales: Any
    tensor: Any

    def __init__(self, graph: ModelGraph, activations: Mapping[str, ArrayLike] | None = None, *, bits: int = 8) -> None:
        self.kernels = {kernel.name: kernel for kernel in list_kernels(graph)}
        self.activations = dict(activations or {})
        names = [*self.kernels, *self.activations]
        controls = {
            "bits": slide("bits [1]", bits, 2, 8, 1),
            "scales": choose("scales", [PER_CHANNEL, PER_TENSOR], PER_CHANNEL),
            "tensor": choose("tensor", names, names[0]),
        }
        super().__init__("Quantisation grid", graph.path, controls)

    def adapt(self, changed: Any) -> None:
        """An activation has one scale."""
        if self.tensor.value in self.activations:
            self.scales.value = PER_TENSOR

    def compute(self) -> GridPreview:
        """The preview for the tensor, bits and scales chosen."""
        name, bits = self.tensor.value, int(self.bits.value)
        if name in self.activations:
            return preview_grid(self.activations[name], bits, symmetric=False)
        kernel = self.kernels[name]
        return preview_grid(kernel.values, bits, axis=kernel.axis if self.scales.value == PER_CHANNEL else None)

    def draw(self, result: GridPreview, figure: KitFigure) -> None:
        """The values and their levels."""
        plot_grid(result, ax=lay_axes(figure, 1.0)[0])

    def tell(self, result: GridPreview) -> Iterable[tuple[str, str]]:
        """Noise, levels and scales."""
        narrow, wide = min(result.scales), max(result.scales)
        yield "SQNR", f"{result.sqnr_db:.1f} dB: 10 log10 of the power of the values over that of their errors"
        yield "levels", f"{2**result.bits}"
        yield "scales", f"{len(result.scales)}, from {narrow:.3g} to {wide:.3g}"

    def summarise(self, result: GridPreview) -> str:
        """SQNR."""
        return f"SQNR {result.sqnr_db:.1f} dB"
