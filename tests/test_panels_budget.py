"""Plots and panels of workloads, clocks and offloading: they show what the pure functions answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.models import hybrid, small_cnn
from tinykit.budget.assessment.chain import assess
from tinykit.budget.assessment.use import Use
from tinykit.budget.offload import SENSORS, compare_offload, weigh_design
from tinykit.budget.power.budget import budget_power
from tinykit.budget.power.dvfs import sweep_clocks
from tinykit.budget.power.sensitivity import swing_life
from tinykit.budget.power.workload import make_load, plan_workload
from tinykit.budget.thermal.warming import follow_bursts
from tinykit.ground.errors import ParameterError, UnknownFactError, UnknownSensorError
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.show.panels import BurstPanel, ClockPanel, CloudPanel, TimelinePanel
from tinykit.show.plots import plot_clocks, plot_lines, plot_offload, plot_stack, plot_stages, plot_tornado, to_png
from tinykit.target.boards import board

U575 = board("nucleo-u575zi-q")
F407 = board("stm32f407g-disc1")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def graph() -> ModelGraph:
    return read(small_cnn())


@pytest.fixture
def workload_budget():
    work = plan_workload(U575, 0.03, sense_s=0.5, gate_rate=0.1, send=("ble", 20), loads=[make_load("led")])
    return budget_power(U575, work, period_s=10.0, battery="cr2032")


def test_the_charge_bars_fill_their_axes(workload_budget):
    ax = plot_lines(workload_budget)
    for row in (0, 1):
        widths = [bar.get_width() for bar in ax.patches if abs(bar.get_y() + 0.275 - row) < 0.01]
        assert sum(widths) == pytest.approx(1.0, rel=1e-9)


def test_the_stack_holds_every_consumer_and_sums_to_the_states(workload_budget):
    tops = [sum(flow) for flow in zip(*(line.currents_a for line in workload_budget.lines), strict=True)]
    assert tops == pytest.approx([state.current_a.value for state in workload_budget.states], rel=1e-9)
    for line in workload_budget.lines:
        times = (state.duration_s.value for state in workload_budget.states)
        assert sum(i * t for i, t in zip(line.currents_a, times, strict=True)) == pytest.approx(line.charge_c, rel=1e-9)
    ax = plot_stack(workload_budget)
    assert len(ax.patches) == len(workload_budget.lines)
    assert [tick.get_text().split("\n")[0] for tick in ax.get_xticklabels()] == [
        state.name for state in workload_budget.states
    ]
    assert not plot_stack(budget_power(replace(U575, run_points=(), ml_power=()), 0.03)).axison


def test_the_sun_shines_on_a_box_only(graph):
    panel = BurstPanel(graph)
    open_air = panel.result
    panel.sun.value = "black"
    assert panel.result == open_air
    panel.box_cm2.value = 88.0
    assert panel.result.report.sun_w.value > 1.0
    assert "touch limit" in panel.verdict.value


def test_every_state_has_a_row(workload_budget):
    ax = plot_stages(workload_budget)
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == [state.name for state in reversed(workload_budget.states)]
    ends = [bar.get_x() + bar.get_width() for bar in ax.patches]
    assert ends == pytest.approx([state.current_a.value for state in reversed(workload_budget.states)], rel=1e-9)
    assert not plot_stages(budget_power(replace(U575, run_points=(), ml_power=()), 0.03)).axison


def test_the_tornado_draws_its_swings(workload_budget):
    tornado = swing_life(workload_budget)
    ax = plot_tornado(tornado, most=5)
    assert len(ax.patches) == 5
    top = ax.patches[-1]
    assert top.get_width() == pytest.approx(tornado.swings[0].width_s / 86_400, rel=1e-9)
    assert ax.get_xlabel() == "battery life [days]"
    assert not plot_tornado(replace(tornado, swings=())).axison


def test_the_clock_plot_marks_both_best(workload_budget):
    sweep = sweep_clocks(F407, 2e6, 0.1)
    ax = plot_clocks(sweep)
    marked = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    assert marked == [sweep.best(idle).clock_hz / 1e6 for idle in ("sleep", "stop")]
    dark = sweep_clocks(replace(F407, sleep_current=None, stop_current=None), 2e6, 0.1)
    assert not plot_clocks(dark).axison


def test_edge_and_cloud_stand_side_by_side_or_say_why_not():
    found = compare_offload(U575, 0.03, SENSORS["keyword"], "ble", period_s=60.0)
    ax = plot_offload(found)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["cloud", "edge"]
    assert found.verdict in ax.get_title(loc="left")
    dark = replace(U575, run_points=(), ml_power=())
    assert not plot_offload(compare_offload(dark, 0.03, SENSORS["keyword"], "ble", period_s=60.0)).axison
    assert not plot_lines(budget_power(dark, 0.03)).axison
    assert to_png(ax.figure).startswith(PNG)


def test_a_line_too_long_gives_up_inputs_and_never_the_result(graph):
    panel = CloudPanel(graph, board="adafruit-feather-nrf52840-sense", sensor="keyword", radio="lora")
    panel.sent.value = 0.01
    assert repr(panel).endswith(f"…): {panel.summarise(panel.result)}")
    assert repr(panel).startswith("CloudPanel(board=adafruit-feather-nrf52840-sense, ")
    assert len(repr(panel)) == 109


def test_panels_show_what_the_pure_functions_answer(graph):
    heat = assess(graph, "nucleo-h743zi2", Use(duty_cycle=10 / 110)).heat
    assert BurstPanel(graph).result == follow_bursts(heat, 10.0, 100.0)
    planned = assess(graph, "nucleo-l4r5zi", Use(period_s=10.0, battery="cr2032"))
    assert TimelinePanel(graph).result == planned.budget
    assert dict(TimelinePanel(graph).tell(planned.budget))["to settle it"] == str(planned.settle()[0])
    assert ClockPanel(graph).result == assess(graph, "stm32f407g-disc1", Use(period_s=0.1)).sweep_clocks()
    found = weigh_design(planned, sensor="motion", radio="ble")
    assert CloudPanel(graph).result.edge_latency_s == found.edge_latency_s == planned.fit.latency_s


def test_a_timeline_counts_the_sensor_it_is_given_or_none(graph):
    coin = {"period_s": 10.0, "battery": "cr2032"}
    for sensor in ("imu", "microphone-pdm", "none"):
        found = assess(graph, "nucleo-l4r5zi", Use(sensor=sensor, sense_s=0.0, **coin))
        assert TimelinePanel(graph, sensor=sensor).result == found.budget
    panel = TimelinePanel(graph, sensor="none")
    panel.sense_s.value = 2.0
    assert [line.name for line in panel.result.lines] == ["microcontroller"]
    with pytest.raises(UnknownSensorError, match="sensor 'imus' is unknown; nearest: imu"):
        TimelinePanel(graph, sensor="imus")


def test_a_design_is_weighed_with_its_latency_or_not_at_all(graph):
    unknown = replace(U575, cores=(replace(U575.cores[0], name="cortex-x"),))
    with pytest.raises(UnknownFactError, match="latency on nucleo-u575zi-q is unknown"):
        weigh_design(assess(graph, unknown), sensor="motion", radio="ble")
    with pytest.raises(ParameterError, match="sensor 'moton' is unknown; nearest: motion"):
        weigh_design(assess(graph, U575), sensor="moton", radio="ble")


def test_a_timeline_without_a_network_says_so():
    """What TFLM refuses draws nothing: the life that is left is not that of a device that works."""
    panel = TimelinePanel(read(hybrid()))
    assert panel.summarise(panel.compute()).startswith("without the network: ")
    told = dict(panel.tell(panel.result))
    assert told["to settle it"] == "measure the latency: without it the battery life is unknown"
    assert not TimelinePanel(read(small_cnn())).verdict.value.startswith("without the network")
