"""Looking ahead: the parts are those of the rooms below, and what is unknown stays unknown."""

from __future__ import annotations

import gzip

import pytest

from tests.models import Net, small_cnn
from tinykit.budget.assessment import PERIODS_S, find_period, look_ahead, look_hot, sweep_periods
from tinykit.budget.fit import check_fit
from tinykit.budget.power import budget_power
from tinykit.budget.thermal import check_heat
from tinykit.choose.ledger import measure_sizes
from tinykit.ground.errors import ParameterError, UnknownBatteryError, UnknownBoardError, UnknownFactError
from tinykit.model.graph import ModelGraph, read

YEAR_S = 365.25 * 86_400


@pytest.fixture(scope="module")
def graph() -> ModelGraph:
    return read(small_cnn())


@pytest.fixture(scope="module")
def fit(graph):
    return check_fit(graph, "nucleo-u575zi-q", use_engine=False)


def test_the_outlook_is_what_the_rooms_below_say(graph):
    outlook = look_ahead(graph, "nucleo-l4r5zi", period_s=30.0, battery="aa", ambient_c=40.0)
    fit = check_fit(graph, "nucleo-l4r5zi")
    budget = budget_power(fit.board, fit.latency_s, battery="aa", period_s=30.0, ambient_c=40.0, clock_hz=fit.clock_hz)
    assert outlook.fit.verdict == fit.verdict
    assert outlook.battery_life_s == budget.battery_life_s
    assert outlook.t_junction_c == check_heat(fit.board, budget).t_junction_c


def test_lines_carry_intervals_and_bases(graph):
    lines = dict(look_ahead(graph, "nucleo-l4r5zi", battery="cr2032").lines())
    for subject in ("needed", "latency", "energy per inference", "average power", "battery life"):
        assert "…" in lines[subject]
        assert "(modelled)" in lines[subject]
    assert "exceeds the pulse limit" in lines["look out"]


@pytest.mark.parametrize(
    ("board", "subject", "said"),
    [
        ("raspberry-pi-pico", "battery life", "unknown: board 'raspberry-pi-pico' has no run current"),
        ("launchxl-f28p55x", "latency", "unknown"),
        ("launchxl-f28p55x", "junction", "unknown"),
    ],
)
def test_what_is_unknown_is_said(graph, board: str, subject: str, said: str):
    assert dict(look_ahead(graph, board, battery="cr2032").lines())[subject].startswith(said)


def test_without_a_battery_there_is_no_life(graph):
    outlook = look_ahead(graph, "nucleo-l4r5zi")
    assert outlook.battery_life_s is None
    assert dict(outlook.lines())["battery life"] == "no battery given"


def test_a_longer_period_never_shortens_the_life(fit):
    lives = [budget.battery_life_s.value for budget in sweep_periods(fit, battery="cr2032")]
    assert lives == sorted(lives)
    assert len(lives) >= len(PERIODS_S) - 12


def test_the_period_found_reaches_the_wished_life(fit):
    period_s = find_period(fit, battery="cr2032", wished_s=YEAR_S)
    reached = budget_power(fit.board, fit.latency_s, battery="cr2032", period_s=period_s, clock_hz=fit.clock_hz)
    assert reached.battery_life_s.low == pytest.approx(YEAR_S, rel=0.02)


def test_a_life_that_is_never_reached_has_no_period(fit):
    assert find_period(fit, battery="cr2032", wished_s=500 * YEAR_S) is None


def test_a_life_that_is_always_reached_has_the_shortest_period(fit):
    assert find_period(fit, battery="cr2032", wished_s=1.0) == sweep_periods(fit, battery="cr2032")[0].period_s


def test_boards_without_latency_have_no_sweep(graph):
    report = check_fit(graph, "launchxl-f28p55x", use_engine=False)
    assert sweep_periods(report, battery="cr2032") == ()
    assert find_period(report, battery="cr2032", wished_s=YEAR_S) is None


def test_heat_grows_with_the_duty_cycle_and_the_box(graph):
    reports = [look_hot(graph, "nucleo-h743zi2", duty_cycle=duty) for duty in (0.1, 0.5, 1.0)]
    temperatures = [report.t_junction_c.value for report in reports]
    assert temperatures == sorted(temperatures)
    boxed = look_hot(graph, "nucleo-h743zi2", duty_cycle=1.0, enclosure_area_m2=50e-4)
    assert boxed.t_junction_c.value > temperatures[-1]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda g, f: look_hot(g, "nucleo-l4r5zi", duty_cycle=0.0), ParameterError, "duty cycle 0.0; give"),
        (lambda g, f: look_hot(g, "nucleo-l4r5zi", duty_cycle=80.0), ParameterError, "duty cycle 80.0"),
        (lambda g, f: look_hot(g, "launchxl-f28p55x", duty_cycle=0.5), UnknownFactError, "latency on board"),
        (lambda g, f: find_period(f, battery="cr2032", wished_s=-1.0), ParameterError, "wished life -1.0 s"),
        (lambda g, f: find_period(f, battery="cr2032", wished_s=float("nan")), ParameterError, "wished life nan"),
        (lambda g, f: sweep_periods(f, battery="cr2023"), UnknownBatteryError, "cr2032"),
        (lambda g, f: look_ahead(g, "nucleo-l4r5z"), UnknownBoardError, "nucleo-l4r5zi"),
        (lambda g, f: look_ahead(g, "nucleo-l4r5zi", period_s=float("nan")), ParameterError, "period"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(graph, fit, call, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        call(graph, fit)


def test_sizes_are_of_the_file_and_gzip_is_kept_apart(graph):
    sizes = measure_sizes("int8", graph)
    assert sizes.flatbuffer_bytes == len(graph.data)
    assert sizes.flash_bytes.value > sizes.flatbuffer_bytes
    assert sizes.gzip_bytes == len(gzip.compress(graph.data, 9, mtime=0))


def test_the_flash_of_an_unknown_runtime_is_unknown(graph):
    assert measure_sizes("int8", graph, runtime="x-cube-ai").flash_bytes is None


def test_a_hybrid_layout_of_one_operator_still_has_sizes():
    assert measure_sizes("one", read(Net((1, 4)).dense(2).to_bytes())).flatbuffer_bytes > 0
