"""A picture in words: what a strict comparison of notebooks sees, and what stands in the PNG for who does not see."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.models import small_cnn
from tinykit.budget import budget_power, check_fit
from tinykit.model import read
from tinykit.show.plots import KitFigure, plot_fit, plot_states, to_png
from tinykit.show.plots.telling import tell_figure


@pytest.fixture
def figure() -> KitFigure:
    return KitFigure((4, 3))


def lines_of(figure: KitFigure) -> list[str]:
    return [line.strip() for line in repr(figure).splitlines()]


def test_title_axes_units_and_curves_are_told(figure):
    ax = figure.add_subplot()
    ax.plot([1, 2, 3], [0.5, 0.25, 1 / 3], label="loss")
    ax.set(title="Training", xlabel="epoch", ylabel="loss [1]")
    ax.set_yticks([0, 1], ["none", "all"])
    ax.legend()
    assert lines_of(figure) == [
        "figure 400 × 300", "axes 1", "title: Training", "x: epoch", "y: loss [1], none, all", "legend: loss",
        "line loss: (1, 0.5), (2, 0.25), (3, 0.333)",
    ]  # fmt: skip


def test_bars_points_intervals_areas_and_images_are_told(figure):
    ax, other = figure.subplots(1, 2)
    ax.barh([0, 1], [2.0, 3.5])
    ax.scatter([1.0, 2.0], [3.0, 4.0])
    ax.errorbar(1.0, 2.0, xerr=[[0.5], [0.25]], fmt="o", capsize=2)
    ax.fill_between([0, 1], [0, 0], [1, 2])
    ax.text(0.5, 0.5, "two\nlines")
    other.imshow(np.arange(6).reshape(2, 3))
    told = lines_of(figure)
    assert "bars: 0 to 2, 0 to 3.5" in told
    assert "points: (1, 3), (2, 4)" in told
    assert "intervals: (0.5, 2) to (1.25, 2)" in told
    assert "marks and straight lines: (1, 2)" in told
    assert "areas: (0, 0) to (1, 2)" in told
    assert "texts: two lines" in told
    assert told[told.index("axes 2") + 1 :] == ["image 2 × 3: 0 to 5"]


def test_upright_bars_go_from_the_foot_to_the_head(figure):
    figure.add_subplot().bar([0, 1], [2.0, 3.5])
    assert "bars: 0 to 2, 0 to 3.5" in lines_of(figure)


def test_the_text_is_bounded(figure):
    ax = figure.add_subplot()
    for place in range(200):
        ax.plot([0, 1, 2], [place] * 3, label=f"_{place}")
        ax.text(0, place, "x" * 500)
    ax.plot(range(10_000), range(10_000), label="long " * 100)
    assert len(repr(figure)) < 12_000
    assert "… 176 more" in repr(figure)
    assert repr(figure).endswith("  … 178 more")


def test_a_changed_value_changes_the_text():
    report = check_fit(read(small_cnn()), "nucleo-l4r5zi", use_engine=False)
    first, second = (
        budget_power(report.board, report.latency_s, battery="cr2032", period_s=period) for period in (10, 20)
    )
    told = [tell_figure(plot_states(budget).figure) for budget in (first, second)]
    assert told[0] != told[1]
    assert "x: time since waking [s], log" in told[0]


def test_the_picture_carries_the_text_for_who_does_not_see_it():
    figure = plot_fit(check_fit(read(small_cnn()), "nucleo-l4r5zi", use_engine=False)).figure
    assert Image.open(io.BytesIO(to_png(figure))).text["Description"] == tell_figure(figure)
    assert to_png(figure) == to_png(figure)
