"""The tensor arena over an inference, and the work of each operator."""

from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from tinykit.ground.quantity import format_quantity
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.predict.arena.blocks import Blocks, Pieces, find_blocks, find_views, least_head
from tinykit.predict.arena.plan import ArenaPlan, PlacedBuffer
from tinykit.predict.arena.predict import ArenaComparison
from tinykit.show.plots.marks import mark_limit
from tinykit.show.plots.style import COLOURS, KitFigure, caption, lay_axes, new_axes, plain, say_unknown, styled

_KIB = 1024


@styled
def plot_arena(
    plan: ArenaPlan, graph: GraphOrFile, *,
    ax: Axes | None = None, picked: int | None = None, top_bytes: int = 0, title: str = ""
) -> Axes:  # fmt: skip
    """Every buffer of the head as a block: which operators it lives through, and at which addresses.

    Where a plan lays tensors into others, as stripes are, a block is drawn once, each range of its rows while it lives.

    Parameters
    ----------
    plan : of `predict_arena`.
    graph : the model it was made for.
    ax : None for a new figure.
    picked : position in the plan of one block to mark.
    top_bytes : head the scale reaches at least, so that two plans compare.
    title : of axes among others, which are lower: numbers stand for operators, and upright labels go.
    """
    graph, ax = as_graph(graph), new_axes(ax, 7.2, 3.8)
    if not plan.placed or not plan.head_bytes:
        return say_unknown(ax, "the plan holds no buffer")
    views, least_bytes = find_views(graph) if plan.lower_bound_bytes > plan.head_bytes else {}, least_head(graph, plan)
    _draw_buffers(ax, plan, picked, find_blocks(graph, (), views) if views else None)
    for placed in (one for one in plan.placed if one.buffer.tensor not in views):
        _label_buffer(ax, placed, plan, graph, low_axes=bool(title))
    ax.set(xlim=(-0.6, plan.scopes - 0.4), ylim=(0, max(plan.head_bytes, top_bytes) / _KIB * 1.14))
    ax.set(xlabel="operator, in order of execution", ylabel="address in the arena [KiB]")
    if plan.scopes <= 24 and not title:
        names = ["input", *(_shorten(operator.name) for operator in graph.operators)]
        ax.set_xticks(range(plan.scopes), names[: plan.scopes], rotation=40, ha="right")
    else:
        ax.set_xlabel("operator, in order of execution (0: the input is there)")
    peak, least = format_quantity(plan.head_bytes, "byte"), format_quantity(least_bytes, "byte")
    same = plan.head_bytes == least_bytes
    mark_limit(ax, plan.head_bytes / _KIB, f"head {peak}" + (", no plan can be smaller" if same else ""), at=0.42)
    if not same:
        mark_limit(ax, least_bytes / _KIB, f"lower bound {least}", at=0.72)
    told = "tensors solid, kernel scratch hatched" + ("; rows of stripes end with their last reader" if views else "")
    return caption(ax, title or "Non-persistent arena (head)", told)


@styled
def plot_plans(
    comparison: ArenaComparison, *, axes: Sequence[Axes] | None = None, picked: int | None = None
) -> tuple[Axes, ...]:
    """The greedy plan of TFLM above the offline one, to one scale, each with its head and the lower bound.

    `picked` is as for `plot_arena`, marked in both of the two `axes`; the comparison is of `compare_plans`.
    """
    chosen = axes if axes is not None else lay_axes(KitFigure((7.2, 5.8)), 1.0, 1.0)
    top = max(comparison.greedy.head_bytes, comparison.offline.head_bytes)
    plans = {"Greedy plan of TFLM (head)": comparison.greedy, "Offline plan (head)": comparison.offline}
    for (title, plan), ax in zip(plans.items(), chosen, strict=True):
        plot_arena(plan, comparison.graph, ax=ax, picked=picked, top_bytes=top, title=title)
    return tuple(chosen)


def _shorten(name: str) -> str:
    return plain(name.replace("DEPTHWISE_CONV_2D", "DW_CONV").replace("FULLY_CONNECTED", "DENSE"), 18)


def _draw_buffers(ax: Axes, plan: ArenaPlan, picked: int | None, blocks: Blocks | None) -> None:
    """Tensors, scratch and the one picked as three collections: a block of its own for each takes ten times as long."""
    marked = [] if picked is None else [plan.placed[picked]]
    others = [placed for place, placed in enumerate(plan.placed) if place != picked]
    groups: list[tuple[list[PlacedBuffer], dict[str, Any]]]
    groups = [(others, {"edgecolor": "white", "linewidth": 1.2, "zorder": 1})]
    groups += [(marked, {"edgecolor": "black", "linewidth": 2.4, "zorder": 3})]
    for group, look in groups:
        for scratch in (False, True):
            drawn = [one for one in group if (one.buffer.tensor < 0) == scratch]
            outlines = [outline for one in drawn for outline in _outline(one, None if group is marked else blocks)]
            style: dict[str, Any] = {"hatch": "////", "alpha": 0.45} if scratch else {"alpha": 0.9}
            if outlines:
                ax.add_collection(PolyCollection(outlines, facecolor=COLOURS["sram"], **look, **style), autolim=False)


def _outline(placed: PlacedBuffer, blocks: Blocks | None) -> Iterator[list[tuple[float, float]]]:
    """The corners of a buffer; of one that others lie in those of its ranges, of one that lies in another none."""
    buffer = placed.buffer
    pieces: Pieces = ((0, buffer.nbytes, buffer.first, buffer.last),)
    if blocks and buffer.tensor >= 0:
        pieces = blocks.pieces.get(buffer.tensor, ())
    for begin, end, first, last in pieces:
        left, right, low, high = first - 0.5, last + 0.5, (placed.offset + begin) / _KIB, (placed.offset + end) / _KIB
        yield [(left, low), (right, low), (right, high), (left, high)]


def _label_buffer(ax: Axes, placed: PlacedBuffer, plan: ArenaPlan, graph: ModelGraph, *, low_axes: bool) -> None:
    buffer = placed.buffer
    width, height = buffer.last - buffer.first + 1, buffer.nbytes / _KIB
    if buffer.nbytes < (0.12 if low_axes else 0.06) * plan.head_bytes or plan.scopes > 24 * width:
        return
    shape = "scratch" if buffer.tensor < 0 else "×".join(map(str, graph.tensors[buffer.tensor].shape[1:]))
    upright = len(shape) * plan.scopes > 60 * width
    if upright and (low_axes or height < 0.032 * len(shape) * plan.head_bytes / _KIB):
        return
    middle = (buffer.first - 0.5 + width / 2, placed.offset / _KIB + height / 2)
    ax.text(*middle, shape, ha="center", va="center", fontsize=7, rotation=90 * upright, zorder=4)
