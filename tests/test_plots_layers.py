"""The plot of layer errors: a bar a layer, the worst marked."""

from __future__ import annotations

import math

import pytest

from tinykit.predict.runtime.layers import LayerComparison, LayerError
from tinykit.show.plots import COLOURS, plot_layers, to_png


def layers(*decibels: float) -> LayerComparison:
    rows = tuple(LayerError(i, i, "CONV_2D", "<$>", "name", db, 0.9, 0.0, 0.1) for i, db in enumerate(decibels))
    return LayerComparison(rows, 8)


def test_a_bar_for_each_layer_in_execution_order():
    ax = plot_layers(layers(30.0, 12.5, 40.0))
    assert [bar.get_width() for bar in ax.patches] == [30.0, 12.5, 40.0]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["CONV_2D 0", "CONV_2D 1", "CONV_2D 2"]
    from matplotlib.colors import to_hex

    colours = [to_hex(bar.get_facecolor()).upper() for bar in ax.patches]
    assert colours == [COLOURS["flash"], COLOURS["does_not_fit"], COLOURS["flash"]]
    assert ax.texts[1].get_text() == " 12.5 dB, worst"
    assert ax.get_xlabel().endswith("[dB]")
    assert to_png(ax.figure)


@pytest.mark.parametrize(("value", "text"), [(math.inf, "exact"), (-math.inf, "no signal"), (-3.0, "-3.0 dB")])
def test_ends_of_the_scale_are_said_in_words(value, text):
    ax = plot_layers(layers(20.0, value))
    assert text in ax.texts[1].get_text()
    assert all(math.isfinite(bar.get_width()) for bar in ax.patches)
    assert to_png(ax.figure)


def test_the_worst_forty_of_many():
    ax = plot_layers(layers(*range(10, 70)))
    assert len(ax.patches) == 40
    assert "20 better layers not drawn" in ax.get_title(loc="right")


def test_nothing_to_draw():
    assert "no layer compared" in plot_layers(LayerComparison((), 1)).texts[0].get_text()
