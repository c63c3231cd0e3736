"""Edge or cloud for what devices listen for: each with its own network, sensor, window and front end on both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.models import Net, small_cnn
from tinykit.budget import (
    SENSORS,
    UPLINKS,
    Use,
    assess,
    budget_power,
    compare_offload,
    find_scenario,
    list_scenarios,
    make_load,
    plan_workload,
    scenario_of,
    transmission,
    weigh_design,
)
from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.ground.facts import shipped_path
from tinykit.ground.quantity import DAY_S, Estimate
from tinykit.model.graph.reading import read
from tinykit.predict.latency.measured import model_shapes
from tinykit.predict.latency.prediction import predict_latency
from tinykit.show.panels import CloudPanel
from tinykit.target.boards import board
from tinykit.target.target import Target

L4R5, U575, F407 = map(board, ("nucleo-l4r5zi", "nucleo-u575zi-q", "stm32f407g-disc1"))
WATCH = shipped_path("data", "checkpoints", "watch-exercises", "int8.tflite")
TASKS = ("motion", "keyword", "person", "vibration")


@pytest.fixture(scope="module")
def watch():
    return read(WATCH)


def weigh(graph, target, sensor, **more):
    return weigh_design(assess(graph, target, Use(period_s=10.0)), sensor=sensor, radio="ble", **more)


def test_a_person_detector_turns_the_answer_round_on_an_stm32l4(watch):
    found = weigh(watch, L4R5, "person")
    assert found.network == "tflm_person_detect_int8"
    assert found.verdict == "cloud"
    assert found.edge_j.value > 2 * found.cloud_j.value
    # The watch's network in its place, as if it could see, and nothing but network and radio counted.
    blind = assess(watch, L4R5, Use(period_s=10.0)).fit.latency_s
    assert compare_offload(L4R5, blind, SENSORS["person"], "ble", period_s=10.0).verdict == "edge"


@pytest.mark.parametrize("task", TASKS)
def test_a_scenario_runs_its_own_network(watch, task):
    target, scene = Target("nucleo-l4r5zi"), find_scenario(task)
    model = WATCH if task == "motion" else model_shapes()[scene.network]
    each = predict_latency(model, target=target)
    found = scene.latency_s(target)
    assert found.value == pytest.approx(each.value * scene.inferences, rel=1e-9)
    state = next(one for one in weigh(watch, L4R5, task).edge.states if one.name == "inference")
    assert state.duration_s.value == pytest.approx(found.value, rel=1e-9)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("uplink", UPLINKS)
def test_both_ways_listen_alike(watch, task, uplink):
    found = weigh(watch, U575, task, uplink=uplink)
    edge, cloud = ({state.name: state for state in way.states} for way in (found.edge, found.cloud))
    assert edge["sense"] == cloud["sense"]
    scaled = task == "person"  # the raw picture is what scaling leaves
    assert ("front end" in cloud) == ((uplink == "features" or scaled) and "front end" in edge)
    assert ("compress" in cloud) == (uplink == "compressed")
    assert "inference" not in {name for name, state in cloud.items() if state.duration_s.value}
    day = found.edge_j.value - found.cloud_j.value
    assert found.difference_j.value == pytest.approx(day, rel=1e-6, abs=1e-9 * found.edge_j.value)
    assert found.uplink == uplink


def test_what_is_sent_and_when_the_answer_comes(watch):
    raw, small, read_off = (weigh(watch, L4R5, "keyword", uplink=uplink) for uplink in UPLINKS)
    times = DAY_S / 10.0
    assert raw.cloud_bytes == pytest.approx(32_000 * times)
    assert small.cloud_bytes == pytest.approx(8_000 * times)  # IMA ADPCM, 16 to 4 bits
    assert read_off.cloud_bytes == pytest.approx(490 * times)
    assert raw.edge_bytes == pytest.approx(4 * times)
    front = next(state for state in raw.edge.states if state.name == "front end").duration_s.value
    packing = 40 * 32_000 / 120e6
    assert read_off.cloud_latency_s.value == pytest.approx(front + transmission("ble", 490).duration_s.value + 0.1)
    assert small.cloud_latency_s.value == pytest.approx(packing + transmission("ble", 8_000).duration_s.value + 0.1)
    assert raw.edge_latency_s.value > front + find_scenario("keyword").latency_s(Target("nucleo-l4r5zi")).value
    assert raw.cloud_j.value > small.cloud_j.value > read_off.cloud_j.value
    assert raw.edge_j == small.edge_j == read_off.edge_j


@pytest.mark.parametrize("task", ["motion", "keyword", "vibration"])
def test_at_the_break_even_of_a_scenario_both_take_the_same(watch, task):
    found = weigh(watch, L4R5, task)
    signal = replace(SENSORS[task], values=found.break_even_bytes, bits=8, id="own")
    again = compare_offload(L4R5, found.edge.asked["latency"], signal, "ble", period_s=100.0, message_rate=0.0)
    assert again.cloud_j.value == pytest.approx(again.edge_j.value, rel=2e-3)


def test_scaling_that_both_pay_moves_no_break_even(watch):
    found = weigh(watch, L4R5, "person")
    work = found.edge.asked["latency"]
    assert any(stage.name == "front end" for stage in work.before)
    both, alone = (
        compare_offload(L4R5, work, replace(SENSORS["person"], id=name), "ble", period_s=10.0, message_rate=0.0)
        for name in ("person", "own")
    )
    assert both.break_even_bytes < alone.break_even_bytes


def test_an_uncertain_ratio_widens_what_is_sent(watch):
    found = weigh(watch, L4R5, "person", uplink="compressed")
    sent = next(state for state in found.cloud.states if state.name == "transmit").duration_s
    plain = transmission("ble", 9216 / 8).duration_s
    assert sent.value == plain.value
    assert sent.high > transmission("ble", 9216 / 4).duration_s.value > plain.high
    assert sent.low < plain.low


def test_what_both_share_does_not_blur_the_difference():
    """A sensor that nobody measured draws the same on both sides."""
    answers = []
    for doubt in (1.0, 10.0):
        current = Estimate(1e-3, 1e-3 / doubt, 1e-3 * doubt, "A", "assumed")
        mic = make_load("own microphone", current, during=["sense"])
        work = plan_workload(U575, 0.03, sense_s=1.0, sense_at="stop", loads=[mic])
        answers.append(compare_offload(U575, work, SENSORS["keyword"], "ble", period_s=60.0))
    sure, unsure = answers
    width = [one.difference_j.high - one.difference_j.low for one in answers]
    assert width[1] == pytest.approx(width[0], rel=1e-6)
    assert unsure.edge_j.high > unsure.cloud_j.low  # the days alone could not tell
    assert sure.verdict == unsure.verdict == "edge"


def test_what_the_verdict_turns_on_turns_it(watch):
    found = weigh(watch, L4R5, "motion")
    assert found.verdict == "even"
    assert found.edge_j.value > found.cloud_j.value
    told = next(one for one in found.turns if one.startswith("current of transmit"))
    assert told == "current of transmit 15.4 mA: the edge takes less"
    days = []
    for way in (found.edge, found.cloud):
        work = way.asked["latency"]
        high = Estimate.exact(work.after[-1].current_a.high, "A", "measured", "own meter")
        after = (*work.after[:-1], replace(work.after[-1], current_a=high))
        days.append(budget_power(**way.asked | {"latency": replace(work, after=after)}).energy_per_day_j.value)
    assert days[0] < days[1]


def test_a_clear_verdict_turns_on_nothing(watch):
    found = weigh(watch, F407, "person")
    assert (found.verdict, found.turns) == ("cloud", ())


def test_a_network_is_its_own_unless_it_is_another_scenarios(watch):
    assert scenario_of(watch) == "motion"
    assert scenario_of(read(small_cnn())) is None
    assert scenario_of(read(small_cnn()), "keyword") == "keyword"
    assert scenario_of(read(Net((1, 96, 96, 3)).conv(4).pool().flatten().dense().to_bytes())) == "person"
    own = read(small_cnn())
    found = weigh(own, L4R5, "person")
    assert found.network == "the design's own"
    used = weigh_design(assess(watch, L4R5, Use(period_s=10.0, task="motion")), sensor="keyword", radio="ble")
    assert used.network == "mlperf_kws01_dscnn_int8"


def test_an_own_signal_takes_the_designs_network(watch):
    own = replace(SENSORS["motion"], id="mine", values=1200)
    found = weigh_design(assess(watch, L4R5, Use(period_s=10.0)), sensor=own, radio="ble")
    assert found.network == "the design's own"
    assert found.cloud_bytes == pytest.approx(2400 * DAY_S / 10)


def test_every_scenario_is_whole():
    assert set(TASKS) <= set(list_scenarios())
    for name, scene in list_scenarios().items():
        assert SENSORS[name].id == name
        assert scene.network.endswith(".tflite") or scene.network in model_shapes()
        low, high = scene.ratio.ends
        assert 1 <= low <= scene.ratio.value <= high
        assert scene.features <= SENSORS[name].raw_bytes


def test_bad_input_is_refused(watch):
    with pytest.raises(ParameterError, match="sensor 'persn' is unknown; nearest: person"):
        find_scenario("persn")
    with pytest.raises(ParameterError, match="uplink 'feature' is unknown; nearest: features"):
        weigh(watch, L4R5, "keyword", uplink="feature")
    still = replace(U575, cores=(replace(U575.cores[0], clock_max=None, clocks=()),))
    with pytest.raises(UnknownFactError, match="how long compressing takes hangs on the clock"):
        compare_offload(still, 0.01, SENSORS["motion"], "ble", period_s=60.0, uplink="compressed")


def test_the_panel_says_what_turns_it(watch):
    panel = CloudPanel(watch, uplink="features")
    assert panel.result.uplink == "features"
    panel.sensor.value, panel.uplink.value = "person", "raw"
    assert panel.result.verdict == "cloud"
    assert "tflm_person_detect_int8" in panel.verdict.value
    assert "no input alone" in panel.verdict.value
    panel.sent.value = 0.01
    assert "uplink=raw, sent=0.01" in repr(panel)
