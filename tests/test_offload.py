"""Edge or cloud: both ways on one board, one radio, one cell."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.models import small_cnn
from tinykit.budget import SENSORS, Use, assess, compare_offload, make_load, plan_workload, transmission, weigh_design
from tinykit.ground.errors import ParameterError
from tinykit.model.graph.reading import read
from tinykit.target.boards import board
from tinykit.target.devices import Signal

U575, L4R5 = board("nucleo-u575zi-q"), board("nucleo-l4r5zi")
GIVEN = {"run_current_a": 9.56e-3, "sleep_current_a": 9.3e-6, "supply_v": 3.0}


@pytest.fixture(scope="module")
def graph():
    return read(small_cnn())


def samples(values: float, bytes_each: float = 2.0) -> Signal:
    return Signal("own", "as many", "imu", values=values, bits=8 * bytes_each)


def compare(sensor: str | Signal = "keyword", radio: str = "ble", **more):
    chosen = SENSORS[sensor] if isinstance(sensor, str) else sensor
    asked = {"period_s": 60.0, "setting": GIVEN} | more
    return compare_offload(U575, 0.0289, chosen, radio, **asked)


def break_even_bytes(target, latency, radio, **more) -> float | None:
    asked = {"period_s": 200_000.0, **more}
    return compare_offload(target, latency, SENSORS["motion"], radio, **asked).break_even_bytes


def test_audio_belongs_on_the_edge():
    found = compare()
    assert found.verdict == "edge"
    assert found.cloud_bytes == pytest.approx(32_000 * 1440, rel=1e-9)
    assert found.edge_bytes == pytest.approx(4 * 1440, rel=1e-9)
    assert found.bandwidth_bps == pytest.approx(32_000 * 8 / 60, rel=1e-9)
    assert found.cloud_latency_s.value > found.edge_latency_s.value
    assert found.cloud_j.value > 3 * found.edge_j.value


def test_a_few_bytes_and_a_slow_network_belong_in_the_cloud():
    tiny = samples(2)
    found = compare_offload(U575, 2.0, tiny, "ble", period_s=60.0, setting=GIVEN)
    assert found.verdict == "cloud"


def test_at_the_break_even_both_take_the_same_energy():
    sent = break_even_bytes(U575, 0.0289, "ble", setting=GIVEN)
    found = compare(samples(sent / 2), "ble")
    assert found.break_even_bytes == sent
    assert found.verdict == "even"
    assert found.edge_j.value == pytest.approx(found.cloud_j.value, rel=0.05)


@pytest.mark.parametrize("period_s", [10.0, 600.0])
def test_the_break_even_counts_all_the_thinking(period_s):
    mic, fast = make_load("microphone-pdm", during=["sense"]), make_load("flash", 2e-3, during=["inference"])
    gated = {"sense_s": 1.0, "gate_s": 5e-3, "gate_rate": 0.2, "decide_s": 1e-3, "loads": [mic, fast]}
    work = plan_workload(U575, 0.0289, **gated)
    sent = break_even_bytes(U575, work, "ble", setting=GIVEN)
    few, many = (
        compare_offload(U575, work, samples(sent + more, 1), "ble", period_s=period_s, setting=GIVEN)
        for more in (-2, 2)
    )
    assert few.cloud_j.value < few.edge_j.value == many.edge_j.value < many.cloud_j.value
    assert few.break_even_bytes == many.break_even_bytes == sent


def test_a_radio_that_draws_less_than_sleep_never_breaks_even():
    assert break_even_bytes(U575, 0.0289, "ble", setting={**GIVEN, "sleep_current_a": 0.009}) == math.inf


def test_the_break_even_has_its_ends():
    assert break_even_bytes(U575, 1e-6, "lora", message_rate=0.0, setting=GIVEN) == 0.0
    assert break_even_bytes(U575, 90_000.0, "ble", setting=GIVEN) == math.inf
    assert break_even_bytes(replace(U575, run_points=(), ml_power=()), 0.01, "ble") is None
    rarely, always = (break_even_bytes(U575, 0.0289, "ble", message_rate=r, setting=GIVEN) for r in (0.0, 1.0))
    assert rarely < always


def test_money_and_compression():
    found = compare(price_per_mb=2.0, compression=10.0)
    assert found.cloud_cost == pytest.approx(2.0 * 3200 * 1440 * 1e-6, rel=1e-9)
    assert found.edge_cost < found.cloud_cost
    assert (compare().edge_cost, compare().cloud_cost) == (None, None)
    assert found.cloud_j.value < compare().cloud_j.value


def test_fewer_messages_never_cost_more():
    days = [compare(message_rate=rate).edge_j.value for rate in (0.0, 0.1, 1.0)]
    assert days == sorted(days)


def test_sensing_is_in_both_the_front_end_in_one():
    work = plan_workload(U575, 0.0289, sense_s=1.0, loads=[make_load("microphone-pdm", during=["sense"])])
    found = compare_offload(U575, work, SENSORS["keyword"], "ble", period_s=60.0, setting=GIVEN)
    assert found.edge.states[0].name == "sense"
    assert [line.name for line in found.cloud.lines] == ["microcontroller", "radio", "microphone-pdm"]
    assert found.edge.states[-2].name == found.cloud.states[-2].name == "transmit"


def test_a_radio_too_slow_for_the_data_is_a_finding():
    found = compare("keyword", "lora", period_s=10.0)
    assert "longer than the period" in found.findings[0]
    assert found.verdict == "edge"


@pytest.mark.parametrize("scene", ["keyword", "person", "vibration"])
@pytest.mark.parametrize("uplink", ["raw", "compressed", "features"])
@pytest.mark.parametrize("period_s", [10.0, 60.0])
def test_what_comes_before_a_slow_radio_does_not_break_the_comparison(graph, scene, uplink, period_s):
    found = weigh_design(assess(graph, L4R5, Use(period_s=period_s)), sensor=scene, radio="lora", uplink=uplink)
    slow = [text for text in found.findings if "longer than the period" in text]
    assert (found.cloud.period_s > period_s) == bool(slow)
    assert found.cloud_j.value > found.edge_j.value


@pytest.mark.parametrize("place", ["nucleo-l4r5zi", "nucleo-u575zi-q", "esp32-s3-devkitc-1"])
@pytest.mark.parametrize("radio", ["ble", "wifi-connected", "nb-iot"])
def test_the_difference_is_that_of_both_ways_and_a_full_fifo_wakes_both(graph, place, radio):
    use = Use(period_s=600.0, battery="lipo-500", task="motion")
    found = weigh_design(assess(graph, place, use, use_engine=False), sensor="motion", radio=radio)
    for way in (found.edge, found.cloud):
        names = [state.name for state in way.states]
        assert names[names.index("sense") + 1] == "wake-up" or not board(place).wakeup_time
    assert found.difference_j.value == pytest.approx(found.edge_j.value - found.cloud_j.value, rel=1e-6)


def test_an_unknown_board_has_an_unknown_verdict():
    dark = replace(U575, run_points=(), ml_power=())
    found = compare_offload(dark, 0.01, SENSORS["motion"], "ble", period_s=60.0)
    assert (found.verdict, found.break_even_bytes) == ("unknown", None)


def test_raw_bytes_by_hand():
    assert SENSORS["keyword"].raw_bytes == 32_000
    assert SENSORS["person"].raw_bytes == 9216
    assert transmission("ble", 32_000).packets == 132


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: compare(samples(-1)), "payload"),
        (lambda: compare(uplink="row"), "uplink 'row' is unknown; nearest: raw"),
        (lambda: compare(samples(10), uplink="features"), "sensor 'own' is unknown"),
        (lambda: compare(message_rate=2.0), "message rate"),
        (lambda: compare(message_rate=float("nan")), "message rate"),
        (lambda: compare(compression=0.5), "compression"),
        (lambda: compare(cloud_s=-1.0), "time of the cloud"),
        (lambda: compare(price_per_mb=float("nan")), "price"),
        (lambda: compare(radio="smoke"), "radio 'smoke' is unknown"),
    ],
)
def test_bad_input_is_refused(attempt, message):
    with pytest.raises(ParameterError, match=message):
        attempt()
