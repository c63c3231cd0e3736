"""Radios: what an event takes, what keeps a link in between, and how often the law lets one send."""

from __future__ import annotations

import pytest

from tinykit.budget import (
    RADIOS,
    SENSORS,
    budget_power,
    check_neutral,
    compare_offload,
    lora_airtime,
    own_harvester,
    plan_workload,
    shortest_period,
    transmission,
)
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.target.boards import board

U575 = board("nucleo-u575zi-q")
GIVEN = {"run_current_a": 9.56e-3, "sleep_current_a": 9.3e-6, "supply_v": 3.0}
LINKED = tuple(radio for radio in RADIOS if transmission(radio, 0).upkeep_a)


def budget(radio: str | None, period_s: float = 60.0, *, size: float = 20, rate: float = 1.0):
    send = None if radio is None else (radio, size)
    return budget_power(U575, plan_workload(U575, 0.0289, send=send, gate_rate=rate), period_s=period_s, **GIVEN)


def test_every_radio_of_the_file_is_offered():
    assert set(read_toml(shipped_path("data", "power", "radio.toml"))) == set(RADIOS)
    assert LINKED == ("ble-connected", "wifi-connected", "wifi-awake", "lte-m", "nb-iot")


@pytest.mark.parametrize("radio", RADIOS)
def test_more_bytes_never_take_less_and_none_take_something(radio):
    events = [transmission(radio, size) for size in (0, 10, 1000, 100_000)]
    for law in (lambda e: e.duration_s.value, lambda e: e.charge_c.value, lambda e: e.charge_c.high):
        assert [law(event) for event in events] == sorted(law(event) for event in events)
    assert events[0].charge_c.low > 0


@pytest.mark.parametrize(
    ("radio", "charge_c", "upkeep_a"),
    # 200 bytes there and back at 22 s of 5 mA and 11 s of 5 mA (boaks/zephyr-coaps-client); power saving mode 2.7 uA
    # (nRF9160 product specification); 108.6 less 100.2 mC (glenn20/upy-esp32-experiments); 2.33 less 0.8 mA (ESP-IDF).
    [("lte-m", 0.110, 2.7e-6), ("nb-iot", 0.055, 2.7e-6), ("wifi-connected", 8.4e-3, 1.53e-3)],
)
def test_events_are_those_of_their_documents(radio, charge_c, upkeep_a):
    event = transmission(radio, 0)
    assert event.charge_c.value == pytest.approx(charge_c, rel=0.01)
    assert event.upkeep_a.value == pytest.approx(upkeep_a, rel=1e-9)
    assert event.upkeep_a.low <= upkeep_a <= event.upkeep_a.high


def test_a_connection_costs_its_interval_s_events_whatever_is_sent():
    apart, linked = transmission("ble", 20), transmission("ble-connected", 20)
    assert (apart.duration_s, apart.current_a) == (linked.duration_s, linked.current_a)
    assert apart.upkeep_a is None
    assert transmission("ble-connected", 20_000).upkeep_a == linked.upkeep_a


@pytest.mark.parametrize("radio", LINKED)
def test_the_link_is_a_line_of_its_own_and_the_lines_sum_up(radio):
    with_link = budget(radio)
    line = next(line for line in with_link.lines if line.name == "radio link")
    assert line.charge_c == pytest.approx(transmission(radio, 20).upkeep_a.value * 60.0, rel=1e-12)
    total = with_link.average_current_a.value * with_link.period_s
    assert sum(line.charge_c for line in with_link.lines) == pytest.approx(total, rel=1e-12)
    silent = budget(radio, rate=0.0).average_current_a.value - budget(None, rate=0.0).average_current_a.value
    assert silent == pytest.approx(transmission(radio, 20).upkeep_a.value, rel=1e-9)


def test_a_link_pays_where_one_talks_often_and_not_where_one_is_silent():
    def average(radio: str, period_s: float) -> float:
        return budget(radio, period_s).average_current_a.value

    assert average("wifi-connected", 10.0) < average("wifi", 10.0)
    assert average("wifi-connected", 3600.0) > average("wifi", 3600.0)
    assert average("wifi-awake", 10.0) > 10 * average("wifi-connected", 10.0)


def test_a_radio_without_a_link_has_no_such_line():
    assert "radio link" not in [line.name for line in budget("ble").lines]


def test_the_law_counts_what_is_on_air_by_hand():
    event = transmission("lora", 20, spreading_factor=7)
    on_air = float(lora_airtime(20 + 13, 7))
    assert event.airtime_s.value == pytest.approx(on_air, rel=1e-12)
    assert event.duration_s.value == pytest.approx(on_air + 0.1, rel=1e-12)
    assert event.legal_period_s == pytest.approx(100 * on_air, rel=1e-12)
    assert event.check_duty(100 * on_air * 1.001) == ()
    assert "LoRa at 1.0% airtime is not legal" in event.check_duty(100 * on_air * 0.999)[0]
    assert event.check_duty(50 * on_air, times=0.49) == ()
    assert event.check_duty(50 * on_air, times=0.51) != ()


@pytest.mark.parametrize("radio", [radio for radio in RADIOS if radio != "lora"])
def test_a_radio_that_no_law_limits_has_nothing_to_answer_for(radio):
    event = transmission(radio, 10_000)
    assert (event.legal_period_s, event.check_duty(1e-3)) == (0.0, ())


def test_what_only_the_slowest_link_breaks_is_said_so():
    event = transmission("lora", 4)
    between = 100 * (event.airtime_s.value + event.airtime_s.high) / 2
    (text,) = event.check_duty(between)
    assert "is not legal at its slowest" in text
    assert event.check_duty(101 * event.airtime_s.high) == ()


def test_a_budget_says_what_is_not_legal_and_a_gate_that_sends_rarely_mends_it():
    (found,) = (text for text in budget("lora", 60.0, size=1200).findings if "not legal" in text)
    assert found.startswith("LoRa at 12.0% airtime is not legal: at most 1.0% of the time, 1,200 bytes every 722 s")
    assert not [text for text in budget("lora", 60.0, rate=0.01).findings if "legal" in text]
    assert not [text for text in budget("ble", 1.0, size=1200).findings if "legal" in text]


def test_both_ways_of_an_offload_obey_the_law_and_a_harvester_repeats_it():
    found = compare_offload(U575, 0.0289, SENSORS["motion"], "lora", period_s=600.0, setting=GIVEN)
    assert [text for text in found.findings if text.startswith("cloud: LoRa at 1.2% airtime is not legal")]
    assert not [text for text in found.findings if text.startswith("edge")]
    cell = own_harvester([1.0] * 24)
    assert "is not legal" in check_neutral(found.cloud, cell).reason
    assert "legal" not in check_neutral(found.edge, cell).reason


def test_the_shortest_period_that_is_found_is_a_legal_one():
    work = plan_workload(U575, 0.0289, send=("lora", 20))
    answer = shortest_period(U575, work, 86_400.0, battery="lipo-500", **GIVEN)
    assert answer.value == pytest.approx(transmission("lora", 20).legal_period_s, rel=1e-9)
    free = shortest_period(U575, plan_workload(U575, 0.0289, send=("ble", 20)), 86_400.0, battery="lipo-500", **GIVEN)
    assert free.value < 1.0
