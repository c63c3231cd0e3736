"""What all plots share: one style, one meaning a colour, figures without pyplot, axes that read in SI units."""

import functools
import io
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinykit.ground.quantity import Estimate, weakest
from tinykit.show.plots.quick_axes import QuickAxes, is_known
from tinykit.show.plots.telling import tell_figure

COLOURS: Mapping[str, str] = MappingProxyType({
    "flash": "#0072B2", "sram": "#E69F00", "reserved": "#9A9A9A", "free": "#EFEFEF",
    "inference": "#CC79A7", "sleep": "#56B4E9", "wake-up": "#882255", "other state": "#DDCC77",
    "limit": "#000000", "life": "#117733", "temperature": "#661100", "transport": "#C8C8E8",
    "training": "#44AA99", "validation": "#332288", "note": "#555555",
    "fits": "#009E73", "tight": "#F0E442", "does_not_fit": "#D55E00", "unknown": "#FFFFFF",
})  # fmt: skip
"""One meaning a colour in every plot: Okabe and Ito's eight, filled up from Tol's muted scheme; both are told apart
with any colour vision."""

DPI = 90

_POWERS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_RC = mpl.rc_params_from_file(Path(__file__).with_name("tinykit.mplstyle"), use_default_template=False)


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

    The figure is cleared; one axes for each relative height, `left_in` [inch] of room for the labels at the left.
    """
    figure.again, kind = True, {"axes_class": QuickAxes if is_known() else Axes}  # type: ignore[attr-defined]
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
    kept = "".join(one if one.isprintable() and (ord(one) < 0x250 or one in _POWERS) else "?" for one in words)
    cut = kept if len(kept) <= limit else kept[: limit - 1] + "…"
    return cut.replace("$", r"\$")


def note(ax: Axes, text: str) -> None:
    """A small remark at the right end above the axes."""
    ax.set_title(text, loc="right", fontsize=8, fontweight="normal", color=COLOURS["note"])


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
    ax.text(0.5, 0.5, text, ha="center", va="center", wrap=True, transform=ax.transAxes, color=COLOURS["note"])
    return ax
