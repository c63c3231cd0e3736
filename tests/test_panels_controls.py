"""A slider keeps what it was given, says it in its unit, and refuses in words what it cannot be."""

from __future__ import annotations

import math

import pytest

from tests.models import small_cnn
from tinykit.show.panels.controls import Slider

DAY = 86_400.0


def time_slider(value: float = 10.0) -> Slider:
    return Slider("period", value, 0.01, DAY, None)


@pytest.mark.parametrize("value", [0.01, 0.037, 1.0, 2.5, 5.0, 30.0, 60.0, 61.0, 900.0, 3600.0, 12_345.6, DAY])
def test_a_value_is_kept_to_the_last_bit(value: float):
    slider = time_slider()
    slider.value = value
    assert slider.value == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.01, "10 ms"), (0.5, "500 ms"), (1.5, "1.5 s"), (60, "1 min"), (90, "90 s"), (5400, "90 min"), (3600, "1 h"),
     (DAY, "1 day")],
)  # fmt: skip
def test_times_change_their_unit_with_their_size(value: float, shown: str):
    assert time_slider(value).shown == shown


@pytest.mark.parametrize(
    ("typed", "value"),
    [("90 s", 90), ("90", 90), ("5 min", 300), ("1.5 h", 5400), ("200ms", 0.2), ("1 day", DAY), ("0.5 days", DAY / 2),
     ("2 hs", 7200), ("1,000 s", 1000), ("1e3", 1000)],
)  # fmt: skip
def test_what_is_typed_becomes_the_value(typed: str, value: float):
    slider = time_slider()
    slider.typed = typed
    assert (slider.value, slider.problem, slider.typed) == (pytest.approx(value, rel=1e-12), "", "")


@pytest.mark.parametrize(
    ("typed", "problem"),
    [("soon", "'soon' is not understood; write 90 s, 5 min or 1.5 h"), ("5 parsecs", "is not understood"),
     ("1e999", "beyond the slider; allowed: 10 ms to 1 day"), ("1 ms", "1 ms is beyond the slider"),
     ("nan", "is not understood"), ("-5", "-5000 ms is beyond the slider"),
     ("0,5", "is not understood"), ("1.2.3", "is not understood"), ("," * 99, "…")],
)  # fmt: skip
def test_what_cannot_be_is_told_and_the_value_stays(typed: str, problem: str):
    slider = time_slider(30)
    slider.typed = typed
    assert problem in slider.problem or (problem == "…" and len(slider.problem) < 120)
    assert (slider.value, slider.shown, slider.typed) == (30, "30 s", "")
    slider.value = 60
    assert slider.problem == ""


def test_stops_are_those_of_a_clock_or_even_steps_and_end_at_both_ends():
    stops = time_slider().stops
    assert (stops[0], stops[-1]) == (0.01, DAY)
    assert {1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0} < set(stops)
    assert stops == sorted(set(stops))
    even = Slider("share [1]", 0.3, 0, 1, 0.25)
    assert even.stops == [0, 0.25, 0.5, 0.75, 1]
    assert (even.value, even.shown) == (0.3, "0.3")


def test_ends_move_the_value_and_the_stops():
    slider = Slider("clock [MHz]", 80, 10, 120, 10)
    slider.max = 60
    assert (slider.value, slider.stops[-1], slider.hint) == (60, 60, "10 to 60")
    slider.value = 1e9
    assert slider.value == 60
    slider.value = math.nan
    assert math.isnan(slider.value)


def test_a_picture_says_verdict_and_numbers():
    from tinykit.model.graph.reading import read
    from tinykit.show import FitPanel

    panel = FitPanel(read(small_cnn()), board="nucleo-l4r5zi")
    assert panel.picture.alt.startswith(repr(panel))
    assert "share of the region" in panel.picture.alt
    before = panel.picture.alt
    panel.reserve_kib.value = 100
    assert panel.picture.alt != before
