"""Variants of a model: weights, sizes, and TFLM's answers against LiteRT's."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from tinykit.choose.ledger import ModelSizes
from tinykit.ground.quantity import format_quantity
from tinykit.predict.runtime import CodeComparison
from tinykit.show.plots.style import COLOURS, caption, name_basis, new_axes, plain, say_unknown, scale_log, styled

_KIB = 1024


@styled
def plot_lsb(comparison: CodeComparison, *, ax: Axes | None = None) -> Axes:
    """How many steps TFLM's outputs lie from the reference's, counted on a log axis.

    Parameters
    ----------
    comparison : one of a `Verification`.
    ax : None for a new figure.
    """
    ax = new_axes(ax, 6.2, 2.8)
    steps = sorted(comparison.histogram)
    if not steps:
        return say_unknown(ax, "nothing compared")
    counts, total = [comparison.histogram[step] for step in steps], sum(comparison.histogram.values())
    colours = [COLOURS["fits"] if step == 0 else COLOURS["does_not_fit"] for step in steps]
    ax.bar(steps, counts, width=0.8, color=colours)
    if len(steps) <= 16:
        for step, count in zip(steps, counts, strict=True):
            ax.text(step, count * 1.15, f"{count / total:.2%}", ha="center", va="bottom", fontsize=7.5)
    scale_log(ax.yaxis, 0.5, max(counts) * 6)
    reach = max(3, *(abs(step) for step in steps))
    ax.set_xlim(-reach - 0.7, reach + 0.7)
    ax.set(xlabel="TFLM less reference [output steps, LSB]", ylabel="outputs [1], log")
    return caption(
        ax,
        f"TFLM against {plain(comparison.reference)}",
        f"{comparison.fraction_equal:.2%} equal, measured on {total:,} outputs",
    )


@styled
def plot_sizes(variants: Sequence[ModelSizes], *, ax: Axes | None = None) -> Axes:
    """Flatbuffer, flash with the runtime, and compressed transport of each variant.

    Parameters
    ----------
    variants : of `measure_sizes`, in the order to draw.
    ax : None for a new figure.
    """
    ax = new_axes(ax, 6.8, 1.3 + 0.62 * max(1, len(variants)))
    if not variants:
        return say_unknown(ax, "no variant given")
    for row, sizes in enumerate(variants):
        _draw_sizes(ax, row, sizes)
    most = max(max(s.flatbuffer_bytes, s.flash_bytes.high if s.flash_bytes else 0) for s in variants) / _KIB
    ax.set_yticks(range(len(variants)), [plain(sizes.name, 24) for sizes in variants])
    ax.set(xlim=(0, most * 1.32), ylim=(len(variants) - 0.45, -0.55), xlabel="size [KiB]")
    return caption(ax, "What a variant takes", name_basis(*(sizes.flash_bytes for sizes in variants)))


def _draw_sizes(ax: Axes, row: int, sizes: ModelSizes) -> None:
    flash = sizes.flash_bytes
    rows = [(-0.26, sizes.flatbuffer_bytes, COLOURS["flash"], "flatbuffer")]
    if flash is not None:
        rows.insert(0, (0.0, int(flash.value), "#66AAD1", "flash with runtime"))
    rows.append((0.26, sizes.gzip_bytes, COLOURS["transport"], "gzip: transport only"))
    for shift, nbytes, colour, name in rows:
        ax.barh(row + shift, nbytes / _KIB, color=colour, height=0.24)
        end = flash.high if flash is not None and shift == 0.0 else nbytes
        text = f" {format_quantity(nbytes, 'byte')}  {name}"
        ax.text(end / _KIB, row + shift, text, va="center", fontsize=7.5)
    if flash is not None:
        ends = [[(flash.value - flash.low) / _KIB], [(flash.high - flash.value) / _KIB]]
        ax.errorbar(flash.value / _KIB, row, xerr=ends, color="#222222", capsize=2.5, elinewidth=1.1)
