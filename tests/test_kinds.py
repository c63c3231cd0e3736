"""Each kind of network people bring: the generated model is what it says, runs or is refused, and gets its answers."""

from __future__ import annotations

import statistics
from dataclasses import replace

import pytest

from tests.bench.bench_kinds import ask, ninth, ratio
from tests.kinds import KINDS
from tinykit.budget.assessment.chain import assess
from tinykit.budget.assessment.use import Use
from tinykit.ground.errors import ModelError
from tinykit.model.graph.reading import read
from tinykit.predict.latency.instructions import predict_instructions
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.runtime.session import Engine, check_bytes
from tinykit.show.cli.main import main
from tinykit.target.target import Target


@pytest.fixture(scope="module")
def engine():
    child = Engine()
    yield child
    child.close()


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_runs_or_is_refused_as_it_says(name, engine):
    kind = KINDS[name]
    model = kind.build()
    assert kind.build() == model
    request = {"do": "load", "engine": "tflm"}
    if kind.runs:
        assert engine.ask(request, check_bytes(model), timeout_s=60)[0]["outputs"]
    else:
        with pytest.raises(ModelError):
            engine.ask(request, check_bytes(model), timeout_s=60)


@pytest.fixture(scope="module")
def models():
    return {name: kind.build() for name, kind in KINDS.items() if kind.runs}


@pytest.mark.parametrize("board", ["nucleo-f446re", "arduino-nano-33-ble-sense", "nucleo-h743zi2"])
def test_nearly_all_that_run_get_latency_energy_and_budget(board, models):
    files = {name: KINDS[name].files for name in models}
    answered = 0
    for name, model in models.items():
        found = ask(model, board)
        figures = (found.fit.latency_s, found.fit.energy_per_inference_j, found.battery_life_s)
        answered += files[name] * all(one is not None and 0 < one.low <= one.value <= one.high for one in figures)
    assert answered >= 0.95 * sum(files.values())


def test_all_that_run_get_a_latency_without_an_fpu_too(models):
    for name, model in models.items():
        assert ratio(predict_latency(read(model), target=Target("raspberry-pi-pico"))) < 30, name


@pytest.mark.parametrize("board", ["arduino-nano-33-ble-sense", "nucleo-h743zi2", "b-u585i-iot02a"])
def test_intervals_of_float32_and_of_what_was_counted_are_worth_having(board, models):
    """Each kind weighed by the public files seen of it."""
    floats, counted, every = [], [], []
    for name, model in models.items():
        widths = [ratio(predict_latency(read(model), target=Target(board)))] * KINDS[name].files
        every += widths
        floats += widths if name.startswith("float32") else []
        counted += widths if _is_counted(model) else []
    for chosen in (floats, counted):
        assert len(chosen) > 20
        assert statistics.median(chosen) <= 4
        assert ninth(chosen) <= 8
    assert max(every) < 30


def _is_counted(model):
    report = predict_instructions(read(model), core="cortex-m4", runtime="tflm-cmsis-nn")
    return not any(one.cycles for one in report.operators)


def test_a_budget_without_a_latency_keeps_what_is_known():
    model = read(KINDS["compiled for an Ethos-U"].build())
    use = Use(battery="cr2032", period_s=10.0, sense_s=1.0, send=("ble", 20))
    found = assess(model, "arduino-nano-33-ble-sense", use, use_engine=False)
    assert found.budget is None
    names = [state.name for state in found.power.states]
    assert {"sense", "transmit", "sleep"} <= set(names)
    assert "inference" not in names
    assert found.power.average_power_w.value > 0
    assert "Ethos-U" in found.power.unknown[0]
    assert found.beside.longest_s == pytest.approx(9.0, rel=0.01)
    half = assess(model, "arduino-nano-33-ble-sense", replace(use, latency_s=found.beside.halving_s), use_engine=False)
    assert half.battery_life_s.value == pytest.approx(found.power.battery_life_s.value / 2, rel=1e-3)
    assert found.longest_latency(half.battery_life_s.value).value == pytest.approx(found.beside.halving_s, rel=1e-3)
    assert any("halves that" in text for _, text in found.lines())
    assert dict(found.lines())["average power"].endswith("without the network")
    assert found.to_json()["without_network"]["halving_inference_s"] == found.beside.halving_s


@pytest.mark.parametrize("task", ["motion", "keyword", "person"])
def test_what_halves_a_life_halves_it_where_samples_are_copied_too(task):
    model = read(KINDS["compiled for an Ethos-U"].build())
    use = Use(battery="cr2032", period_s=60.0, task=task)
    found = assess(model, "arduino-nano-33-ble-sense", use, use_engine=False)
    half = assess(model, "arduino-nano-33-ble-sense", replace(use, latency_s=found.beside.halving_s), use_engine=False)
    assert half.battery_life_s.value == pytest.approx(found.power.battery_life_s.value / 2, rel=1e-3)
    longest = replace(use, latency_s=0.999 * found.beside.longest_s)
    assert assess(model, "arduino-nano-33-ble-sense", longest, use_engine=False).budget is not None


def test_a_duty_cycle_of_an_unknown_latency_has_no_period_and_says_so():
    model = read(KINDS["compiled for an Ethos-U"].build())
    found = assess(model, "arduino-nano-33-ble-sense", Use(duty_cycle=0.1), use_engine=False)
    assert "period, which a duty cycle makes of the latency: 10.0 s is taken" in found.power.unknown
    plain = assess(model, "arduino-nano-33-ble-sense", Use(period_s=10.0), use_engine=False)
    assert not any("duty cycle" in reason for reason in plain.power.unknown)


def test_without_a_battery_or_with_room_to_spare_nothing_halves():
    model = read(KINDS["compiled for an Ethos-U"].build())
    found = assess(model, "arduino-nano-33-ble-sense", Use(period_s=2.0), use_engine=False)
    assert found.beside.halving_s is None
    assert len(found.beside.lines()) == 1


def test_the_command_says_which_latency_would_be_too_long(tmp_path, capsys):
    path = tmp_path / "npu.tflite"
    path.write_bytes(KINDS["compiled for an Ethos-U"].build())
    asked = ["budget", str(path), "--board", "arduino-nano-33-ble-sense", "--battery", "cr2032"]
    assert main(asked) == 1
    said = capsys.readouterr().out
    assert "all but the network" in said
    assert "halves that" in said
    assert main([*asked, "--json"]) == 1
    assert '"without_network"' in capsys.readouterr().out
