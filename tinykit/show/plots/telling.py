"""A picture in words: title, axes with their units, and the values drawn, for tests and for who does not see it."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection, LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator

_MOST_VALUES = 24
_MOST_POINTS = 8
_CAPS = ("|", "_")
_MOST_LINES = 24
_LONGEST = 160


def tell_figure(figure: Figure) -> str:
    """Size, and of each axes title, labels, named ticks, texts, and the values of bars, lines, points and intervals.

    The text is bounded: of many values the first and last stand for all, each with three digits.
    """
    width, height = (round(side * 100) for side in figure.get_size_inches())
    told = [f"figure {width} × {height}", *(f"text: {_cut(text.get_text())}" for text in figure.texts)]
    for place, ax in enumerate(figure.axes):
        lines = list(_tell_axes(ax))
        told += [f"axes {place + 1}", *(f"  {line}" for line in lines[:_MOST_LINES])]
        told += [f"  … {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return "\n".join(told)


def _tell_axes(ax: Axes) -> Iterator[str]:
    titles = [title for place in ("left", "center", "right") if (title := ax.get_title(loc=place))]
    legend = ax.get_legend()
    named = [text.get_text() for text in legend.get_texts()] if legend else []
    yield from _listed("title", titles)
    if ax.axison:
        yield from _listed("x", tell_axis(ax.xaxis))
        yield from _listed("y", tell_axis(ax.yaxis))
    yield from _listed("legend", named)
    yield from _listed("texts", [text.get_text() for text in ax.texts if text.get_text()])
    yield from _tell_bars([patch for patch in ax.patches if isinstance(patch, Rectangle)])
    yield from _tell_lines(ax.lines)
    found: dict[str, list[str]] = {}
    for collection in ax.collections:
        kind, items = _tell_collection(collection)
        found.setdefault(kind, []).extend(items)
    for kind, items in found.items():
        yield from _listed(kind, items)
    for image in ax.images:
        yield from _tell_image(image)


def tell_axis(axis: Axis) -> list[str]:
    """The label with its unit, and the ticks where they are words of their own."""
    locator = axis.get_major_locator()
    places = list(locator.tick_values(0, 1)) if isinstance(locator, FixedLocator) else []
    return [text for text in (axis.get_label_text(), *axis.get_major_formatter().format_ticks(places)) if text]


def _tell_bars(bars: Sequence[Rectangle]) -> Iterator[str]:
    """Bars along the axis they share no extent of: from where to where."""
    flat = len({round(bar.get_height(), 9) for bar in bars}) <= len({round(bar.get_width(), 9) for bar in bars})
    ends = [(bar.get_x(), bar.get_width()) if flat else (bar.get_y(), bar.get_height()) for bar in bars]
    yield from _listed("bars", [f"{_short(start)} to {_short(start + size)}" for start, size in ends])


def _tell_lines(lines: Iterable[Line2D]) -> Iterator[str]:
    """Curves by name with their points; marks and straight lines together; no caps of intervals."""
    short = []
    for line in lines:
        points = np.column_stack([np.asarray(column, float) for column in line.get_data(orig=False)])
        name = str(line.get_label())
        if len(points) > 2 or not name.startswith("_"):
            yield from _listed(f"line {name}".removesuffix(f" {name}" if name.startswith("_") else ""), _pairs(points))
        elif line.get_marker() not in _CAPS:
            short.append(" to ".join(_pairs(points)))
    yield from _listed("marks and straight lines", short)


def _tell_collection(collection: Collection) -> tuple[str, list[str]]:
    """Points by their places; intervals and areas by their ends."""
    if isinstance(collection, PathCollection):
        return "points", _pairs(np.asarray(collection.get_offsets()))
    if isinstance(collection, LineCollection):
        return "intervals", [_span(np.asarray(one)) for one in collection.get_segments()]
    boxes = [path.get_extents().get_points() for path in collection.get_paths()]
    return "areas", [_span(box) for box in boxes if np.isfinite(box).all()]


def _tell_image(image: AxesImage) -> Iterator[str]:
    values: np.ndarray = np.ma.filled(np.ma.asarray(image.get_array()), np.nan)
    shape = " × ".join(map(str, values.shape))
    yield f"image {shape}: {_short(float(np.nanmin(values)))} to {_short(float(np.nanmax(values)))}"


def _pairs(points: np.ndarray) -> list[str]:
    return [f"({_short(x)}, {_short(y)})" for x, y in _thin(points)] if len(points) else []


def _span(segment: np.ndarray) -> str:
    return " to ".join(_pairs(segment[[0, -1]])) if len(segment) else ""


def _thin(points: np.ndarray) -> np.ndarray:
    """At most as many points as are told, evenly taken, the last among them."""
    if len(points) <= _MOST_POINTS:
        return points
    chosen: np.ndarray = points[np.linspace(0, len(points) - 1, _MOST_POINTS).round().astype(int)]
    return chosen


def _listed(subject: str, items: Sequence[str]) -> Iterator[str]:
    """A line of what there is, nothing where there is nothing."""
    shown = [_cut(item) for item in items[:_MOST_VALUES]]
    more = [f"… {len(items) - _MOST_VALUES} more"] if len(items) > _MOST_VALUES else []
    if any(shown):
        yield f"{_cut(subject)}: {', '.join((*shown, *more))}"


def _short(value: float) -> str:
    return f"{value + 0.0:.3g}"


def _cut(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
