"""Die temperature: test vectors, limits, runaway, transients, unknowns, bad input."""

from __future__ import annotations

import doctest
import json
import math
from dataclasses import replace

import numpy as np
import pytest

import tinykit.budget.thermal.die
from tinykit.budget import (
    HeatVerdict,
    budget_power,
    check_heat,
    enclosure_rise,
    foster_ladder,
    junction_with_leakage,
    maximum_ambient_with_leakage,
    temperature_rise,
    theta_ja,
)
from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate
from tinykit.target.boards import board, boards


@pytest.fixture
def h743():
    return board("nucleo-h743zi2")


def test_the_docstrings_compute_what_they_say():
    assert doctest.testmod(tinykit.budget.thermal.die).failed == 0


@pytest.mark.parametrize(
    ("power", "theta", "rise"),
    [
        (0.040 * 3.3, 43.0, 5.7),  # STM32F407 at 168 MHz in LQFP100
        (0.363, 44.0, 16.0),  # STM32H743 at 480 MHz in LQFP144
        (0.178 * 3.0, 37.0, 19.8),  # STM32H747, both cores, in TFBGA240
    ],
)
def test_published_worked_examples(power, theta, rise):
    assert junction_with_leakage(25.0, power, theta, 0.0) - 25.0 == pytest.approx(rise, rel=0.01)


def test_the_report_gives_the_worked_example_as_a_band():
    report = check_heat(board("stm32f407g-disc1"), 0.132)
    junction = report.t_junction_c
    assert junction.value - 25.0 == pytest.approx(5.7, rel=0.01)
    assert junction.low == pytest.approx(junction.value, rel=1e-12)
    assert junction.high - 25.0 == pytest.approx(1.7 * (junction.value - 25.0), rel=1e-9)
    assert report.t_ambient_max_c.value == pytest.approx(105.0 - 5.676, rel=1e-6)
    assert report.verdict == "ok"


def test_no_power_is_no_rise(h743):
    report = check_heat(h743, 0.0, ambient_c=40.0)
    assert report.t_junction_c.value == report.t_junction_c.high == 40.0
    assert report.t_ambient_max_c.value == h743.junction_max.value
    assert junction_with_leakage(40.0, 0.0, 44.0, 0.0) == 40.0


def test_ambient_and_power_at_the_limit_mean_each_other():
    limit = maximum_ambient_with_leakage(105.0, 0.363, 44.0, 0.0)
    assert limit == pytest.approx(105.0 - 0.363 * 44.0, rel=1e-12)
    assert junction_with_leakage(limit, 0.363, 44.0, 0.0) == pytest.approx(105.0, rel=1e-12)


def test_leakage_feedback_against_plain_iteration():
    junction = junction_with_leakage(60.0, 0.3, 44.0, 0.02, 19.0)
    value = 60.0
    for _ in range(500):
        value = 60.0 + 44.0 * (0.3 + 0.02 * 2 ** ((value - 60.0) / 19.0))
    assert junction == pytest.approx(value, rel=1e-9)
    assert junction > 60.0 + 0.32 * 44.0


def test_thermal_runaway_from_a_loop_gain_of_one():
    # P = 0: Tj = Ta + theta L 2^(dT/Td) has a solution up to theta L ln2/Td = 1/e
    critical = 19.0 / (math.log(2.0) * math.e * 44.0)
    below = junction_with_leakage(60.0, 0.0, 44.0, 0.999 * critical)
    assert math.isfinite(below)
    assert 44.0 * 0.999 * critical * 2 ** ((below - 60.0) / 19.0) * math.log(2.0) / 19.0 < 1.0  # the loop's gain
    assert math.isinf(junction_with_leakage(60.0, 0.0, 44.0, 1.001 * critical))


def test_highest_ambient_with_leakage_brings_the_junction_to_its_limit():
    ambient = float(maximum_ambient_with_leakage(105.0, 0.3, 44.0, 1e-3))
    at_ambient = 1e-3 * 2 ** ((ambient - 25.0) / 19.0)
    assert junction_with_leakage(ambient, 0.3, 44.0, at_ambient) == pytest.approx(105.0, rel=1e-6)
    assert maximum_ambient_with_leakage(105.0, 0.3, 44.0, 0.0) == pytest.approx(105.0 - 0.3 * 44.0, rel=1e-9)
    hot = float(maximum_ambient_with_leakage(200.0, 0.3, 44.0, 0.05))  # runaway comes before 200 degC
    assert math.isinf(junction_with_leakage(hot + 0.1, 0.3, 44.0, 0.05 * 2 ** ((hot + 0.1 - 25.0) / 19.0)))


def test_a_step_of_power_ends_in_the_steady_rise():
    resistances, times = foster_ladder(44.0)
    assert sum(resistances) == pytest.approx(44.0, rel=1e-12)
    assert temperature_rise(0.0, 0.363, resistances, times) == 0.0
    assert temperature_rise(1e5, 0.363, resistances, times) == pytest.approx(0.363 * 44.0, rel=1e-9)
    curve = temperature_rise(np.geomspace(1e-3, 1e3, 100), 0.363, resistances, times)
    assert np.all(np.diff(curve) > 0)
    assert temperature_rise(0.1, 0.363, resistances, times) < 0.2 * 0.363 * 44.0  # a burst sees die and package only


def test_a_box_warms_its_air(h743):
    area = 2 * (60 * 40 + 60 * 20 + 40 * 20) * 1e-6  # 60 x 40 x 20 mm
    assert area == pytest.approx(88e-4, rel=1e-12)
    assert enclosure_rise(1.0, area) == pytest.approx(11.36, rel=1e-3)
    boxed, free = check_heat(h743, 0.3, enclosure_area_m2=area), check_heat(h743, 0.3)
    gained = boxed.t_junction_c.value - free.t_junction_c.value
    assert gained == pytest.approx(boxed.enclosure_rise_k.value, rel=1e-9)
    assert free.t_ambient_max_c.value - boxed.t_ambient_max_c.value == pytest.approx(gained, rel=1e-9)


def test_more_power_is_never_cooler(h743):
    values = [check_heat(h743, power).t_junction_c.value for power in (0.0, 0.01, 0.1, 1.0, 2.0)]
    assert values == sorted(values)


def test_a_budget_gives_average_and_continuous_temperature(h743):
    budget = budget_power(h743, 0.01, period_s=1.0, ambient_c=50.0)
    report = check_heat(h743, budget)
    assert report.ambient_c == 50.0
    assert 50.0 < report.t_junction_c.value < report.t_junction_continuous_c.value
    assert report.t_ambient_max_c.value > report.t_ambient_max_continuous_c.value
    assert report.leakage_w.value == pytest.approx(3.0 * 1.27e-3, rel=0.2)  # DSTOP, all RAM kept
    plain = 50.0 + 44.0 * budget.mcu_power_w.value
    assert report.t_junction_c.value == pytest.approx(plain, rel=2e-3)
    assert report.t_junction_c.value > plain


def test_verdicts(h743):
    assert check_heat(h743, 0.3).verdict == "ok"
    assert check_heat(h743, 1.3).verdict == "tight"  # 82 degC, but 122 with a poor board
    assert check_heat(h743, 3.0).verdict == "too hot"
    away = check_heat(h743, 1.0, ambient_c=80.0, leakage_w=0.2)
    assert (away.verdict, away.t_junction_c) == ("too hot", None)
    assert "runaway" in away.reasons[0]
    assert any("above the rated 85" in reason for reason in check_heat(h743, 0.1, ambient_c=100.0).reasons)
    boxed = check_heat(h743, 0.1, ambient_c=80.0, enclosure_area_m2=88e-4, sun_w=1.0)
    assert any("air in the box of 92.5 °C is above the rated 85" in reason for reason in boxed.reasons)
    assert not any("rated" in reason for reason in check_heat(h743, 0.1, ambient_c=80.0).reasons)


def test_a_burst_longer_than_the_package_counts_as_continuous(h743):
    long = budget_power(h743, 10.0, period_s=100.0, run_current_a=0.7)
    short = budget_power(h743, 0.1, period_s=1.0, run_current_a=0.7)
    assert check_heat(h743, short).verdict == "ok"
    assert check_heat(h743, long).verdict != "ok"


def test_an_unknown_average_is_judged_as_if_inference_never_paused(h743):
    budget = budget_power(replace(h743, sleep_current=None, stop_current=None, standby_current=None), 0.01)
    report = check_heat(h743, budget)
    assert report.t_junction_c is None
    assert report.t_junction_continuous_c is not None
    assert report.verdict == "ok"
    assert any("never paused" in reason for reason in report.reasons)
    nothing = check_heat(board("raspberry-pi-pico-w"), budget_power(board("raspberry-pi-pico-w"), 0.01))
    assert (nothing.verdict, nothing.t_junction_c) == ("unknown", None)


def test_a_missing_theta_takes_the_prior_of_the_package(h743):
    prior = theta_ja(replace(h743, theta_ja=None))
    assert (prior.value, prior.basis) == (35.0, "assumed")  # LQFP144, median of ST dies
    assert prior.low < 44.0 < prior.high
    assert theta_ja(replace(h743, theta_ja=None, package="UFQFPN48 7x7")).value == 32.0
    assert theta_ja(replace(h743, theta_ja=None, package=None)) is None
    assert theta_ja(replace(h743, theta_ja=None, package="DIP8")) is None
    assert theta_ja(h743, 60.0).high == 60.0
    assert any("prior" in reason for reason in check_heat(replace(h743, theta_ja=None), 0.1).reasons)


def test_without_a_junction_limit_the_rated_ambient_decides(h743):
    rated = replace(h743, junction_max=None)
    assert check_heat(rated, 0.1).t_ambient_max_c.value == 85.0
    assert check_heat(rated, 0.1).verdict == "ok"
    assert check_heat(rated, 0.1, ambient_c=82.0).verdict == "tight"
    assert check_heat(rated, 0.1, ambient_c=90.0).verdict == "too hot"
    boxed = check_heat(rated, 0.1, enclosure_area_m2=88e-4)
    assert boxed.t_ambient_max_c.value == pytest.approx(85.0 - 0.1 * 11.36, rel=1e-3)
    bare = check_heat(replace(rated, ambient_max=None), 0.1)
    assert (bare.verdict, bare.t_ambient_max_c) == ("unknown", None)


def test_every_board_of_the_catalogue_gets_a_verdict_with_a_reason():
    for each in boards():
        report = check_heat(each, budget_power(each, 0.05, period_s=1.0))
        assert report.verdict in HeatVerdict
        assert report.reasons


def test_json_has_the_keys_of_the_contract(h743):
    document = json.loads(json.dumps(check_heat(h743, 0.363).to_json()))
    assert document["t_junction_c"]["unit"] == document["t_ambient_max_c"]["unit"] == "degC"
    assert (
        json.loads(json.dumps(check_heat(replace(h743, theta_ja=None, package=None), 0.1).to_json()))["t_junction_c"]
        is None
    )


@pytest.mark.parametrize(
    ("law", "array", "rest"),
    [
        (junction_with_leakage, [25.0, 60.0], (0.132, 43.0, 0.01)),
        (maximum_ambient_with_leakage, [105.0, 125.0], (0.132, 43.0, 0.001)),
        (enclosure_rise, [0.1, 1.0], (88e-4,)),
        (temperature_rise, [0.1, 10.0], (0.132, [4.3, 38.7], [0.01, 60.0])),
    ],
)
def test_arrays_are_scalars_one_by_one(law, array, rest):
    together = law(np.array(array), *rest)
    assert list(together) == pytest.approx([float(law(number, *rest)) for number in array], rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"power": -0.1}, "power"),
        ({"power": float("nan")}, "power"),
        ({"power": 1e6}, "power"),
        ({"power": Estimate.exact(1.0, "J", "measured", "test")}, "give it in 'W'"),
        ({"power": 0.1, "ambient_c": 1000.0}, "ambient"),
        ({"power": 0.1, "theta_ja": 0.0}, "theta_ja"),
        ({"power": 0.1, "leakage_w": -1.0}, "leakage"),
        ({"power": 0.1, "enclosure_area_m2": 88.0e2}, "enclosure area"),
    ],
)
def test_bad_figures_are_refused(h743, arguments, said):
    with pytest.raises(ParameterError, match=said):
        check_heat(h743, **arguments)


@pytest.mark.parametrize("ambient_c", [25.0, 60.0, 75.0])
def test_no_ambient_below_the_low_end_of_the_limit_is_too_hot(ambient_c: float) -> None:
    budget = budget_power("nucleo-h743zi2", 1.0, period_s=1.0, ambient_c=ambient_c)
    report = check_heat("nucleo-h743zi2", budget)
    assert report.t_junction_c is not None
    assert report.t_ambient_max_c is not None
    if ambient_c < report.t_ambient_max_c.low:
        assert report.verdict in ("ok", "tight"), report.reasons
