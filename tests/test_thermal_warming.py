"""Bursts in time and the sun on a box: against the exact response, the steady state, and hand calculations."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.models import small_cnn
from tests.thermal_steps import respond
from tinykit.budget import (
    PAINTS,
    Ladder,
    Use,
    assess,
    check_heat,
    follow_bursts,
    follow_step,
    foster_ladder,
    solar_heat,
    solar_load,
)
from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.model.graph.reading import read
from tinykit.show.plots import plot_bursts, plot_transient
from tinykit.target.boards import board

H743 = board("nucleo-h743zi2")
BOX_M2 = 88e-4


def report(watt: float = 0.4, **more):
    return check_heat(H743, watt, theta_ja=44.0, **more)


def test_a_step_ends_in_the_steady_state_with_its_interval():
    for one in (check_heat(H743, 0.4), check_heat(H743, 0.4, enclosure_area_m2=BOX_M2, ambient_c=60.0)):
        curve = follow_step(one, [0.0, 1e7])
        hot, rise = one.t_junction_continuous_c, one.enclosure_rise_k
        assert curve.value_c[0] == pytest.approx(one.ambient_c + (rise.value if rise else 0.0), rel=1e-12)
        assert (curve.value_c[1], curve.low_c[1], curve.high_c[1]) == pytest.approx(
            (hot.value, hot.low, hot.high), rel=1e-9
        )


def test_a_train_of_bursts_is_the_exact_response_after_many_of_them():
    burst, pause, ladder = 3.0, 11.0, Ladder(*foster_ladder(44.0))
    times = np.arange(0.0, 1500 * 14.0, 0.5)
    power = np.where(times % 14.0 < burst, 0.4, 0.0)
    settled = respond(times, power, ladder)[-28:]
    found = follow_bursts(_at_duty(burst / (burst + pause)), burst, pause)
    assert found.peak_c.value == pytest.approx(settled.max(), rel=1e-4)
    assert found.trough_c.value == pytest.approx(settled.min(), rel=1e-4)
    assert found.duty_cycle == pytest.approx(3 / 14, rel=1e-12)


def _at_duty(duty: float):
    """A report of 0.4 W in a burst and nothing in a pause."""
    busy, mean = report(), report(0.4 * duty)
    return replace(busy, average_power_w=mean.average_power_w, t_junction_c=mean.t_junction_c)


def test_over_a_period_the_mean_rise_is_that_of_the_mean_power():
    found = follow_bursts(_at_duty(0.25), 5.0, 15.0)
    times, value = np.array(found.curve.times_s), np.array(found.curve.value_c)
    mean = np.trapezoid(value, times) / (times[-1] - times[0])
    assert mean - 25.0 == pytest.approx(0.25 * 0.4 * 44.0, rel=5e-3)


def test_without_a_pause_it_is_the_steady_state_and_a_longer_pause_is_never_hotter():
    steady = follow_bursts(report(), 5.0, 0.0)
    assert steady.peak_c.value == pytest.approx(report().t_junction_c.value, rel=1e-9)
    peaks = [follow_bursts(_at_duty(5.0 / (5.0 + pause)), 5.0, pause).peak_c.value for pause in (0.0, 1.0, 30.0, 1e5)]
    assert peaks == sorted(peaks, reverse=True)


def test_a_burst_of_the_longest_length_just_meets_the_limit():
    found = follow_bursts(report(2.0, ambient_c=60.0), 1.0, 1.0)
    at_best, warm = found.burst_limit_s
    assert 0 < warm <= at_best < math.inf
    assert follow_step(found.report, [at_best]).value_c[0] == pytest.approx(H743.junction_max.value, rel=1e-6)
    assert 0 < found.duty_limit[0] < 1
    cool = follow_bursts(report(0.1), 1.0, 1.0)
    assert cool.burst_limit_s == (math.inf, math.inf)
    assert cool.duty_limit == (1.0, 1.0)


def test_the_surface_holds_the_average_power_and_the_sun():
    sun = solar_load(24e-4, "black")
    boxes = [report(0.4, enclosure_area_m2=BOX_M2, sun_w=more) for more in (0.0, sun)]
    dark, lit = (follow_bursts(box, 1.0, 0.0, area_m2=BOX_M2) for box in boxes)
    assert dark.surface.surface_c.value == pytest.approx(25 + 0.4 / (10 * BOX_M2), rel=1e-6)
    assert lit.surface.surface_c.value == pytest.approx(25 + (0.4 + sun.value) / (10 * BOX_M2), rel=1e-6)
    assert lit.peak_c.value - dark.peak_c.value == pytest.approx(sun.value / (10 * BOX_M2), rel=1e-6)
    assert (dark.surface.verdict, lit.surface.verdict) == ("ok", "too hot")


def test_the_sun_by_hand():
    assert solar_heat(1000.0, 24e-4, 0.93) == pytest.approx(2.232, rel=1e-12)
    assert list(solar_heat(np.array([0.0, 1000.0]), 1e-2, 0.3)) == pytest.approx([0.0, 3.0], rel=1e-12)
    loads = [solar_load(1e-2, paint).value for paint in PAINTS]
    assert loads == sorted(loads)
    assert solar_load(0.0).value == 0.0


def test_a_given_duty_cycle_leaves_one_interval_for_one_junction():
    graph = read(small_cnn())
    found = assess(graph, H743, Use(duty_cycle=1.0)).heat
    assert found.t_junction_c.low == pytest.approx(found.t_junction_continuous_c.low, rel=1e-9)
    assert found.t_junction_c.high == pytest.approx(found.t_junction_continuous_c.high, rel=1e-9)
    warm = follow_bursts(assess(graph, H743, Use(duty_cycle=0.1)).heat, 10.0, 90.0)
    assert warm.report.t_junction_c.value < warm.peak_c.value < warm.report.t_junction_continuous_c.value


def test_bad_input_is_refused():
    with pytest.raises(ParameterError, match="burst"):
        follow_bursts(report(), float("nan"), 1.0)
    with pytest.raises(ParameterError, match="pause"):
        follow_bursts(report(), 1.0, -1.0)
    with pytest.raises(ParameterError, match="paint 'balck' is unknown"):
        solar_load(1e-3, "balck")
    with pytest.raises(ParameterError, match="lit face"):
        solar_load(-1.0)
    with pytest.raises(ParameterError, match="the sun brings 1 W, but there is no box"):
        report(sun_w=1.0)
    with pytest.raises(UnknownFactError, match=r"junction of .* is unknown"):
        follow_step(check_heat("corstone-300", 0.1), [1.0])
    for time_s in (-1.0, float("nan")):
        with pytest.raises(ParameterError, match="times hold a negative or NaN"):
            follow_step(report(), [0.0, time_s])


def test_the_pictures_name_their_limits():
    hot = follow_bursts(report(2.0, ambient_c=60.0, enclosure_area_m2=BOX_M2), 5.0, 20.0, area_m2=BOX_M2)
    said = " ".join(text.get_text() for text in plot_bursts(hot).texts)
    assert "junction limit 125 °C" in said
    assert "touch limit 43 °C" in said
    assert "surface" in said
    assert "above the band" in " ".join(text.get_text() for text in plot_transient(report(0.05)).texts)
