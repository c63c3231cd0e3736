"""Sensors, signals and the board as sold: records, and what they do to a budget."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.models import small_cnn
from tinykit.budget import FrontEnd, Use, assess, budget_power, plan_workload
from tinykit.ground.errors import FactError, ParameterError, UnknownSensorError, UnknownTaskError
from tinykit.ground.quantity import Estimate, Fact, format_quantity
from tinykit.model.graph.reading import read
from tinykit.target import (
    AsSold,
    Sensor,
    Target,
    board,
    find_sensor,
    find_signal,
    list_sensors,
    list_signals,
    read_board,
)
from tinykit.train.datasets.card import card_names

SENSOR = 'name = "mine"\ncurrent = {value = 1e-3, unit = "A", kind = "measured", source = "my multimeter"}\n'
L4R5, H743 = board("nucleo-l4r5zi"), board("nucleo-h743zi2")
YEAR_S = 365.25 * 86_400


def amperes(value: float) -> Fact:
    return Fact(value, "A", "measured", "a test's figure")


MINE = Sensor("mine", "a sensor of a test", amperes(2e-3), idle_current=amperes(1e-4))


@pytest.fixture(scope="module")
def graph():
    return read(small_cnn())


def life(graph, target="nucleo-l4r5zi", **use):
    return assess(graph, target, Use(battery="cr2032", **use), use_engine=False)


class TestRecords:
    def test_every_task_of_the_kit_says_what_it_listens_to(self):
        for task in card_names():
            assert find_signal(task).sensor in {one.id for one in list_sensors()}, task

    def test_a_signal_names_a_sensor_and_a_front_end_that_exist(self):
        for signal in list_signals():
            assert find_sensor(signal.sensor).current.value > 0
            assert FrontEnd(**dict(signal.front_end)).kind
            assert signal.raw_bytes > 0

    def test_a_file_of_ones_own_is_taken_where_an_id_is(self, graph, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text(SENSOR)
        assert find_sensor(path) == find_sensor(str(path)) == find_sensor(find_sensor(path))
        lines = life(graph, sensor=path).budget.lines
        assert [one.name for one in lines] == ["microcontroller", "mine"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (SENSOR + 'fills = "dream"\n', "allowed: stop, sleep, run"),
            (SENSOR + "channels = 0\n", "whole number from 1"),
            (SENSOR + "bits = 16.5\n", "whole number"),
            (SENSOR + 'id = "x"\n', "leave it out"),
            (SENSOR.replace('"A"', '"mA"'), "allowed: 'A'"),
            (SENSOR.replace("1e-3", "nan"), "absurd|finite|not a"),
            (SENSOR.replace("1e-3", "1e6"), "absurd"),
            ('name = "no current"\n', "no 'current'"),
        ],
    )
    def test_a_file_that_is_no_sensor_says_why(self, tmp_path, text, said):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        with pytest.raises(FactError, match=said):
            find_sensor(path)

    def test_a_misspelt_id_names_the_nearest(self, graph):
        with pytest.raises(UnknownSensorError, match="imu"):
            Use(sensor="inu")
        with pytest.raises(UnknownTaskError, match="keyword"):
            Use(task="keywords")


class TestSensing:
    def test_the_task_brings_sensor_window_and_front_end(self, graph):
        found = life(graph, task="keyword", period_s=60)
        assert [one.name for one in found.budget.lines] == ["microcontroller", "microphone-pdm", "peripherals"]
        assert {"sense", "front end", "capture"} <= {state.name for state in found.budget.states}

    def test_each_can_be_set_to_nothing(self, graph):
        none = life(graph, task="keyword", period_s=60, sensor="none", front_end=FrontEnd("none"))
        assert none.budget.states == life(graph, period_s=60).budget.states
        said = "no sensor is counted"
        assert said in str(life(graph).lines())
        assert said not in str(none.lines())

    def test_the_charge_of_a_sensor_is_its_current_for_its_time(self, graph):
        found = life(graph, sensor=replace(MINE, idle_current=None), sense_s=3.0, period_s=20)
        assert found.budget.lines[1].charge_c == pytest.approx(3.0 * 2e-3, rel=1e-9)
        with_idle = life(graph, sensor=MINE, sense_s=3.0, period_s=20)
        assert with_idle.budget.lines[1].charge_c == pytest.approx(3.0 * 2e-3 + 17.0 * 1e-4, rel=1e-6)

    def test_start_up_is_on_time(self, graph):
        slow = replace(MINE, start_up=Fact(0.5, "s", "measured", "a test's figure"))
        sense = next(state for state in life(graph, sensor=slow, sense_s=3.0).budget.states if state.name == "sense")
        assert sense.duration_s.value == pytest.approx(3.5)

    def test_a_window_longer_than_the_period_leaves_the_sensor_on(self, graph):
        """Limit: below its window a period no longer changes what the sensor takes."""
        short, shorter = (life(graph, sensor=MINE, sense_s=3.0, period_s=period).budget for period in (2.0, 0.5))
        for budget in (short, shorter):
            assert budget.lines[1].charge_c / budget.period_s == pytest.approx(2e-3, rel=1e-9)
            assert sum(state.duration_s.value for state in budget.states) == pytest.approx(budget.period_s)
            assert budget.duty_cycle.value < 0.02

    def test_life_rises_with_the_period(self, graph):
        periods = (0.1, 1.0, 2.0, 2.001, 2.1, 5.0, 60.0, 3600.0, 86_400.0)
        lives = [life(graph, task="watch-exercises", period_s=one).battery_life_s.value for one in periods]
        assert lives == sorted(lives)

    def test_copies_take_time_where_samples_stream_through_the_core(self):
        work = plan_workload(L4R5, 0.02, front_end=FrontEnd("mfcc", 49, 480), capture_factor=1.5)
        front, capture = (stage.duration_s.value for stage in work.before)
        assert capture == pytest.approx(0.5 * (front + 0.02))
        with pytest.raises(ParameterError, match="capture factor"):
            plan_workload(L4R5, 0.02, capture_factor=0.9)


class TestSleep:
    def test_the_best_mode_is_the_one_that_lasts_longest_at_ten_seconds_and_at_an_hour(self, graph):
        for period in (10.0, 3600.0):
            lives = {
                mode: life(graph, "nucleo-h743zi2", period_s=period, sleep_mode=mode).battery_life_s.value
                for mode in ("stop", "standby")
            }
            chosen = life(graph, "nucleo-h743zi2", period_s=period).budget
            assert chosen.battery_life_s.value == pytest.approx(lives[chosen.sleep_mode])
        assert chosen.sleep_mode == "standby"
        assert lives["standby"] > 20 * lives["stop"]

    def test_a_reboot_is_a_state_with_its_time_and_charge(self, graph):
        own = life(graph, period_s=3600.0, sleep_mode="standby", boot_s=0.1).budget
        reboot = own.states[0]
        assert reboot.name == "reboot"
        wake = L4R5.standby_wakeup.value if L4R5.standby_wakeup else 0.0
        assert reboot.duration_s.value == pytest.approx(0.1 + wake)
        assert 0.2 * own.states[1].current_a.low <= reboot.current_a.low <= reboot.current_a.high
        with pytest.raises(ParameterError, match="boot time"):
            life(graph, sleep_mode="standby", boot_s=-1.0)

    def test_ram_is_kept_where_a_reboot_does_not_pay(self, graph):
        assert life(graph, period_s=2.0).budget.sleep_mode == "stop"
        assert "the one that takes the least" in dict(life(graph).lines())["asleep"]
        assert "the one" not in dict(life(graph, sleep_mode="stop").lines())["asleep"]

    def test_one_s_own_sleep_current_is_that_of_stop(self, graph):
        assert life(graph, period_s=86_400.0, sleep_current_a=1e-6).budget.sleep_mode == "stop"

    def test_a_mode_nobody_knows_is_never_chosen(self):
        blind = replace(H743, standby_current=None)
        assert budget_power(blind, 0.01, period_s=86_400.0).sleep_mode == "stop"
        deep = replace(H743, stop_current=None, sleep_current=None)
        assert budget_power(deep, 0.01, period_s=10.0, battery="aa").sleep_mode == "standby"


class TestAsSold:
    SOLD = AsSold(sleep_current=amperes(5e-3), feed="USB, 5 V", draws="a regulator", cut="jumper JP1")

    def test_the_rest_of_the_board_is_a_line_of_its_own(self, graph):
        sold = replace(L4R5, as_sold=self.SOLD)
        chip, whole = (life(graph, Target(sold, as_sold=face)) for face in (False, True))
        rest = whole.budget.lines[-1]
        assert rest.name == "rest of the board"
        assert rest.charge_c == pytest.approx((5e-3 - L4R5.stop_current.value) * 10.0, rel=1e-6)
        assert chip.battery_life_s.value > 100 * whole.battery_life_s.value
        assert chip.other_face().battery_life_s == whole.battery_life_s
        assert whole.other_face().battery_life_s == chip.battery_life_s

    def test_both_faces_are_told_where_they_differ(self, graph):
        told = [
            said for subject, said in life(graph, replace(L4R5, as_sold=self.SOLD)).lines() if subject == "look out"
        ]
        assert any("board as sold lasts" in said and "JP1" in said for said in told)
        close = replace(L4R5, as_sold=AsSold(sleep_current=amperes(2.6e-6)))
        assert "as sold lasts" not in str(life(graph, close).lines())

    def test_which_was_budgeted_stands_in_the_answer(self, graph):
        for face, said in ((False, "chip alone"), (True, "as sold, USB")):
            found = life(graph, Target(replace(L4R5, as_sold=self.SOLD), as_sold=face))
            assert said in found.to_json()["assumed"]["as_sold"]

    def test_nobody_measured_it(self, graph):
        found = life(graph, Target(replace(L4R5, as_sold=None), as_sold=True))
        assert found.battery_life_s is None
        assert any("rest of the board" in reason for reason in found.budget.unknown)

    def test_a_record_of_the_whole_board_is_the_board_as_sold(self, graph):
        pico = [life(graph, Target("raspberry-pi-pico", as_sold=face)).battery_life_s for face in (False, True)]
        assert pico[0] == pico[1]

    def test_a_table_without_a_current_is_refused(self, tmp_path):
        text = (
            'id = "mine"\nname = "m"\nvendor = "v"\nmcu = "x"\n[as_sold]\nfeed = "USB"\n[[cores]]\nname = "cortex-m4"\n'
        )
        path = tmp_path / "mine.toml"
        path.write_text(text)
        with pytest.raises(FactError, match="says no current"):
            read_board(path)
        path.write_text(text.replace('[as_sold]\nfeed = "USB"', "as_sold = 3"))
        with pytest.raises(FactError, match=r"write a table \[as_sold\]"):
            read_board(path)


def test_an_estimate_of_the_factor_keeps_its_interval():
    factor = Estimate(1.5, 1.0, 1.8, "1", "modelled", sources="a test")
    capture = plan_workload(L4R5, 0.02, capture_factor=factor).before[0]
    assert capture.duration_s.low == pytest.approx(0.0, abs=1e-12)
    assert capture.duration_s.high == pytest.approx(0.8 * 0.02)


def test_a_window_or_a_message_that_is_none_is_refused_where_it_is_given(graph):
    for given in (-0.03, float("nan"), -1.0):
        with pytest.raises(ParameterError, match=r"sense_s .* is outside 0 to"):
            Use(task="motion", sense_s=given)
    for message in ("lora", ("lora",), ("lora", 12, 7)):
        with pytest.raises(ParameterError, match="give the radio and the bytes of a message"):
            Use(send=message)
    with pytest.raises(ParameterError, match="payload -3 is outside"):
        Use(send=("lora", -3))
    assert Use(beside="led") == Use(beside=("led",))


def test_a_board_without_a_sleep_current_listens_at_a_share_of_its_run_current(graph):
    mute = replace(L4R5, sleep_current=None)
    found = life(graph, mute, period_s=60.0, task="keyword", run_current_a=10e-3)
    sense = next(state for state in found.budget.states if state.name == "sense")
    heard = found.use.senses.current.value + 0.036 * 10e-3
    assert sense.current_a.value == pytest.approx(0.23 * 10e-3 + heard, rel=1e-3)
    assert found.battery_life_s.high / found.battery_life_s.low > 1.5


def test_it_is_said_where_a_usual_reboot_would_take_less(graph):
    said = dict(life(graph, "nucleo-h743zi2", period_s=1.0, sensor="none").lines())["asleep"]
    standby = life(graph, "nucleo-h743zi2", period_s=1.0, sensor="none", sleep_mode="standby")
    assert said.startswith(
        "STOP, RAM kept, the one that takes the least if a reboot is slow (STANDBY with one of 5.00 ms"
    )
    assert f"{format_quantity(standby.budget.average_current_a.value, 'A')} on average instead of" in said
    for period_s in (0.02, 3600.0):
        told = dict(life(graph, "nucleo-h743zi2", period_s=period_s, sensor="none").lines())["asleep"]
        assert "if a reboot is slow" not in told


@pytest.mark.parametrize("target", ["nucleo-l4r5zi", "nrf52840dk"])
def test_without_its_sensor_a_device_is_the_chip_alone(graph, target):
    watch = life(graph, target, task="watch-exercises")
    bare = watch.without_sensor()
    assert bare == life(graph, target, task="watch-exercises", sensor="none").budget
    assert bare.battery_life_s.value > 3 * watch.battery_life_s.value
    assert life(graph, target).without_sensor() is None
