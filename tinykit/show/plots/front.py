"""A search: its front with refused, hand-made and chosen networks, and a network of it on every board."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tinykit.choose.exploration.outlook import Outlook
from tinykit.choose.exploration.study import Point, Study
from tinykit.ground.errors import ParameterError, look_up
from tinykit.show.plots.marks import mark_limit, scale_log
from tinykit.show.plots.memory import MARKS
from tinykit.show.plots.style import COLOURS, caption, name_basis, new_axes, plain, say_unknown, styled

_Axis = tuple[str, str, float]
_Layer = tuple[str, list[Point], dict[str, Any]]
AXES: dict[str, _Axis] = {
    "accuracy": ("score", "accuracy [1]", 1.0), "energy": ("energy_j", "energy of an inference [J], log", 1.0),
    "latency": ("latency_s", "latency [s], log", 1.0), "arena": ("arena_bytes", "tensor arena [KiB]", 1 / 1024),
    "flash": ("flash_bytes", "flash [KiB]", 1 / 1024),
}  # fmt: skip
"""What an axis may show: figure of a `Point`, label, and the factor to its unit."""
_COLUMNS, _SEEN, _NAMED = 4, "on unseen groups", ("front", "hand-made", "chosen")
_OPEN: dict[str, Any] = {"markerfacecolor": "none", "markersize": 4, "color": COLOURS["sleep"]}
_RING: dict[str, Any] = {**_OPEN, "markersize": 13, "markeredgewidth": 1.8, "color": COLOURS["fits"]}


@styled
def plot_front(study: Study, x: str = "energy", y: str = "accuracy", *, ax: Axes | None = None) -> Axes:
    """Finalists of a `Study` with 80 % intervals, those that no other beats joined; the refused in grey.

    Parameters
    ----------
    study : on its first board, or as `judge_on` made it.
    x, y, ax : two of `AXES`.
    """
    axes = [look_up(one, AXES, f"no axis {one!r}", ParameterError) for one in (x, y)]
    if x == y:
        raise ParameterError(f"axes {x!r} and {y!r} of a front are the same; give two of {', '.join(AXES)}")
    front = study.find_front(axes[0][0], axes[1][0])
    ax, layers = new_axes(ax, 8.4, 4.4), _list_layers(study, front)
    if not front:
        return say_unknown(ax, "no candidate was trained to its end and meets the budgets here")
    edges = [_scale(ax, letter, axis, layers, study) for letter, axis in zip("xy", axes, strict=True)]
    for layer in layers:
        _draw(ax, axes, layer, edges)
    named = {own.name: own for label, points, _ in layers if label in _NAMED for own in points}
    for one, high in zip(named.values(), itertools.cycle((6, -13))):
        across, up = (_read(one, name) * factor for name, _, factor in axes)
        ax.annotate(plain(one.name, 24), (across, up), (6, high), textcoords="offset points", fontsize=7.5)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=7.5, frameon=False)
    title = f"{study.count} candidates on {plain(', '.join(study.boards), 48)}"
    return caption(ax, title, name_basis(*(one.energy_j for one in front)))


def _list_layers(study: Study, front: Sequence[Point]) -> list[_Layer]:
    """What is drawn of which points, and how: the refused with the reasons first."""
    every = [one for one in (*study.trials, study.baseline) if one]
    reasons = Counter(one.refused.split()[0].rstrip(":") for one in every if one.refused).most_common(4)
    told = ", ".join(f"{plain(name, 16)} {count}" for name, count in reasons) or "none"
    long = {"color": COLOURS["validation"], "bars": True}
    rows: list[tuple[str, Callable[[Point], object], dict[str, Any]]] = [
        ("one fold, few epochs", lambda one: one.short is not None and not one.score, _OPEN),
        ("every fold, as stored", lambda one: one.score and one != study.baseline, long),
        ("the same, random search", lambda one: one.score and one.name[:6] == "random", {**long, "marker": "^"}),
        ("front", lambda one: one in front, {"color": COLOURS["validation"], "linestyle": "-", "marker": ""}),
        ("hand-made", lambda one: one == study.baseline, {"color": COLOURS["limit"], "bars": True, "marker": "X"}),
        (_SEEN, lambda one: one.accuracy, {"color": COLOURS["does_not_fit"], "marker": "*"}),
        ("chosen", lambda one: one == study.chosen, _RING),
    ]
    refused = [one for one in every if one.refused], {"color": COLOURS["reserved"], "marker": "x"}
    shown = [(label, [one for one in every if not one.refused and wanted(one)], look) for label, wanted, look in rows]
    return [(f"refused untrained: {told}", *refused), *shown]


def _read(point: Point, name: str, label: str = "") -> float:
    """A figure, NaN where it is unknown; an accuracy that of a layer, without a score that on one fold."""
    own = getattr(point, name)
    if name == "score":
        own = point.accuracy and point.accuracy.fraction if label == _SEEN else own or point.short
    return math.nan if own is None else float(getattr(own, "value", own))


def _scale(ax: Axes, letter: str, axis: _Axis, layers: list[_Layer], study: Study) -> float:
    """Limits round all that is drawn, the budget where it lies among them; where to put what has no figure."""
    name, label, factor = axis
    found = [_read(one, name, layer) for layer, points, _ in layers for one in points]
    found += [end for one in layers[2][1] if (own := getattr(one, name)) for end in (own.low, own.high)]
    low, high = (factor * end(one for one in found if math.isfinite(one)) for end in (min, max))
    room, limit = 0.05 * (high - low or high), getattr(study.budgets, "accuracy" if name == "score" else name)
    if label.endswith("log"):
        scale_log(ax.xaxis if letter == "x" else ax.yaxis, low / 1.2, high * 1.2, label.partition("[")[2][0])
    else:
        ax.set(**{f"{letter}lim": (low - (3 if name == "score" else 1) * room, high + room)})
    ax.set(**{f"{letter}label": label})
    if limit is not None and low < limit * factor < high:
        mark_limit(ax, limit * factor, "budget", vertical=letter == "x", at=0.6)
    return low - 2 * room if name == "score" else math.nan


def _draw(ax: Axes, axes: Sequence[_Axis], layer: _Layer, edges: Sequence[float]) -> None:
    """Marks of points, in order along the first axis; those that were refused have no accuracy and lie at its edge."""
    (label, points, look), placed = layer, []
    marks = {"marker": "o", "linestyle": "none", "linewidth": 1, **look}
    bars = marks.pop("bars", False)
    for one in points:
        found = [_read(one, name, label) * factor for name, _, factor in axes]
        place = [edge if one.refused and math.isnan(own) else own for own, edge in zip(found, edges, strict=True)]
        placed += [place] if all(map(math.isfinite, place)) else []
        for (name, _, factor), lines, at in zip(axes, ("hlines", "vlines"), place[::-1], strict=True) if bars else ():
            low, high = (factor * getattr(getattr(one, name), end) for end in ("low", "high"))
            getattr(ax, lines)(at, low, high, color=look["color"], linewidth=0.9, alpha=0.45)
    if placed:
        ax.plot(*zip(*sorted(placed), strict=True), label=label, **marks)


@styled
def plot_outlook(outlook: Outlook, *, ax: Axes | None = None) -> Axes:
    """The blocks of an `Outlook`, as wide as they are, above a verdict for each board, always at the same place."""
    look: dict[str, Any]
    rows, blocks = -(-len(outlook.judged) // _COLUMNS), outlook.architecture.blocks
    ax = new_axes(ax, 7.2, 1.3 + 0.17 * rows)
    for at, told in enumerate(["×".join(map(str, outlook.input_shape)), *map(str, blocks), outlook.architecture.head]):
        high = math.log2(1 + blocks[at - 1].width) / 2 if 0 < at <= len(blocks) else 0.5
        left, look = at * _COLUMNS / (len(blocks) + 2), {"facecolor": COLOURS["sram"], "edgecolor": COLOURS["note"]}
        ax.add_artist(Rectangle((left, 5.5 - high / 2), 0.3, high, **look))
        ax.text(left, 2.4, plain(told, 24), va="bottom", fontsize=7)
    for column, (verdict, mark) in enumerate(MARKS.items()):
        own = [(at // rows, -(at % rows)) for at, one in enumerate(outlook.judged) if one.verdict == verdict]
        look = {"color": COLOURS[verdict], "markeredgecolor": "#444444", "linestyle": "none"}
        ax.plot(*zip((column, 1.2), *own, strict=True), mark, label=verdict.words, **look)
        ax.text(column + 0.06, 1.2, f"{verdict.words}: {len(own)}", va="center", fontsize=8, fontweight="bold")
    for at, one in enumerate(outlook.judged):
        ax.text(at // rows + 0.06, -(at % rows), plain(one.target.board.id, 32), va="center", fontsize=6.5)
    ax.set(xlim=(-0.05, _COLUMNS), ylim=(0.3 - rows, 8.5))
    ax.set_axis_off()
    return ax
