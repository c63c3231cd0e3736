"""Ladders, bursts, duty cycles, touch limits and the loop of leakage and heat."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.thermal_steps import respond
from tinykit.budget import (
    CONTACTS,
    Ladder,
    burst_until,
    check_touch,
    duty_that_holds,
    foster_ladder,
    peak_rise,
    temperature_rise,
)
from tinykit.ground.errors import ParameterError

STAGES, CONSTANTS = foster_ladder(43.0)
FOSTER = Ladder(STAGES, CONSTANTS)


def test_no_power_stays_at_ambient_and_steady_power_reaches_theta():
    times = np.linspace(0.0, 5000.0, 50)
    assert list(respond(times, np.zeros(50), FOSTER, 25.0)) == [25.0] * 50
    assert respond(times, np.full(50, 0.132), FOSTER)[-1] == pytest.approx(25.0 + 0.132 * 43.0, rel=1e-9)


def test_a_step_is_the_closed_form_and_cools_as_it_warmed():
    times = np.array([0.0, 0.5, 5.0, 60.0])
    warm = respond(times, np.full(4, 1.0), FOSTER, 0.0)
    assert list(warm) == pytest.approx(list(temperature_rise(times, 1.0, STAGES, CONSTANTS)), rel=1e-9)
    pulse = respond(np.array([0.0, 1e5, 1e5 + 5.0]), np.array([1.0, 0.0, 0.0]), FOSTER, 0.0)
    assert pulse[2] == pytest.approx(43.0 - float(temperature_rise(5.0, 1.0, STAGES, CONSTANTS)), rel=1e-9)


def test_the_pulse_train_between_its_limits():
    assert peak_rise(1.0, 1e-7, 1e-6, FOSTER) == pytest.approx(0.1 * 43.0, rel=1e-4)  # fast: the average decides
    slow = peak_rise(1.0, 1.0, 1e6, FOSTER)
    assert slow == pytest.approx(float(temperature_rise(1.0, 1.0, STAGES, CONSTANTS)), rel=1e-9)
    peaks = [peak_rise(1.0, duty, 1.0, FOSTER) for duty in (0.0, 0.2, 0.5, 1.0)]
    assert peaks == sorted(peaks)
    assert peaks[0] == 0.0
    assert peaks[-1] == pytest.approx(43.0, rel=1e-9)


def test_the_pulse_train_is_what_many_pulses_lead_to():
    times = np.arange(0, 2000) * 0.5
    powers = np.where(np.arange(2000) % 4 == 0, 1.0, 0.0)  # on 0.5 s of 2 s
    settled = respond(times, powers, FOSTER, 0.0)[-200:]
    assert settled.max() == pytest.approx(peak_rise(1.0, 0.5, 2.0, FOSTER), rel=2e-3)


@pytest.mark.parametrize("ladder", [FOSTER, Ladder((10.0,), (5.0,))])
def test_a_burst_ends_at_the_limit(ladder):
    seconds = burst_until(0.4 * ladder.total, 1.0, ladder)
    assert float(temperature_rise(seconds, 1.0, ladder.resistances, ladder.constants_s)) == pytest.approx(
        0.4 * ladder.total, rel=1e-6
    )
    assert burst_until(0.4 * ladder.total, 2.0, ladder) < seconds
    assert burst_until(ladder.total, 1.0, ladder) == math.inf
    assert burst_until(0.0, 1.0, ladder) == 0.0


def test_the_duty_cycle_that_holds_the_limit():
    fast = duty_that_holds(10.0, 1.0, 1e-4, FOSTER)
    assert fast == pytest.approx(10.0 / 43.0, rel=1e-2)
    assert duty_that_holds(10.0, 1.0, 100.0, FOSTER) < fast  # slow pulses peak above their mean
    assert duty_that_holds(43.0, 1.0, 1.0, FOSTER) == 1.0
    assert duty_that_holds(0.0, 1.0, 1.0, FOSTER) == pytest.approx(0.0, abs=1e-12)


def test_a_wearable_against_the_touch_limit():
    worn = check_touch(0.05, 30e-4)
    assert worn.surface_c.value == pytest.approx(25.0 + 0.05 / (10.0 * 30e-4), rel=1e-9)
    assert worn.limit.value == 43.0
    assert worn.verdict == "ok"
    assert check_touch(0.05, 30e-4, ambient_c=60.0).verdict == "too hot"
    assert check_touch(0.05, 30e-4, ambient_c=60.0).power_max_w == 0.0
    assert check_touch(worn.power_max_w, 30e-4).verdict == "tight"
    assert check_touch(0.0, 30e-4).surface_c.value == 25.0
    limits = [check_touch(0.05, 30e-4, contact=one).limit.value for one in ("worn", "10 min", "1 min")]
    assert limits == sorted(limits)
    assert all(check_touch(0.05, 30e-4, contact=one).limit.kind == "assumed" for one in CONTACTS)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: Ladder((), ()), "give one pair a stage"),
        (lambda: Ladder((1.0, 2.0), (1.0,)), "2 resistances and 1 time constants"),
        (lambda: Ladder((-1.0,), (1.0,)), "ladder element"),
        (lambda: burst_until(-1.0, 1.0, FOSTER), "limit of the rise"),
        (lambda: duty_that_holds(1.0, -1.0, 1.0, FOSTER), "power"),
        (lambda: duty_that_holds(1.0, 1.0, 0.0, FOSTER), "period"),
        (lambda: check_touch(0.1, 1e-3, contact="kiss"), "contact 'kiss' is unknown"),
        (lambda: check_touch(0.1, -1.0), "surface"),
        (lambda: check_touch(float("nan"), 1.0), "power"),
    ],
)
def test_bad_input_is_refused(attempt, message):
    with pytest.raises(ParameterError, match=message):
        attempt()
