"""What the catalogue can answer, board by board: memories, a battery's life, and what is missing where it cannot."""

from __future__ import annotations

import pytest

from tests.models import Net
from tinykit.budget.assessment.chain import assess
from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.check import check_fit
from tinykit.budget.power.timeline import sleep_current
from tinykit.ground.quantity import BASES
from tinykit.model.graph.reading import read
from tinykit.target.boards import board, boards

LATENCY_S = 0.05
PEOPLE_OWN = {
    *("esp32-devkitc-v4", "esp32-c3-devkitm-1", "xiao-esp32c3", "esp32-c6-devkitc-1", "esp32-h2-devkitm-1"),
    *("raspberry-pi-pico", "raspberry-pi-pico-w", "raspberry-pi-pico-2", "raspberry-pi-pico-2-w", "microbit-v2"),
    *("bluepill-stm32f103c8", "nucleo-g474re", "nucleo-l432kc", "nucleo-h723zg", "nucleo-u385rg-q"),
    *("nucleo-l4r5zi-p", "nrf54l15dk", "nrf9160dk", "thingy91", "grove-vision-ai-v2", "alif-ensemble-e8-devkit"),
    *("arduino-nano-esp32", "arduino-nano-33-ble-sense", "xiao-nrf54l15-sense", "arduino-giga-r1"),
}


@pytest.fixture(scope="module")
def graph():
    return read(Net((1, 16, 16, 1)).conv(4, (3, 3), (2, 2)).to_bytes())


@pytest.fixture(scope="module")
def lives(graph):
    """Every board's budget every 10 s, and with no pause at all, from a cell that all of them can be fed from."""
    pauses = Use(battery="lipo-500", period_s=10.0, latency_s=LATENCY_S)
    always = Use(battery="lipo-500", duty_cycle=1.0, latency_s=LATENCY_S)
    return {item.id: (assess(graph, item, pauses).budget, assess(graph, item, always).budget) for item in boards()}


def test_the_two_currents_that_are_missing_are_named_and_answer_when_given(graph, lives):
    dark, own = "ek-ra8d1", {"run_current_a": 0.05, "sleep_current_a": 1e-4, "supply_v": 3.3}
    said = "\n".join(lives[dark][0].unknown)
    assert "run_current_a in A" in said
    assert "sleep_current_a in A" in said
    given = assess(graph, dark, Use(battery="lipo-500", latency_s=LATENCY_S, **own)).budget
    assert given.battery_life_s.value > 0


def test_the_boards_that_people_own_are_there():
    assert len(boards()) >= 75
    assert {item.id for item in boards()} >= PEOPLE_OWN


def test_a_battery_lasts_a_known_time_on_most_boards_and_always_on_on_more(lives):
    paused = {name for name, (budget, _) in lives.items() if budget.battery_life_s}
    always = {name for name, (_, budget) in lives.items() if budget.battery_life_s}
    assert len(paused) >= 50
    assert len(always - paused) >= 5
    assert paused <= always


def test_sleep_is_never_taken_as_nothing(lives):
    for name, (budget, always) in lives.items():
        item, said = board(name), "\n".join(budget.unknown)
        if not (item.stop_current or item.standby_current or item.sleep_current):
            assert budget.battery_life_s is None
            assert "has no current for sleep mode 'stop'" in said, name
            assert "or never pause (duty cycle 1)" in said, name
        if not item.run_points and not item.ml_power:
            assert budget.battery_life_s is None
            assert "has no run current" in said, name
        if budget.battery_life_s:
            asleep = next(state for state in budget.states if state.name == "sleep")
            assert asleep.current_a.value > 0
            assert budget.battery_life_s.value > always.battery_life_s.value


def test_a_sleep_current_is_as_wide_as_its_document_leaves_it():
    for item in boards():
        stated = item.stop_current
        if stated is not None:
            asleep = sleep_current(item, "stop", 25.0)
            parts = stated.ends[1] / stated.ends[0] * 1.7 / 0.7
            plain = stated.kind in ("datasheet", "measured") or stated.low is not None
            assert asleep.high / asleep.low == pytest.approx(parts) if plain else asleep.high / asleep.low > 1.1 * parts
    kinds = {fact.kind for item in boards() for fact in item.facts().values()}
    assert {"vendor", "measured_by_others"} <= kinds <= set(BASES)


def test_every_board_answers_whether_a_network_fits(graph):
    for item in boards():
        report = check_fit(graph, item, use_engine=False)
        assert report.verdict in ("fits", "tight", "does not fit", "unknown"), item.id
        assert report.arena_bytes is not None, item.id
