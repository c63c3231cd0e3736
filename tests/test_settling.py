"""What would settle a budget: one input measured at a time, the forward budget as the oracle."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.models import small_cnn
from tinykit.budget import Load, Use, assess, budget_power, make_load, plan_workload, settle_budget, transmission
from tinykit.budget.power.sensitivity import list_inputs, say_settling
from tinykit.ground.quantity import Estimate, Fact
from tinykit.model.graph.reading import read
from tinykit.predict.energy.predict import predict_run_current
from tinykit.show.cli.main import main
from tinykit.show.panels import DesignPanel, PowerPanel
from tinykit.target.boards import board

L4R5, U575, F407, NRF = map(board, ("nucleo-l4r5zi", "nucleo-u575zi-q", "stm32f407g-disc1", "nrf52840dk"))
COIN = {"battery": "cr2032", "period_s": 1.0}


@pytest.fixture(scope="module")
def graph():
    return read(small_cnn())


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(small_cnn())
    return path


def width(life: Estimate) -> float:
    return life.high - life.low


def within_5_percent(value: float, unit: str) -> Estimate:
    return Estimate(value, 0.95 * value, 1.05 * value, unit, "measured")


def test_the_run_current_measured_by_hand_gives_the_interval_that_was_promised():
    budget = budget_power(NRF, 0.5, **COIN)
    told = {one.input: one for one in settle_budget(budget)}["run current"]
    run = predict_run_current(NRF, supply_v=budget.supply_v)
    again = budget_power(NRF, 0.5, run_current_a=within_5_percent(run.value, "A"), **COIN).battery_life_s
    assert (told.then.low, told.then.high) == pytest.approx((again.low, again.high), rel=1e-9)
    assert told.now == budget.battery_life_s
    assert width(told.then) < width(told.now)


def test_the_most_telling_comes_first_and_each_narrows():
    for target, period_s in ((L4R5, 1.0), (U575, 60.0), (F407, 10.0), (NRF, 10.0)):
        found = settle_budget(budget_power(target, 0.03, battery="cr2032", period_s=period_s))
        widths = [width(one.then) for one in found]
        assert found
        assert widths == sorted(widths)
        assert all(one.then.value == pytest.approx(one.now.value, rel=1e-9) for one in found)
        assert all(width(one.then) < width(one.now) for one in found)


def test_what_draws_most_and_is_known_least_is_what_to_measure():
    rarely = settle_budget(budget_power(L4R5, 0.01, battery="cr2032", period_s=3600.0, sleep_mode="stop"))
    often = settle_budget(budget_power(NRF, 0.01, battery="cr2032", period_s=0.02))
    assert (rarely[0].input, often[0].input) == ("sleep current", "run current")
    imu = plan_workload(L4R5, 0.01, sense_s=2.0, loads=[make_load("imu", during=["sense"])], sense_at="stop")
    assert settle_budget(budget_power(L4R5, imu, battery="cr2032", period_s=10.0))[0].input == "current of the imu"


def test_every_kind_of_input_can_be_the_answer():
    radio = plan_workload(U575, 0.01, send=("wifi", 100))
    assert settle_budget(budget_power(U575, radio, battery="lipo-500", period_s=60.0))[0].input == "radio event"
    wide = Estimate(0.01, 0.001, 0.1, "s", "assumed")
    assert settle_budget(budget_power(F407, wide, **COIN))[0].input == "latency"
    exact = {"run_current_a": 8e-3, "sleep_current_a": 8e-6}
    quiet = settle_budget(budget_power(U575, 0.01, battery="lipo-500", period_s=60.0, **exact))
    assert quiet[0].input == "current of the regulator"
    rebooting = budget_power(U575, 0.001, period_s=60.0, sleep_mode="standby", **exact)
    assert settle_budget(rebooting)[0].input == "reboot"
    cell = settle_budget(budget_power(U575, 0.01, **COIN, **exact))
    assert [one.input for one in cell] == ["capacity of the cell"]


def test_a_radio_event_is_measured_in_one_piece():
    radio = plan_workload(U575, 0.01, send=("ble", 4))
    budget = budget_power(U575, radio, period_s=1.0, run_current_a=8e-3, sleep_current_a=8e-6)
    (told,) = (one for one in settle_budget(budget) if one.input == "radio event")
    event = transmission("ble", 4)
    sharp = replace(radio.after[0], duration_s=within_5_percent(event.duration_s.value, "s"),
                    current_a=within_5_percent(event.current_a.value, "A"))  # fmt: skip
    again = budget_power(U575, replace(radio, after=(sharp,)), period_s=1.0, run_current_a=8e-3, sleep_current_a=8e-6)
    assert width(told.then) == pytest.approx(width(again.average_power_w), rel=1e-6)
    assert told.figure == "average power"


def test_what_is_measured_is_not_asked_for_again():
    run = within_5_percent(8e-3, "A")
    asked = {"run_current_a": run, "sleep_current_a": 8e-6, "period_s": 0.1}
    assert settle_budget(budget_power(U575, 0.01, **asked)) == ()
    assert say_settling(()) == "no single measurement to 5% narrows it by more than 1%"


def test_own_figures_of_cell_and_regulator_take_the_place_of_the_shelf():
    exact = {"run_current_a": 8e-3, "sleep_current_a": 8e-6, "period_s": 60.0}
    shelf = budget_power(U575, 0.01, battery="cr2032", **exact)
    known = Fact(225.0, "mAh", "measured", "own discharge", low=220.0, high=230.0)
    own = budget_power(U575, 0.01, battery=replace(shelf.pack.cell, capacity=known), **exact)
    assert width(own.battery_life_s) < 0.3 * width(shelf.battery_life_s)
    loose = budget_power(U575, 0.01, battery="lipo-500", **exact)
    part = Load("regulator", Estimate.exact(1e-6, "A", "measured", "own meter"))
    sharp = budget_power(U575, plan_workload(U575, 0.01, loads=[part]), battery="lipo-500", **exact)
    assert sharp.battery_life_s.value == pytest.approx(loose.battery_life_s.value, rel=1e-9)
    assert [line.name for line in sharp.lines].count("regulator") == 1
    assert width(sharp.battery_life_s) < width(loose.battery_life_s)


def test_an_unknown_figure_says_what_it_is_unknown_for():
    dark = replace(U575, stop_current=None, standby_current=None, sleep_current=None)
    found = settle_budget(budget_power(dark, 0.01, **COIN))
    assert [str(one) for one in found] == ["measure the sleep current: without it the battery life is unknown"]
    darker = replace(dark, run_points=(), ml_power=())
    assert {one.input for one in settle_budget(budget_power(darker, 0.01, **COIN))} >= {"run current", "sleep current"}
    unknown = plan_workload(U575, 0.01, loads=[Load("rest of the board", None)])
    told = say_settling(settle_budget(budget_power(U575, unknown, **COIN)))
    assert told == "measure the current of the rest of the board: without it the battery life is unknown"


def test_what_no_input_explains_is_named_by_its_state():
    deaf = replace(NRF, stop_current=None)
    listening = plan_workload(deaf, 0.01, sense_s=1.0, sense_at="stop")
    told = settle_budget(budget_power(deaf, listening, battery="cr2032", period_s=10.0, sleep_mode="standby"))
    assert [one.input for one in told] == ["current of sense"]
    nowhere = replace(U575, supply_typical=None, run_points=(), ml_power=())
    told = settle_budget(budget_power(nowhere, 0.01, run_current_a=8e-3, sleep_current_a=8e-6))
    assert [str(one) for one in told] == ["measure the supply voltage: without it the average power is unknown"]


def test_inputs_put_back_as_they_are_change_nothing():
    radio = plan_workload(L4R5, 0.01, sense_s=2.0, send=("ble", 4), loads=[make_load("imu", during=["sense"])])
    budget = budget_power(L4R5, radio, battery="lipo-500", period_s=10.0)
    asked, inputs = list_inputs(budget)
    for one in inputs:
        again = budget_power(**one.put(asked, one.known))
        assert again.battery_life_s.value == pytest.approx(budget.battery_life_s.value, rel=1e-9), one.label
        assert width(again.battery_life_s) == pytest.approx(width(budget.battery_life_s), rel=1e-6), one.label


@pytest.mark.parametrize("mode", [None, "standby"])
@pytest.mark.parametrize("place", ["esp32-s3-devkitc-1", "raspberry-pi-pico", "nucleo-l4r5zi"])
@pytest.mark.parametrize("task", ["watch-exercises", "keyword"])
def test_what_is_told_of_a_measurement_is_what_a_budget_with_it_gives(graph, place, mode, task):
    use = Use(period_s=60.0, task=task, battery="cr2032", sleep_mode=mode)
    found = assess(graph, place, use, use_engine=False)
    told, now = {one.input: one.then for one in found.settle()}, found.battery_life_s
    board_now, volts, clock = found.budget.board, found.budget.supply_v, found.target.clock_hz
    run = predict_run_current(board_now, supply_v=volts, clock_hz=clock)
    for name, field, known in (("run current", "run_current_a", run), ("latency", "latency_s", found.fit.latency_s)):
        low, high = max(known.low, 0.95 * known.value), min(known.high, 1.05 * known.value)
        measured = Estimate(known.value, low, high, known.unit, "measured")
        again = replace(use, **{field: measured}, sleep_mode=found.budget.sleep_mode)
        then = assess(graph, place, again, use_engine=False).battery_life_s
        if name in told:
            assert told[name].low == pytest.approx(then.low, rel=1e-6)
            assert told[name].high == pytest.approx(then.high, rel=1e-6)
        else:
            assert width(then) >= 0.98 * width(now)


def test_every_door_says_it(network, graph, capsys):
    found = assess(graph, L4R5, Use(period_s=10.0, battery="cr2032"))
    told = str(found.settle()[0])
    assert ("to settle it", told) in found.lines()
    assert found.to_json()["settle"][0]["input"] == found.settle()[0].input
    for panel in (DesignPanel(graph), PowerPanel(graph)):
        assert "to settle it" in panel.verdict.value
    asked = ["budget", str(network), "--board", "nucleo-l4r5zi", "--battery", "cr2032", "--period", "10"]
    main(asked)
    assert "- measure the " in capsys.readouterr().out
    main([*asked, "--json"])
    assert json.loads(capsys.readouterr().out)["settle"][0]["now"]["unit"] == "s"


def test_a_duty_cycle_is_settled_as_a_period_is(graph):
    found = assess(graph, L4R5, Use(duty_cycle=0.1, battery="cr2032"))
    assert found.settle()[0].now.value == pytest.approx(found.battery_life_s.value, rel=1e-9)
    assert "latency" not in [one.input for one in found.settle()]
