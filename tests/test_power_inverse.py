"""Tornado and inverse questions: the forward calculation is the oracle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tinykit.budget import (
    budget_power,
    largest_model,
    longest_latency,
    lowest_clock_for_life,
    plan_workload,
    shortest_period,
    swing_life,
)
from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.ground.quantity import Estimate
from tinykit.target.boards import board

U575 = board("nucleo-u575zi-q")
YEAR_S = 365.25 * 86_400.0
COIN = {"battery": "cr2032", "derate": False, "sleep_mode": "stop"}


def test_the_shortest_period_inverts_the_budget():
    answer = shortest_period(U575, 0.0289, YEAR_S, **COIN)
    assert answer.budget.battery_life_s.value == pytest.approx(YEAR_S, rel=1e-4)
    assert answer.hoped < answer.value < answer.sure
    sure = budget_power(U575, 0.0289, period_s=answer.sure, **COIN)
    assert sure.battery_life_s.low == pytest.approx(YEAR_S, rel=1e-4)


def test_the_published_vector_backward():
    given = {"run_current_a": 9.56e-3, "sleep_current_a": 9.3e-6}
    answer = shortest_period(U575, 0.0289, 657.0 * 86_400, **COIN, **given)
    assert answer.value == pytest.approx(60.0, rel=5e-3)
    latency = longest_latency(U575, 657.0 * 86_400, 60.0, **COIN, **given)
    assert latency.value == pytest.approx(0.0289, rel=2e-2)


def test_a_model_has_as_many_macs_as_its_longest_latency_holds():
    latency = longest_latency(U575, YEAR_S, 60.0, **COIN)
    model = largest_model(U575, YEAR_S, 60.0, cycles_per_mac=2.0, **COIN)
    assert model.value == pytest.approx(latency.value * 160e6 / 2.0, rel=1e-6)
    assert model.sure <= model.value <= model.hoped
    quick = largest_model(U575, YEAR_S, 60.0, cycles_per_mac=2.0, latency_s=1e-3, **COIN)
    assert quick.value == 80_000
    wide = Estimate(2.0, 1.0, 4.0, "cycle", "modelled")
    assert largest_model(U575, YEAR_S, 60.0, cycles_per_mac=wide, **COIN).sure < model.sure


def test_more_life_never_allows_more():
    periods = [shortest_period(U575, 0.03, years * YEAR_S, **COIN).value for years in (0.2, 0.5, 1.0)]
    assert periods == sorted(periods)
    latencies = [longest_latency(U575, years * YEAR_S, 60.0, **COIN).value for years in (0.2, 0.5, 1.0)]
    assert latencies == sorted(latencies, reverse=True)


def test_a_wish_no_cell_meets_is_an_answer_with_a_reason():
    answer = shortest_period(U575, 0.0289, 100 * YEAR_S, **COIN)
    assert (answer.value, answer.budget) == (None, None)
    assert "take a larger cell" in answer.reason
    assert largest_model(U575, 100 * YEAR_S, 60.0, cycles_per_mac=2.0, **COIN).value is None
    clock = lowest_clock_for_life(U575, 4.6e6, 100 * YEAR_S, 60.0, **COIN)
    assert clock.value is None
    assert "no clock lasts" in clock.reason


def test_an_easy_wish_meets_the_end_of_the_range():
    answer = shortest_period(U575, 0.0289, 3600.0, **COIN)
    assert answer.value == pytest.approx(0.0289, rel=1e-6)


def test_the_lowest_clock_for_a_life_lasts_and_is_in_time():
    answer = lowest_clock_for_life(U575, 4.6e6, 0.1 * YEAR_S, 1.0, battery="cr2477", derate=False)
    assert answer.value is not None
    assert answer.budget.battery_life_s.value >= 0.1 * YEAR_S
    assert 4.6e6 / answer.value <= 1.0


def test_the_lowest_clock_is_one_that_the_chip_has():
    h2 = board("esp32-h2-devkitm-1")
    answer = lowest_clock_for_life(h2, 34e6, 0.01 * YEAR_S, 1.0, battery="lipo-500")
    assert answer.value == 48e6
    assert answer.budget.findings == ()


def test_unknowns_and_bad_wishes_are_refused():
    dark = replace(U575, run_points=(), ml_power=())
    with pytest.raises(UnknownFactError, match="battery life is unknown"):
        shortest_period(dark, 0.03, YEAR_S, **COIN)
    with pytest.raises(UnknownFactError, match="no battery given"):
        longest_latency(U575, YEAR_S, 60.0, battery=None)
    with pytest.raises(UnknownFactError, match="battery life is unknown"):
        lowest_clock_for_life(U575, 4.6e6, YEAR_S, 60.0, battery=None)
    clockless = replace(U575, cores=(replace(U575.cores[0], clock_max=None),))
    for ask in (
        lambda: largest_model(clockless, YEAR_S, 60.0, cycles_per_mac=2.0, **COIN),
        lambda: lowest_clock_for_life(clockless, 1e6, YEAR_S, 60.0, **COIN),
    ):
        with pytest.raises(UnknownFactError, match="clock of board"):
            ask()
    with pytest.raises(ParameterError, match="wished life"):
        shortest_period(U575, 0.03, -1.0, **COIN)
    for period_s in (-1.0, 0.0, float("nan")):
        with pytest.raises(ParameterError, match="period"):
            lowest_clock_for_life(U575, 1e6, YEAR_S, period_s, **COIN)
    with pytest.raises(ParameterError, match="cycles per MAC"):
        largest_model(U575, YEAR_S, 60.0, cycles_per_mac=0.0, **COIN)


def test_a_tornado_is_sorted_and_holds_the_life():
    work = plan_workload(U575, 0.0289, gate_s=Estimate(2e-3, 1e-3, 4e-3, "s", "assumed"), gate_rate=0.1)
    budget = budget_power(U575, work, period_s=60.0, **COIN)
    tornado = swing_life(budget, derate=False)
    widths = [swing.width_s for swing in tornado.swings]
    assert widths == sorted(widths, reverse=True)
    assert tornado.life_s == pytest.approx(budget.battery_life_s.value, rel=1e-9)
    assert tornado.swings[0].name == "current of sleep"  # once a minute, the sleep decides
    for swing in tornado.swings:
        assert swing.life_low_s <= tornado.life_s * (1 + 1e-9)
        assert swing.life_high_s >= tornado.life_s * (1 - 1e-9)
    assert {"capacity", "self-discharge", "period (a choice)", "time of gate"} <= {s.name for s in tornado.swings}


def test_at_a_high_rate_the_inference_moves_the_life_most():
    tornado = swing_life(budget_power(U575, 0.0289, period_s=0.1, **COIN), derate=False)
    order = [swing.name for swing in tornado.swings]
    assert order.index("current of inference") < order.index("current of sleep")


def test_the_quadrature_of_the_doubts_is_the_interval_of_the_life():
    budget = budget_power(U575, 0.0289, period_s=60.0, **COIN)
    choices = ("self-discharge", "period (a choice)")
    swings = [swing for swing in swing_life(budget, derate=False).swings if swing.name not in choices]
    down = sum((budget.battery_life_s.value - swing.life_low_s) ** 2 for swing in swings) ** 0.5
    assert down == pytest.approx(budget.battery_life_s.value - budget.battery_life_s.low, rel=0.15)


@pytest.mark.parametrize("derate", [True, False])
def test_a_tornado_derates_as_its_budget_did(derate):
    budget = budget_power(U575, 0.0289, period_s=0.1, **(COIN | {"derate": derate}))
    assert swing_life(budget).life_s == pytest.approx(budget.battery_life_s.value, rel=1e-9)


def test_a_tornado_needs_a_life():
    with pytest.raises(UnknownFactError, match="nothing moves it"):
        swing_life(budget_power(U575, 0.0289))
