"""Axes for pictures that are drawn again and again: plain ticks go straight to the renderer.

Matplotlib makes five artists of every tick and measures each label twice a draw. Where an axis is plain (labels below
or at the left, no minor ticks, no rotation, no formula), its grid, ticks and labels are three paths and one call a
label here. Anything else is drawn by matplotlib's own axis, from which these inherit; so is everything under a
version of matplotlib whose insides were not looked at.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import IdentityTransform

_KNOWN = ("3.10", "3.11")
"""Versions of matplotlib whose private methods these axes and the quick renderer stand on."""

_PLAIN = {
    "gridOn": (True, False),
    "left": (True,), "bottom": (True,), "right": (False,), "top": (False,),
    "labelleft": (True,), "labelbottom": (True,), "labelright": (False,), "labeltop": (False,),
}  # fmt: skip
_EDGE = 0.5
_LEADING = 1.2
_SETTINGS: Any = mpl.rcParams
Place = tuple[float, str]


def is_known(version: str = mpl.__version__) -> bool:
    """Whether a version of matplotlib is one that the quick way was tried with."""
    return ".".join(version.split(".")[:2]) in _KNOWN


class _QuickAxis(Axis):
    """What both directions share."""

    _rc, _is_x = "x", True
    _unusual: tuple[str, ...] = ("$",)
    _label_size: float | None = None
    _is_own = True

    def reset_ticks(self) -> None:
        """No tick before one is wanted."""
        self.majorTicks: list[Any] = []
        self.minorTicks: list[Any] = []

    def set_clip_path(self, path: Any, transform: Any = None) -> None:
        """Clip this axis; ticks are made without one."""
        Artist.set_clip_path(self, path, transform)

    def set_ticks(self, ticks: Any, labels: Iterable[str] | None = None, *, minor: bool = False, **words: Any) -> Any:
        """Places and labels, without making ticks where only a font size is set."""
        if minor or labels is None or set(words) - {"fontsize"}:
            self._is_own = labels is None and not minor
            return super().set_ticks(ticks, labels, minor=minor, **words)
        places = [float(place) for place in ticks]
        if places:
            self.set_view_interval(min(places), max(places))
        self.set_major_locator(FixedLocator(places))
        self.set_major_formatter(FixedFormatter([str(label) for label in labels]))
        self._label_size = words.get("fontsize")
        return []

    def draw(self, renderer: Any) -> None:
        """Grid, ticks, labels and the axis's name."""
        places = self._list_places() if self.get_visible() else []
        if not self._is_plain(places):
            super().draw(renderer)
            return
        low, high = self._across()
        shows_grid = self.get_tick_params().get("gridOn", _SETTINGS["axes.grid"])
        if shows_grid:
            words = _SETTINGS["grid.color"], _SETTINGS["grid.linewidth"]
            _stroke(renderer, [[self._point(at, low), self._point(at, high)] for at, _ in places], *words)
        rc = f"{self._rc}tick"
        length = renderer.points_to_pixels(_SETTINGS[f"{rc}.major.size"])
        marks = [[self._point(at, low), self._point(at, low - length)] for at, _ in places]
        _stroke(renderer, marks, _SETTINGS[f"{rc}.color"], _SETTINGS[f"{rc}.major.width"])
        reach = self._write(renderer, places, length + renderer.points_to_pixels(_SETTINGS[f"{rc}.major.pad"]))
        middle = self.label.get_position()[0 if self._is_x else 1]
        self.label.set_position(self._point(middle, low - reach - renderer.points_to_pixels(self.labelpad)))
        self.label.draw(renderer)
        self.stale = False

    def _is_plain(self, places: list[Place]) -> bool:
        params = self.get_tick_params()
        return (
            self.get_visible()
            and self._is_own
            and isinstance(self.get_minor_locator(), NullLocator)
            and not self.get_major_formatter().get_offset()
            and all(value in _PLAIN.get(name, ()) for name, value in params.items())
            and not any(mark in text for _, text in places for mark in self._unusual)
        )

    def _list_places(self) -> list[Place]:
        """Where the ticks are [pixel along the axis], those in sight, with their labels."""
        values = [float(value) for value in self.get_majorticklocs()]
        texts = self.get_major_formatter().format_ticks(values)
        low, high = self._along()
        to_pixel = self.axes.get_xaxis_transform() if self._is_x else self.axes.get_yaxis_transform()
        places = [to_pixel.transform(self._point(value, 0.0))[0 if self._is_x else 1] for value in values]
        pairs = zip(map(float, places), texts, strict=False)
        return [(at, text) for at, text in pairs if low - _EDGE <= at <= high + _EDGE]

    def _point(self, along: float, across: float) -> tuple[float, float]:
        return (along, across) if self._is_x else (across, along)

    def _along(self) -> tuple[float, float]:
        box = self.axes.bbox
        return (box.x0, box.x1) if self._is_x else (box.y0, box.y1)

    def _across(self) -> tuple[float, float]:
        box = self.axes.bbox
        return (box.y0, box.y1) if self._is_x else (box.x0, box.x1)

    def _write(self, renderer: Any, places: list[Place], gap: float) -> float:
        raise NotImplementedError


class QuickXAxis(_QuickAxis, XAxis):
    """Along the bottom."""

    def _write(self, renderer: Any, places: list[Place], gap: float) -> float:
        prop = _font(self._label_size or _SETTINGS["xtick.labelsize"])
        _, height, descent = renderer.get_text_width_height_descent("lp", prop, False)
        top, most = self.axes.bbox.y0 - gap, 0
        for at, text in places:
            lines = text.split("\n")
            most = max(most, len(lines))
            for row, line in enumerate(lines):
                width = renderer.get_text_width_height_descent(line, prop, False)[0] if line else 0.0
                _print(renderer, at - width / 2, top - (row * _LEADING + 1) * height + descent, line, prop)
        return gap + (1 + (most - 1) * _LEADING) * height if places else 0.0


class QuickYAxis(_QuickAxis, YAxis):
    """Along the left side."""

    _rc, _is_x = "y", False
    _unusual = ("$", "\n")

    def _write(self, renderer: Any, places: list[Place], gap: float) -> float:
        prop, widest = _font(self._label_size or _SETTINGS["ytick.labelsize"]), 0.0
        _, height, descent = renderer.get_text_width_height_descent("lp", prop, False)
        for at, text in places:
            width = renderer.get_text_width_height_descent(text, prop, False)[0] if text else 0.0
            _print(renderer, self.axes.bbox.x0 - gap - width, at - (height - descent) / 2, text, prop)
            widest = max(widest, width)
        return gap + widest if places else 0.0


class QuickAxes(Axes):
    """Axes of two quick axes, with titles where they are put."""

    def _init_axis(self) -> None:
        self.xaxis = QuickXAxis(self, clear=False)
        self.yaxis = QuickYAxis(self, clear=False)
        for axis, sides in ((self.xaxis, ("bottom", "top")), (self.yaxis, ("left", "right"))):
            for side in sides:
                self.spines[side].register_axis(axis)

    def clear(self) -> None:
        """Empty axes; the spines are put in place, which ticks do elsewhere."""
        super().clear()
        for spine in self.spines.values():
            spine.set_position(("outward", 0.0))

    def _update_title_position(self, renderer: Any) -> None:
        """Titles stay where they are: nothing is ever drawn above these axes."""


def _stroke(renderer: Any, lines: list[list[tuple[float, float]]], colour: Any, width_pt: float) -> None:
    if not lines:
        return
    path = Path([end for line in lines for end in line], [Path.MOVETO, Path.LINETO] * len(lines))
    context = renderer.new_gc()
    context.set_foreground(colour)
    context.set_linewidth(renderer.points_to_pixels(width_pt))
    context.set_snap(True)
    renderer.draw_path(context, path, IdentityTransform())
    context.restore()


def _print(renderer: Any, x: float, y: float, text: str, prop: FontProperties) -> None:
    if not text:
        return
    context = renderer.new_gc()
    context.set_foreground(_SETTINGS["text.color"])
    renderer.draw_text(context, x, renderer.height - y, text, prop, 0.0)
    context.restore()


@lru_cache(maxsize=16)
def _font(size: float | str) -> FontProperties:
    return FontProperties(size=size)
