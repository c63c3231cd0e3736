"""Quick pictures: the same as matplotlib's own, but for parts of a pixel, and the same again."""

from __future__ import annotations

import io

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.spines import Spine
from matplotlib.ticker import MultipleLocator

from tinykit.show.plots import KitFigure, to_png, to_png_quickly
from tinykit.show.plots.marks import scale_log
from tinykit.show.plots.quick import QuickRenderer, encode_png
from tinykit.show.plots.quick_axes import QuickAxes, is_known
from tinykit.show.plots.style import lay_axes, note, styled

SIZE = (7.2, 3.2)


def picture(data: bytes) -> np.ndarray:
    """Colours 0-1, [height, width, 3]."""
    return matplotlib.image.imread(io.BytesIO(data))[:, :, :3]


@styled
def draw(figure: Figure, kind: type[Axes] = QuickAxes) -> Axes:
    ax = figure.add_axes((0.15, 0.2, 0.8, 0.65), axes_class=kind)
    ax.plot([0, 1, 2], [1, 3, 2])
    ax.set_yticks([1, 2, 3], ["one", "two thirds", "three"], fontsize=8)
    ax.set(xlabel="period [s]", ylabel="energy [J]")
    ax.set_title("A title")
    note(ax, "80 % interval")
    ax.text(1, 2, "middle")
    ax.text(2, 2, "upright", rotation=90)
    return ax


@styled
def logarithmic(figure: Figure, kind: type[Axes]) -> Axes:
    ax = figure.add_axes((0.15, 0.2, 0.8, 0.65), axes_class=kind)
    ax.plot([1, 10, 1000], [1, 3, 2])
    scale_log(ax.xaxis, 1, 1000, "s")
    ax.invert_yaxis()
    return ax


@styled
def in_two_lines(figure: Figure, kind: type[Axes]) -> Axes:
    ax = figure.add_axes((0.15, 0.3, 0.8, 0.55), axes_class=kind)
    ax.set_xticks([0.2, 0.8], ["wake-up\n13 µs", "sleep\n9.89 s\nand on"], fontsize=8)
    ax.set_xlabel("states")
    return ax


@pytest.mark.parametrize("kind", [draw, logarithmic, in_two_lines])
def test_quick_axes_look_like_matplotlibs_own(kind):
    """Oracle: the stock axes on the stock renderer. Text is snapped to pixels, so edges of letters may differ."""
    own, quick = KitFigure(SIZE), KitFigure(SIZE)
    kind(own, Axes)
    kind(quick, QuickAxes)
    stock, ours = picture(to_png(own)), picture(to_png_quickly(quick))
    assert stock.shape == ours.shape
    different = np.abs(stock - ours).max(axis=2) > 0.5
    assert different.mean() < 0.01
    ink = [(one.min(axis=2) < 0.5).sum() for one in (stock, ours)]
    assert ink[0] == pytest.approx(ink[1], rel=0.1)


def test_a_grid_line_lies_on_its_tick_to_the_pixel():
    own, quick = KitFigure(SIZE), KitFigure(SIZE)
    for figure, kind in ((own, Axes), (quick, QuickAxes)):
        styled(lambda figure=figure, kind=kind: figure.add_axes((0.1, 0.1, 0.8, 0.8), axes_class=kind))()
    inside = [picture(one)[60:200, 100:500] for one in (to_png(own), to_png_quickly(quick))]
    assert (inside[0] < 0.95).any()
    assert inside[1] == pytest.approx(inside[0], abs=0.02)


def test_what_is_not_plain_is_drawn_by_matplotlib():
    """Slanted labels, minor ticks and labels set by hand: exactly what the stock axes draw on the same renderer."""
    pictures = []
    for kind in (Axes, QuickAxes):
        figure = KitFigure(SIZE)
        ax = draw(figure, kind)
        styled(ax.set_xticks)([0, 1, 2], ["a", "b", "c"], rotation=40)
        ax.yaxis.set_minor_locator(MultipleLocator(0.5))
        ax.set_ylim(0.9, 3.1)
        pictures.append(picture(to_png_quickly(figure)))
    assert (np.abs(pictures[0] - pictures[1]).max(axis=2) > 0.1).mean() < 0.002


def test_the_same_content_gives_the_same_bytes_whatever_was_drawn_before():
    first, other, again = KitFigure(SIZE), KitFigure(SIZE), KitFigure(SIZE)
    draw(first)
    draw(again)
    draw(other).set_title("Something else")
    before = to_png_quickly(first)
    assert to_png_quickly(other) != before
    assert to_png_quickly(again) == before


def test_texts_are_rasterised_once(monkeypatch):
    made = []
    rasterise = QuickRenderer._rasterise

    def watched(renderer, gc, text, prop, angle):
        made.append((text, hash(prop), angle))
        return rasterise(renderer, gc, text, prop, angle)

    monkeypatch.setattr(QuickRenderer, "_rasterise", watched)
    size = (5.03, 2.01)  # of no other figure
    for _ in range(2):
        figure = KitFigure(size)
        draw(figure)
        to_png_quickly(figure)
    assert {"two", "thirds", "upright"} <= {word for word, _, _ in made}
    assert len(made) == len(set(made))


@pytest.mark.parametrize("text", ["nucleo: duty cycle 10%, ok", "limit 125 °C: 84 K above", " led  by blanks", " ", ""])
def test_words_take_the_room_of_the_text(text):
    """Oracle: matplotlib's own measure of the whole text."""
    prop = FontProperties(size=9)
    own, quick = RendererAgg(600, 300, 90), QuickRenderer(600, 300, 90)
    found = quick.get_text_width_height_descent(text, prop, False)
    assert found == pytest.approx(own.get_text_width_height_descent(text, prop, False), abs=1.0)


def test_limits_follow_the_ticks_as_in_matplotlib():
    own, quick = draw(KitFigure(SIZE), Axes), draw(KitFigure(SIZE))
    for ax in (own, quick):
        ax.set_yticks([-5, 9], ["low", "high"])
    assert quick.get_ylim() == own.get_ylim()
    assert [label.get_text() for label in quick.get_yticklabels()] == ["low", "high"]


def test_an_encoded_picture_reads_back():
    pixels = np.random.default_rng(3).integers(0, 256, (7, 5, 4), dtype=np.uint8)
    shown = matplotlib.image.imread(io.BytesIO(encode_png(pixels)))
    assert np.round(shown * 255).astype(np.uint8).tolist() == pixels[:, :, :3].tolist()


def test_axes_below_each_other_are_quick():
    above, below = lay_axes(KitFigure(SIZE), 1.5, 1.0)
    assert isinstance(above, QuickAxes)
    assert above.get_position().y0 > below.get_position().y1


def test_the_installed_matplotlib_has_what_the_quick_way_stands_on():
    """The canary: a new version of matplotlib is looked at here before it is called known."""
    assert is_known(), f"matplotlib {matplotlib.__version__}: see that the tests above hold, then name it in quick_axes"
    for owner, name in (
        (Axes, "_init_axis"), (Axes, "_update_title_position"), (Axis, "reset_ticks"), (Axis, "_update_ticks"),
        (Spine, "register_axis"), (FigureCanvasAgg, "get_renderer"),
    ):  # fmt: skip
        assert callable(getattr(owner, name))
    assert callable(RendererAgg(8, 8, 90)._renderer.draw_text_image)


def test_an_unknown_matplotlib_goes_the_public_way(monkeypatch):
    """Oracle: the same figure drawn by savefig alone."""
    for room in ("quick", "style"):
        monkeypatch.setattr(f"tinykit.show.plots.{room}.is_known", lambda: False)
    figure = KitFigure(SIZE)
    (ax,) = lay_axes(figure, 1.0)
    assert type(ax) is Axes
    styled(ax.plot)([0, 1, 2], [1, 3, 2])
    assert np.array_equal(picture(to_png_quickly(figure)), picture(to_png(figure)))
    assert not any(is_known(version) for version in ("3.9.4", "3.12.0", "4.0"))
