"""Laws of the power budget: hand calculations, limits, conservation, scalars and arrays."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest

import tinykit.budget.power.cells
import tinykit.budget.power.timeline
from tinykit.budget import battery_life, buffer_capacitance, effective_capacity, loaded_voltage, self_discharge_current
from tinykit.predict import retention_current

DAY_S = 86_400.0


@pytest.mark.parametrize("module", [tinykit.budget.power.cells, tinykit.budget.power.timeline])
def test_the_docstrings_compute_what_they_say(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(("period", "expected_ua", "days"), [(1.0, 285.3, 32.8), (60.0, 13.90, 657.0)])
def test_keyword_spotting_on_a_u575_from_a_coin_cell(period, expected_ua, days):
    # 9.56 mA for 28.9 ms, STOP2 at 9.3 uA, 225 mAh, 0.12 % a month, no derating: published test vector
    current = (0.0289 * 9.56e-3 + (period - 0.0289) * 9.3e-6) / period
    assert current * 1e6 == pytest.approx(expected_ua, rel=1e-3)
    life = battery_life(225.0, current, self_discharge_current(225.0, 0.0012))
    assert life / DAY_S == pytest.approx(days, rel=2e-3)


def test_rate_exponent_of_a_cr2032_from_the_two_points_of_its_sheet():
    # 240 mAh at 0.3 mA, half of it at 4 mA: p = ln 2 / ln(4/0.3)
    exponent = math.log(2.0) / math.log(4.0 / 0.3)
    assert exponent == pytest.approx(0.268, rel=2e-3)
    assert effective_capacity(240.0, 4e-3, exponent) == pytest.approx(120.0, rel=1e-9)
    assert effective_capacity(240.0, 0.1e-3) == 240.0


def test_more_current_never_gives_a_longer_life():
    currents = np.geomspace(1e-6, 0.1, 200)
    lives = battery_life(effective_capacity(225.0, currents), currents, self_discharge_current(225.0, 0.0012))
    assert np.all(np.diff(lives) < 0)
    assert battery_life(225.0, 0.0, self_discharge_current(225.0, 0.0012)) == pytest.approx(
        3600 * 730 / 0.0012, rel=1e-9
    )


def test_retention_current_doubles_and_is_the_stated_one_at_25():
    assert retention_current(1.27e-3, 25.0) == 1.27e-3
    assert retention_current(1e-6, 63.0, 19.0) == pytest.approx(4e-6, rel=1e-12)
    assert retention_current(1e-6, 6.0, 19.0) == pytest.approx(0.5e-6, rel=1e-12)


def test_pulse_and_buffer():
    assert loaded_voltage(2.9, 20e-3, 45.0) == pytest.approx(2.0, rel=1e-12)  # the sheet's 20 mA x 15 s point
    assert loaded_voltage(3.0, 0.0, 45.0) == 3.0
    assert buffer_capacitance(20e-3, 0.01, 0.2) * 0.2 == pytest.approx(0.01 * 20e-3, rel=1e-12)  # Q = I t


@pytest.mark.parametrize(
    ("law", "array", "rest"),
    [
        (retention_current, [1e-6, 2e-6], (60.0,)),
        (effective_capacity, [225.0, 240.0], (4e-3,)),
        (self_discharge_current, [225.0, 850.0], (0.0012,)),
        (battery_life, [225.0, 850.0], (1e-3,)),
        (loaded_voltage, [3.0, 2.5], (0.01, 45.0)),
        (buffer_capacitance, [0.01, 0.02], (0.1, 0.2)),
    ],
)
def test_arrays_are_scalars_one_by_one(law, array, rest):
    together = law(np.array(array), *rest)
    assert list(together) == pytest.approx([float(law(number, *rest)) for number in array], rel=1e-12)
