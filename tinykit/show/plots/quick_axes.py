"""Axes for pictures that are drawn again and again: plain ticks go straight to the renderer.

Matplotlib makes five artists of every tick and measures each label twice a draw. Where an axis is plain (labels below
or at the left, no minor ticks, no rotation, no formula), its grid, ticks and labels are three paths and one call a
label here. Anything else is drawn by matplotlib's own axis, from which these inherit; so is everything under a
version of matplotlib whose insides were not looked at.
"""

from __future__ import annotations

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
        shows_grid = self.get_tick_params().get("gridOn", _SETTINGS["axes.grid"])
        if shows_grid:
            words = _SETTINGS["grid.color"], _SETTINGS["grid.linewidth"]
            _stroke(renderer, [self._grid_line(at) for at, _ in places], *words)
        rc = f"{self._rc}tick"
        length = renderer.points_to_pixels(_SETTINGS[f"{rc}.major.size"])
        marks = [self._mark(at, length) for at, _ in places]
        _stroke(renderer, marks, _SETTINGS[f"{rc}.color"], _SETTINGS[f"{rc}.major.width"])
        reach = self._write(renderer, places, length + renderer.points_to_pixels(_SETTINGS[f"{rc}.major.pad"]))
        self._place_name(reach + renderer.points_to_pixels(self.labelpad))
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
        low, high = self._span()
        along = [(self._to_pixel(value), text) for value, text in zip(values, texts, strict=False)]
        return [(at, text) for at, text in along if low - _EDGE <= at <= high + _EDGE]

    _rc = ""
    _unusual: tuple[str, ...] = ("$", "\n")

    def _span(self) -> tuple[float, float]:
        raise NotImplementedError

    def _to_pixel(self, value: float) -> float:
        raise NotImplementedError

    def _grid_line(self, at: float) -> list[tuple[float, float]]:
        raise NotImplementedError

    def _mark(self, at: float, length: float) -> list[tuple[float, float]]:
        raise NotImplementedError

    def _write(self, renderer: Any, places: list[Place], gap: float) -> float:
        raise NotImplementedError

    def _place_name(self, away: float) -> None:
        raise NotImplementedError


class QuickXAxis(_QuickAxis, XAxis):
    """Along the bottom."""

    _rc = "x"
    _unusual = ("$",)

    def _span(self) -> tuple[float, float]:
        return self.axes.bbox.x0, self.axes.bbox.x1

    def _to_pixel(self, value: float) -> float:
        return float(self.axes.get_xaxis_transform().transform((value, 0.0))[0])

    def _grid_line(self, at: float) -> list[tuple[float, float]]:
        return [(at, self.axes.bbox.y0), (at, self.axes.bbox.y1)]

    def _mark(self, at: float, length: float) -> list[tuple[float, float]]:
        return [(at, self.axes.bbox.y0), (at, self.axes.bbox.y0 - length)]

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

    def _place_name(self, away: float) -> None:
        self.label.set_position((self.label.get_position()[0], self.axes.bbox.y0 - away))


class QuickYAxis(_QuickAxis, YAxis):
    """Along the left side."""

    _rc = "y"

    def _span(self) -> tuple[float, float]:
        return self.axes.bbox.y0, self.axes.bbox.y1

    def _to_pixel(self, value: float) -> float:
        return float(self.axes.get_yaxis_transform().transform((0.0, value))[1])

    def _grid_line(self, at: float) -> list[tuple[float, float]]:
        return [(self.axes.bbox.x0, at), (self.axes.bbox.x1, at)]

    def _mark(self, at: float, length: float) -> list[tuple[float, float]]:
        return [(self.axes.bbox.x0, at), (self.axes.bbox.x0 - length, at)]

    def _write(self, renderer: Any, places: list[Place], gap: float) -> float:
        prop, widest = _font(self._label_size or _SETTINGS["ytick.labelsize"]), 0.0
        _, height, descent = renderer.get_text_width_height_descent("lp", prop, False)
        for at, text in places:
            width = renderer.get_text_width_height_descent(text, prop, False)[0] if text else 0.0
            _print(renderer, self.axes.bbox.x0 - gap - width, at - (height - descent) / 2, text, prop)
            widest = max(widest, width)
        return gap + widest if places else 0.0

    def _place_name(self, away: float) -> None:
        self.label.set_position((self.axes.bbox.x0 - away, self.label.get_position()[1]))


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
