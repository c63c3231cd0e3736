"""What all plots share: one style, one meaning a colour, figures without pyplot, axes that read in SI units."""

from __future__ import annotations

import functools
import io
import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from tinykit.ground.quantity import DAY_S, YEAR_S, Estimate, format_quantity, weakest
from tinykit.show.plots.quick_axes import QuickAxes, is_known
from tinykit.show.plots.telling import tell_figure

COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "flash": "#0072B2",
        "sram": "#E69F00",
        "reserved": "#9A9A9A",
        "free": "#EFEFEF",
        "inference": "#CC79A7",
        "sleep": "#56B4E9",
        "wake-up": "#882255",
        "other state": "#DDCC77",
        "limit": "#000000",
        "life": "#117733",
        "temperature": "#661100",
        "transport": "#C8C8E8",
        "training": "#44AA99",
        "validation": "#332288",
        "fits": "#009E73",
        "tight": "#F0E442",
        "does_not_fit": "#D55E00",
        "unknown": "#FFFFFF",
    }
)
"""One meaning a colour in every plot: Okabe and Ito's eight, filled up from Tol's muted scheme; both are told apart
with any colour vision."""

NOTE_COLOUR = "#555555"
DPI = 90

_POWERS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_RC = mpl.rc_params_from_file(Path(__file__).with_name("tinykit.mplstyle"), use_default_template=False)
_TIMES_S = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 60, 600, 3600, 6 * 3600)
_DAYS_S = (DAY_S, 7 * DAY_S, 30 * DAY_S, YEAR_S, 10 * YEAR_S, 100 * YEAR_S)
_TIME_NAMES = (
    *("1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h", "6 h"),
    *("1 day", "1 week", "30 days", "1 year", "10 years", "100 years"),
)


class _Inside(threading.local):
    """Whether this thread draws in the kit's style already: setting it again would cost as much as a line of text."""

    style = False


_inside = _Inside()
_P = ParamSpec("_P")
_T = TypeVar("_T")


class KitFigure(Figure):
    """A figure outside pyplot's registry that shows itself in a notebook: as a picture, and in words."""

    def _repr_png_(self) -> bytes:
        return to_png(self)

    def __repr__(self) -> str:
        return tell_figure(self)


def styled(draw: Callable[_P, _T]) -> Callable[_P, _T]:
    """Run a drawing function under the kit's style; the global settings stay as they are."""

    @functools.wraps(draw)
    def in_style(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        if _inside.style:
            return draw(*args, **kwargs)
        _inside.style = True
        try:
            with mpl.rc_context(_RC):
                return draw(*args, **kwargs)
        finally:
            _inside.style = False

    return in_style


@styled
def new_axes(ax: Axes | None, width_in: float = 7.0, height_in: float = 3.2) -> Axes:
    """The axes given, or those of a new figure of that size in inches."""
    return ax if ax is not None else KitFigure((width_in, height_in), layout="constrained").add_subplot()


@styled
def lay_axes(figure: Figure, *heights: float, left_in: float = 0.9) -> tuple[Axes, ...]:
    """Axes below each other on a figure that is used again and again, with fixed margins: quicker than a layout engine.

    Parameters
    ----------
    figure : cleared.
    heights : relative heights, one axes each.
    left_in : room for the labels at the left [inch].
    """
    kind = {"axes_class": QuickAxes if is_known() else Axes}
    axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False, subplot_kw=kind)[:, 0]
    width, height = figure.get_size_inches()
    figure.subplots_adjust(left=left_in / width, right=1 - 0.2 / width, top=1 - 0.3 / height, bottom=0.5 / height)
    figure.subplots_adjust(hspace=0.9 * len(heights) / (height - 0.8 - 0.9 * (len(heights) - 1)))
    return tuple(axes)


@styled
def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    """A figure as PNG bytes, the same for the same content."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None, "Description": tell_figure(figure)})
    return buffer.getvalue()


def plain(text: object, limit: int = 40) -> str:
    """Text from a file or a user as the font can draw it: printable Latin and powers, no formulas, cut to a length."""
    words = " ".join(str(text).split())
    kept = "".join(letter if _is_drawable(letter) else "?" for letter in words)
    cut = kept if len(kept) <= limit else kept[: limit - 1] + "…"
    return cut.replace("$", r"\$")


def _is_drawable(letter: str) -> bool:
    return letter.isprintable() and (ord(letter) < 0x250 or letter in _POWERS)


def note(ax: Axes, text: str) -> None:
    """A small remark at the right end above the axes."""
    ax.set_title(text, loc="right", fontsize=8, fontweight="normal", color=NOTE_COLOUR)


def caption(ax: Axes, title: str, remark: str) -> Axes:
    """The axes with a title, and a small remark at its right."""
    ax.set_title(title)
    note(ax, remark)
    return ax


def name_basis(*estimates: Estimate | None) -> str:
    """Such as "80 % interval, modelled": the weakest basis of the estimates shown, "unknown" without any."""
    bases = [estimate.basis for estimate in estimates if estimate is not None]
    return f"80 % interval, {weakest(*bases)}" if bases else "unknown"


def say_unknown(ax: Axes, text: str) -> Axes:
    """Empty axes that say why nothing is drawn."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, text, ha="center", va="center", wrap=True, transform=ax.transAxes, color=NOTE_COLOUR)
    return ax


def mark_limit(ax: Axes, value: float, text: str, *, vertical: bool = False, at: float = 0.02) -> None:
    """A dashed limit line across the axes with its name on it; `at` is the place along it, 0–1."""
    pad: dict[str, Any] = {
        "color": COLOURS["limit"],
        "fontsize": 8,
        "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.8},
    }
    if vertical:
        ax.axvline(value, color=COLOURS["limit"], linestyle="--", linewidth=1.2)
        place = ax.get_xaxis_transform()
        ax.text(value, at, text, rotation=90, ha="center", va="bottom", transform=place, **pad)
    else:
        ax.axhline(value, color=COLOURS["limit"], linestyle="--", linewidth=1.2)
        ax.text(at, value, text, ha="left", va="center", transform=ax.get_yaxis_transform(), **pad)


def scale_log_time(axis: Axis, low_s: float, high_s: float) -> None:
    """A logarithmic time axis [s] whose ticks read 1 s, 1 min, 1 day, 1 year."""
    ticks = list(zip((*_TIMES_S, *_DAYS_S), _TIME_NAMES, strict=True))
    chosen = [(place, name) for place, name in ticks if low_s <= place <= high_s]
    while len(chosen) > 9:
        chosen = chosen[::2]
    _scale_log(axis, low_s, high_s, chosen)


def scale_log(axis: Axis, low: float, high: float, unit: str = "1") -> None:
    """A logarithmic axis with a tick a decade, read as quantities of `unit`."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    places = [10.0**decade for decade in decades if low <= 10.0**decade <= high]
    if len(places) < 2:
        places = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
        places = [place for place in places if low <= place <= high]
    step = 1 + len(places) // 9
    _scale_log(axis, low, high, [(place, format_tick(place, unit)) for place in places[::step]])


def _scale_log(axis: Axis, low: float, high: float, ticks: Iterable[tuple[float, str]]) -> None:
    """Fixed ticks: the automatic ones of a logarithmic axis take most of the time of a redraw."""
    chosen = list(ticks)
    name = "x" if axis is axis.axes.xaxis else "y"
    axis.axes.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    axis.set_minor_locator(NullLocator())
    axis.set_major_locator(FixedLocator([place for place, _ in chosen]))
    axis.set_major_formatter(FixedFormatter([name for _, name in chosen]))


def format_tick(value: float, unit: str) -> str:
    """A tick label: three digits without trailing zeros.

    >>> format_tick(0.001, "A"), format_tick(20.0, "1"), format_tick(1e6, "1")
    ('1 mA', '20', '1,000,000')
    """
    number, _, name = format_quantity(value, unit).partition(" ")
    short = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{short} {name}".strip()


def band_kwargs(colour: str) -> dict[str, Any]:
    """How an interval is drawn: the colour of what it belongs to, faint."""
    return {"color": COLOURS[colour], "alpha": 0.25, "linewidth": 0}


def draw_bar(ax: Axes, row: float, width: float, *, left: float = 0.0, height: float, colour: str, **look: Any) -> None:
    """A horizontal bar about height `row` on axes whose limits are set: `barh` works them out, at twice the time."""
    bar = Rectangle((left, row - height / 2), width, height, facecolor=colour, **look)
    ax.add_artist(bar)


def draw_band(
    ax: Axes, places: Sequence[float], found: Sequence[Estimate], colour: str, factor: float = 1.0, **look: Any
) -> None:
    """A curve of estimates times a factor, with its interval behind it."""
    low, value, high = ([getattr(one, end) * factor for one in found] for end in ("low", "value", "high"))
    ax.fill_between(places, low, high, **band_kwargs(colour))
    ax.plot(places, value, color=COLOURS[colour], **look)


def ends(estimate: Estimate, factor: float = 1.0) -> list[list[float]]:
    """An interval about its value, as `errorbar` takes it."""
    return [[(estimate.value - estimate.low) * factor], [(estimate.high - estimate.value) * factor]]


def error_bar(ax: Axes, estimate: Estimate, at: float, colour: str) -> None:
    """A horizontal interval with its value at height `at`; filled where measured, open where not."""
    face = COLOURS[colour] if estimate.basis == "measured" else "white"
    ax.errorbar(
        estimate.value,
        at,
        xerr=ends(estimate),
        fmt="o",
        markersize=4.5,
        color=COLOURS[colour],
        markerfacecolor=face,
        capsize=2.5,
        elinewidth=1.6,
    )
