"""Cells in cold and heat, cells of the user's own, harvesting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinykit.budget import (
    LIGHTS,
    Battery,
    CellPack,
    Harvester,
    battery,
    budget_power,
    cell_at,
    check_neutral,
    cold_capacity,
    cold_resistance,
    own_harvester,
    solar_harvester,
    solar_power,
    store_needed,
    thermal_harvester,
    thermal_power,
    warm_discharge,
)
from tinykit.ground.errors import FactError, ParameterError, UnknownFactError
from tinykit.ground.quantity import Fact
from tinykit.target.boards import board

COIN = CellPack(battery("cr2032"))
U575 = board("nucleo-u575zi-q")


def own_cell(**figures: float) -> Battery:
    return replace(COIN.cell, **{name: Fact(value, "", "measured", "user") for name, value in figures.items()})


def budget(period_s: float = 60.0, **more):
    return budget_power(U575, 0.0289, period_s=period_s, run_current_a=9.56e-3, sleep_current_a=9.3e-6, **more)


def test_a_cell_at_room_temperature_is_the_cell():
    assert cell_at(COIN.cell, 20.0) == cell_at(COIN.cell, 25.0) == COIN.cell


def test_cold_takes_capacity_and_adds_resistance_and_heat_drains():
    cold, warm = cell_at(COIN.cell, -20.0), cell_at(COIN.cell, 60.0)
    assert cold.capacity.value == pytest.approx(225 * 0.76, rel=1e-9)
    assert cold.resistance.value == pytest.approx(45 * 4, rel=1e-9)
    assert cold.self_discharge.value < COIN.cell.self_discharge.value < warm.self_discharge.value
    assert warm.self_discharge.value == pytest.approx(0.0012 * 2**3.5, rel=1e-9)
    assert warm.capacity == COIN.cell.capacity
    assert cold.capacity.kind == "assumed"
    lives = [budget(battery=cell_at(COIN.cell, place)).battery_life_s.value for place in (-40, -20, 0, 20)]
    assert lives == sorted(lives)


@pytest.mark.parametrize(
    ("law", "rest"), [(cold_capacity, (0.006,)), (cold_resistance, (20.0,)), (warm_discharge, (10.0,))]
)
def test_climate_laws_take_arrays_and_stop_at_their_rating(law, rest):
    places = np.array([-40.0, 0.0, 20.0])
    assert list(law(10.0, places, *rest)) == pytest.approx([float(law(10.0, one, *rest)) for one in places])
    assert float(law(10.0, 20.0, *rest)) == 10.0


def test_the_ambient_of_a_budget_is_that_of_its_cell():
    cold = budget(battery="cr2032", ambient_c=-20.0)
    by_hand = budget(battery=cell_at(COIN.cell, -20.0), ambient_c=-20.0)
    assert cold == by_hand
    assert cold.pack.cell.temperature.value == -20.0
    mild, hot = budget(battery="cr2032", ambient_c=25.0), budget(battery="cr2032", ambient_c=60.0)
    coulombs, ampere = 225e-3 * 3600, 225e-3 * 0.0012 / 730 * 2**3.5 + hot.average_current_a.value
    assert hot.battery_life_s.value == pytest.approx(coulombs / ampere, rel=1e-9)
    assert cold.battery_life_s.value < mild.battery_life_s.value
    assert mild.pack == COIN


def test_cold_makes_a_budget_s_brown_out():
    plain, cold = (budget(battery="cr2032", ambient_c=place).findings for place in (25.0, -30.0))
    assert plain == ()
    assert any("brown-out" in finding for finding in cold)


def test_a_buffer_is_no_help_where_the_average_is_too_much():
    # 45 ohm of a half-used cell: 40 mA all the time take 1.8 of its 3 V, a tenth of the time 0.18 V.
    mend = {
        duty: next(finding for finding in budget_power(
            board("stm32f407g-disc1"), 0.1, battery="cr2032", period_s=0.1 / duty, run_current_a=0.04
        ).findings if "brown-out" in finding)
        for duty in (1.0, 0.1)
    }  # fmt: skip
    assert "no buffer mends it" in mend[1.0]
    assert "a buffer of 3.33 mF carries the burst" in mend[0.1]


def test_a_burst_of_45_ma_from_a_cr2032_is_a_finding():
    found = budget_power(U575, 0.0289, battery="cr2032", run_current_a=0.045, sleep_current_a=9e-6).findings
    assert any("exceeds the pulse limit" in finding and "15.0 mA" in finding for finding in found)


def test_solar_and_thermal_by_hand():
    assert solar_power(1000.0, 1e-4, 0.2, 0.5) == pytest.approx(0.01, rel=1e-12)
    assert thermal_power(20.0, 1e-4, 0.2, 0.5) == pytest.approx(4 * thermal_power(10.0, 1e-4, 0.2, 0.5), rel=1e-12)
    assert list(thermal_power(np.array([0.0, 10.0]), 1e-4)) == pytest.approx([0.0, thermal_power(10.0, 1e-4)])


@pytest.mark.parametrize("light", LIGHTS)
def test_a_day_of_light_is_in_proportion_to_the_area_and_its_profile_sums_to_one(light):
    small, large = solar_harvester(1e-4, light), solar_harvester(1e-3, light)
    assert large.energy_per_day_j.value == pytest.approx(10 * small.energy_per_day_j.value, rel=1e-9)
    assert sum(small.profile) == pytest.approx(1.0, rel=1e-9)
    assert small.profile[0] == 0.0


def test_the_verdict_follows_the_balance():
    assert check_neutral(budget(), solar_harvester(10e-4, "bright")).verdict == "neutral"
    assert check_neutral(budget(0.05), solar_harvester(1e-6, "office")).verdict == "not neutral"
    used = budget().energy_per_day_j
    even = own_harvester([used.value / 86_400.0] * 24)
    verdict = check_neutral(budget(), even)
    assert verdict.verdict == "on average" if used.high > used.value else "neutral"
    assert verdict.surplus_w.value == pytest.approx(0.0, abs=1e-12)
    assert verdict.store_j == pytest.approx(0.0, abs=1e-9)
    unknown = check_neutral(budget_power(replace(U575, run_points=(), ml_power=()), 0.01), even)
    assert (unknown.verdict, unknown.store_j) == ("unknown", None)


def test_the_store_passes_the_night():
    # All of the day's 24 J in one of 24 hours: the other 23 must come out of the store.
    noon = Harvester("noon", solar_harvester(1e-4).energy_per_day_j, tuple(float(hour == 12) for hour in range(24)))
    assert store_needed(noon, 24.0) == pytest.approx(23.0, rel=1e-9)
    assert thermal_harvester(1e-4, [0.0, 10.0]).profile == (0.0, 1.0)


@pytest.mark.parametrize(
    ("attempt", "kind", "message"),
    [
        (lambda: cell_at(COIN.cell, 200.0), ParameterError, "temperature of the cell"),
        (lambda: cell_at(cell_at(COIN.cell, -20.0), 0.0), ParameterError, "hold for -20 °C"),
        (lambda: own_cell(cutoff_voltage=5.0), FactError, "cut-off of 5 V is above the nominal 3 V"),
        (lambda: own_cell(usable=85.0), FactError, "usable 85 is a fraction"),
        (lambda: own_cell(self_discharge=3.0), FactError, "self_discharge 3 is a fraction"),
        (lambda: solar_harvester(1e-4, "moon"), ParameterError, "light 'moon' is unknown"),
        (lambda: solar_harvester(-1.0), ParameterError, "solar area"),
        (lambda: thermal_harvester(1e-4, [0.0]), ParameterError, "yield nothing"),
        (lambda: own_harvester([]), ParameterError, "yield nothing"),
        (lambda: own_harvester([-1.0]), ParameterError, "harvested power"),
        (
            lambda: store_needed(Harvester("x", solar_harvester(1e-4).energy_per_day_j, ()), 1.0),
            UnknownFactError,
            "no profile",
        ),
    ],
)
def test_bad_input_is_refused(attempt, kind, message):
    with pytest.raises(kind, match=message):
        attempt()
