"""The one chain: its parts are those of the rooms below, own figures win, and what is unknown stays unknown."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.models import small_cnn
from tinykit.budget import PERIODS_S, Use, assess, budget_power, check_fit, check_heat, sweep_periods
from tinykit.ground.errors import (
    ParameterError,
    UnknownBatteryError,
    UnknownBoardError,
    UnknownFactError,
    UnknownRuntimeError,
)
from tinykit.ground.facts import shipped_path
from tinykit.ground.quantity import Estimate
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.target import Target, board

YEAR_S = 365.25 * 86_400


@pytest.fixture(scope="module")
def graph() -> ModelGraph:
    return read(small_cnn())


@pytest.fixture(scope="module")
def found(graph):
    return assess(graph, "nucleo-u575zi-q", Use(battery="cr2032"), use_engine=False)


def test_the_chain_is_what_the_rooms_below_say(graph):
    found = assess(graph, "nucleo-l4r5zi", Use(period_s=30.0, battery="aa", ambient_c=40.0))
    fit = check_fit(graph, "nucleo-l4r5zi")
    budget = budget_power(fit.board, fit.latency_s, battery="aa", period_s=30.0, ambient_c=40.0, clock_hz=fit.clock_hz)
    assert found.fit.verdict == fit.verdict
    assert found.fit.latency_s == fit.latency_s
    assert found.budget == budget
    assert found.fit.energy_per_inference_j == budget.energy_per_inference_j
    assert found.battery_life_s == budget.battery_life_s
    assert found.t_junction_c == check_heat(fit.board, budget).t_junction_c


def test_paths_are_taken_for_model_board_and_cell(graph, tmp_path):
    model = tmp_path / "net.tflite"
    model.write_bytes(graph.data)
    files = [shipped_path("data", *parts) for parts in (("boards", "microbit-v2.toml"), ("batteries", "aa.toml"))]
    by_path = assess(model, files[0], Use(battery=files[1]), use_engine=False)
    by_name = assess(str(model), str(files[0]), Use(battery=str(files[1])), use_engine=False)
    by_id = assess(graph, "microbit-v2", Use(battery="aa"), use_engine=False)
    assert by_path.to_json() == by_name.to_json() == by_id.to_json()
    assert check_fit(model, files[0], use_engine=False).to_json() == by_id.fit.to_json() | {
        "energy_per_inference_j": check_fit(graph, "microbit-v2", use_engine=False).energy_per_inference_j.to_json()
    }


def test_lines_carry_intervals_and_bases(graph):
    lines = dict(assess(graph, "nucleo-l4r5zi", Use(battery="cr2032")).lines())
    for subject in ("needed", "latency", "energy per inference", "average power", "battery life"):
        assert "…" in lines[subject]
        assert "(modelled)" in lines[subject]
    assert "exceeds the pulse limit" in lines["look out"]


def test_one_line_and_one_document(found):
    assert repr(found).startswith("Assessment(nucleo-u575zi-q with tflm-cmsis-nn: fits, latency ")
    assert "\n" not in repr(found)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["latency_s"] == found.fit.latency_s.to_json()
    assert document["assumed"]["runtime"] == "tflm-cmsis-nn, the default on cortex-m33"
    assert document["assumed"]["as_sold"].startswith("currents of the chip alone")


@pytest.mark.parametrize(
    ("board", "subject", "said"),
    [
        ("raspberry-pi-pico-w", "battery life", "unknown: board 'raspberry-pi-pico-w' has no run current"),
        ("launchxl-f28p55x", "latency", "unknown"),
        ("launchxl-f28p55x", "junction", "unknown"),
    ],
)
def test_what_is_unknown_is_said(graph, board: str, subject: str, said: str):
    assert dict(assess(graph, board, Use(battery="cr2032")).lines())[subject].startswith(said)


def test_without_a_battery_there_is_no_life(graph):
    found = assess(graph, "nucleo-l4r5zi")
    assert found.battery_life_s is None
    assert dict(found.lines())["battery life"] == "no battery given"


class TestOwnFigures:
    def test_a_latency_of_ones_own_wins(self, graph):
        found = assess(graph, "nucleo-l4r5zi", Use(latency_s=0.25))
        assert (found.fit.latency_s.value, found.fit.latency_s.basis) == (0.25, "measured")
        assert found.budget.latency == found.fit.latency_s
        assert found.fit.energy_per_inference_j == found.budget.energy_per_inference_j

    def test_it_takes_the_place_of_one_that_is_unknown(self, graph):
        assert assess(graph, "gap9-evk").budget is None
        found = assess(graph, "gap9-evk", Use(latency_s=0.25))
        assert found.budget.duty_cycle.value == pytest.approx(0.025, rel=0.01)
        assert not any(reason.startswith("latency unknown") for reason in found.fit.reasons)

    def test_a_run_current_of_ones_own_makes_energy_known(self, graph):
        assert "energy unknown" in " ".join(assess(graph, "ek-ra8m1").fit.reasons)
        found = assess(graph, "ek-ra8m1", Use(run_current_a=0.025))
        assert found.fit.energy_per_inference_j is not None
        assert "energy unknown" not in " ".join(found.fit.reasons)

    def test_an_npu_draws_what_is_given_and_not_what_its_core_does(self, graph):
        pytest.importorskip("ethosu", reason="Vela is not installed")
        known = dataclasses.replace(
            board("corstone-300"), run_points=board("nucleo-h743zi2").run_points, supply_typical=None
        )
        target = Target(known, runtime="ethos-u")
        assert assess(graph, target).fit.energy_per_inference_j is None
        given = assess(graph, target, Use(run_current_a=0.1, supply_v=1.8))
        assert given.fit.energy_per_inference_j.value == pytest.approx(0.18 * given.fit.latency_s.value)

    def test_an_estimate_keeps_its_interval(self, graph):
        mine = Estimate(0.1, 0.05, 0.2, "s", "simulated", sources="a test")
        assert assess(graph, "nucleo-l4r5zi", Use(latency_s=mine)).fit.latency_s == mine


class TestAround:
    def test_a_sensor_is_on_while_it_senses_or_always(self, graph):
        sensing, always = (
            assess(graph, "nucleo-l4r5zi", Use(battery="cr2032", sensor="imu", sense_s=seconds)).budget
            for seconds in (1.0, 0.0)
        )
        assert "sense" in [state.name for state in sensing.states]
        charge = {name: next(line.charge_c for line in one.lines if line.name == "imu") for name, one in
                  (("sensing", sensing), ("always", always))}  # fmt: skip
        assert charge["always"] > 5 * charge["sensing"]

    def test_a_duty_cycle_sets_the_period(self, graph):
        found = assess(graph, "nucleo-h743zi2", Use(duty_cycle=0.25))
        assert found.budget.period_s == pytest.approx(4 * found.fit.latency_s.value)
        assert found.budget.duty_cycle.value == pytest.approx(0.25, rel=1e-2)
        assert found.fit.energy_per_inference_j.high / found.fit.energy_per_inference_j.value > 1.1
        assert found.fit.energy_per_inference_j == found.budget.energy_per_inference_j

    def test_heat_grows_with_the_duty_cycle_and_the_box(self, graph):
        heats = [assess(graph, "nucleo-h743zi2", Use(duty_cycle=duty)).heat for duty in (0.1, 0.5, 1.0)]
        temperatures = [heat.t_junction_c.value for heat in heats]
        assert temperatures == sorted(temperatures)
        boxed = assess(graph, "nucleo-h743zi2", Use(duty_cycle=1.0, enclosure_area_m2=50e-4)).heat
        assert boxed.t_junction_c.value > temperatures[-1]


class TestSweeps:
    def test_a_longer_period_never_shortens_the_life(self, found):
        lives = [budget.battery_life_s.value for budget in sweep_periods(found)]
        assert lives == sorted(lives)
        assert len(lives) >= len(PERIODS_S) - 12

    def test_a_point_of_the_sweep_is_the_assessment_at_its_period(self, graph, found):
        point = sweep_periods(found)[-3]
        alone = assess(graph, found.target, dataclasses.replace(found.use, period_s=point.period_s), use_engine=False)
        assert alone.budget == point

    def test_the_period_found_reaches_the_wished_life(self, graph, found):
        answer = found.shortest_period(YEAR_S)
        sure = assess(graph, found.target, Use(battery="cr2032", period_s=answer.sure), use_engine=False)
        assert sure.battery_life_s.low == pytest.approx(YEAR_S, rel=1e-4)
        assert answer.value < answer.sure
        assert found.shortest_period(300 * YEAR_S).value is None

    def test_the_best_clock_is_of_the_same_cycles(self, found):
        sweep = found.sweep_clocks()
        latency = found.fit.latency_s.value
        assert sweep.period_s == found.use.period_s
        assert sweep.points[-1].latency_s.value == pytest.approx(latency, rel=1e-6)

    def test_without_a_latency_there_is_nothing_to_sweep(self, graph):
        unknown = assess(graph, "launchxl-f28p55x", Use(battery="cr2032"))
        assert sweep_periods(unknown) == ()
        for ask in (lambda: unknown.shortest_period(YEAR_S), unknown.sweep_clocks):
            with pytest.raises(UnknownFactError, match="latency on launchxl-f28p55x is unknown, so no power budget"):
                ask()

    def test_without_a_clock_there_are_no_clocks_to_sweep(self, graph):
        item = board("nucleo-l4r5zi")
        dark = dataclasses.replace(item, cores=(dataclasses.replace(item.cores[0], clock_max=None),))
        with pytest.raises(UnknownFactError, match="the clock of board 'nucleo-l4r5zi' is unknown; give it"):
            assess(graph, dark, Use(latency_s=0.1)).sweep_clocks()


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Use(duty_cycle=0.0), ParameterError, "duty cycle 0.0; give"),
        (lambda: Use(duty_cycle=80.0), ParameterError, "duty cycle 80.0"),
        (lambda: Use(period_s=float("nan")), ParameterError, "period nan"),
        (lambda: Use(ambient_c=500.0), ParameterError, "ambient 500.0"),
        (lambda: Use(battery="cr2023"), UnknownBatteryError, "cr2032"),
        (lambda: Use(perod_s=1.0), ParameterError, "Use has no parameter 'perod_s'; nearest: period_s"),
    ],
)
def test_a_use_that_cannot_be_is_refused_before_anything_runs(make, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        make()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda g: assess(g, "nucleo-l4r5z"), UnknownBoardError, "nucleo-l4r5zi"),
        (lambda g: assess(g, Target("nucleo-l4r5zi", runtime="tflm")), UnknownRuntimeError, "runtime 'tflm' is unkn"),
        (lambda g: assess(g, "nucleo-l4r5zi", Use(latency_s=-1.0)), ParameterError, "latency -1.0 s; give seconds"),
        (lambda g: assess(g, "nucleo-l4r5zi", Use(latency_s=20.0)), ParameterError, "shorter than the time awake"),
        (lambda g: assess(3, "nucleo-l4r5zi"), ParameterError, "model of type int: give a graph"),
        (lambda g: assess(g, "nucleo-l4r5zi", usage=Use()), ParameterError, "assess has no parameter 'usage'; nearest"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(graph, call, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        call(graph)


@pytest.mark.parametrize("asked", [{"period_s": 60.0, "task": "keyword"}, {"duty_cycle": 0.5}, {"period_s": 10.0}])
def test_the_inverse_of_a_life_is_the_latency_it_was_made_with(graph, asked):
    found = assess(graph, "nucleo-l4r5zi", Use(battery="cr2032", **asked), use_engine=False)
    answer = found.longest_latency(found.battery_life_s.value)
    assert answer.value == pytest.approx(found.fit.latency_s.value, rel=1e-3)
