"""Plots of windows, pruning and grids: what they draw is what the preview holds."""

from __future__ import annotations

import numpy as np
import pytest

from tinykit.ground.errors import ParameterError
from tinykit.show.plots import plot_channels, plot_grid, plot_pruning, plot_storage, plot_window, to_png
from tinykit.train.compress.preview import preview_grid, preview_pruning

KERNEL = np.random.default_rng(1).normal(0, 0.2, (6, 40))


def texts(ax) -> str:
    return " ".join(text.get_text() for text in ax.texts) + ax.get_title(loc="right")


@pytest.mark.parametrize("shape", [(50, 3), (50, 1, 3)])
def test_a_window_has_a_line_and_a_name_for_each_channel(shape):
    ax = plot_window(np.zeros(shape), ("ax", "ay", "az"), rate_hz=25, unit="g")
    assert len(ax.lines) == 3
    assert ax.lines[0].get_xdata()[-1] == pytest.approx(49 / 25)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time [s]", "[g]")
    assert {text.get_text() for text in ax.texts} == {"ax", "ay", "az"}


def test_a_window_s_names_stand_where_its_lines_end():
    apart = np.linspace(0, [0.5, -0.9, 2.0], 50)
    ax = plot_window(apart, ("ax", "ay", "az"), rate_hz=25)
    beside = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert beside == pytest.approx({"ax": 0.5, "ay": -0.9, "az": 2.0})
    colours = {text.get_text(): text.get_color() for text in ax.texts}
    assert list(colours.values()) == [ax.lines[place].get_color() for place in (2, 0, 1)]


def test_names_of_lines_that_end_together_are_moved_apart_in_their_order():
    names = tuple("abcdef")
    ax = plot_window(np.linspace(0, [-0.02, 0.01, 0.0, np.nan, -0.01, 1.0], 50), names, rate_hz=25)
    low, high = ax.get_ylim()
    heights = [text.get_position()[1] for text in ax.texts]
    assert [text.get_text() for text in ax.texts] == list("fbcead")
    assert (-np.diff(heights) >= 0.12 * (high - low)).all()
    assert heights[-1] == pytest.approx(low)


def test_a_window_needs_a_name_for_each_channel():
    with pytest.raises(ParameterError, match="2 names for 3 channels; give one each"):
        plot_window(np.zeros((50, 3)), ("ax", "ay"), rate_hz=25)


def test_the_pruning_plot_counts_every_weight_once():
    preview = preview_pruning(KERNEL, 0.75)
    ax = plot_pruning(preview)
    assert sum(patch.get_data().values.sum() for patch in ax.patches) == KERNEL.size
    assert "stay: 60" in texts(ax)
    assert "to zero: 180" in texts(ax)
    assert "before any retraining" in texts(ax)


def test_the_storage_plot_draws_three_ways_and_names_transport():
    preview = preview_pruning(KERNEL, 0.75)
    ax = plot_storage(preview)
    widths = [patch.get_width() for patch in ax.patches]
    assert widths == [preview.flatbuffer_bytes, preview.gzip_bytes, preview.bitmask_bytes]
    assert "gzip: transport only" in [label.get_text() for label in ax.get_yticklabels()]


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_grid_plot_draws_levels_one_scale_apart(symmetric: bool):
    preview = preview_grid(KERNEL, 4, symmetric=symmetric)
    ax = plot_grid(preview)
    levels = np.array([segment[0][0] for segment in ax.collections[0].get_segments()])
    assert np.diff(levels) == pytest.approx(preview.scales[0])
    assert 0.0 in levels.round(9)
    assert f"SQNR {preview.sqnr_db:.1f} dB" in texts(ax)


def test_the_channel_plot_compares_scales():
    ax = plot_channels([preview_grid(KERNEL), preview_grid(KERNEL, axis=0)], 0)
    assert [len(line.get_xdata()) for line in ax.lines] == [6, 6]
    assert ax.lines[1].get_ydata().tolist() == sorted(preview_grid(KERNEL, axis=0).channel_sqnr_db(0))
    assert "one scale for all" in texts(ax)


def test_kernels_of_zeros_can_be_drawn():
    zeros = np.zeros((4, 4))
    for ax in (plot_pruning(preview_pruning(zeros, 0.5)), plot_grid(preview_grid(zeros))):
        assert to_png(ax.figure).startswith(b"\x89PNG")
