"""Workloads: stages, cascades, front ends, radios, loads; a year event by event against the closed form."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from tests.power_simulation import simulate_run
from tinykit.budget import (
    FRONT_ENDS,
    Activity,
    FrontEnd,
    Load,
    State,
    Workload,
    ble_airtime,
    budget_power,
    fft_operations,
    front_end_cycles,
    front_end_time,
    lora_airtime,
    make_load,
    plan_workload,
    transmission,
)
from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.ground.quantity import Estimate
from tinykit.target.boards import board

U575 = board("nucleo-u575zi-q")
GIVEN = {"run_current_a": 9.56e-3, "sleep_current_a": 9.3e-6, "derate": False}


def seconds(value: float) -> Estimate:
    return Estimate.exact(value, "s", "measured", "test")


def listener(**more) -> Workload:
    """Keyword spotting as a cascade: a microphone, an MFCC, a gate, the network, a BLE event."""
    return plan_workload(
        U575,
        0.0289,
        sense_s=0.1,
        front_end=FrontEnd("mfcc", frames=5, samples=512),
        gate_s=2e-3,
        gate_rate=0.2,
        decide_s=1e-4,
        send=("ble", 20),
        loads=[make_load("microphone-pdm", during=["sense"]), make_load("led", 1e-6)],
        **more,
    )


def test_a_plain_latency_and_a_workload_of_it_are_one():
    given = Estimate.exact(0.0289, "s", "measured", "test")
    assert budget_power(U575, given, **GIVEN) == budget_power(U575, Workload(given), **GIVEN)


def test_states_come_in_order_and_share_their_charge_among_lines():
    budget = budget_power(U575, listener(), battery="cr2032", **GIVEN)
    names = [state.name for state in budget.states]
    assert names == ["sense", "front end", "gate", "inference", "decide", "transmit", "sleep"]
    total = budget.average_current_a.value * budget.period_s
    assert sum(state.charge_c.value for state in budget.states) == pytest.approx(total, rel=1e-12)
    assert sum(line.charge_c for line in budget.lines) == pytest.approx(total, rel=1e-12)
    assert sum(line.share for line in budget.lines) == pytest.approx(1.0, rel=1e-12)
    assert [line.name for line in budget.lines] == ["microcontroller", "radio", "microphone-pdm", "led"]
    assert sum(state.duration_s.value for state in budget.states) == pytest.approx(1.0, rel=1e-12)


def test_a_gate_divides_what_follows_it():
    budget = budget_power(U575, listener(), **GIVEN)
    network = next(state for state in budget.states if state.name == "inference")
    assert network.duration_s.value == pytest.approx(0.2 * 0.0289, rel=1e-12)
    assert network.burst_s == pytest.approx(0.0289, rel=1e-12)
    assert network.times == 0.2
    sent = next(state for state in budget.states if state.name == "transmit")
    assert sent.times == 0.2


def test_a_rarer_gate_never_costs_more():
    def average(rate: float) -> float:
        work = plan_workload(U575, 0.0289, gate_s=1e-3, gate_rate=rate)
        return budget_power(U575, work, **GIVEN).average_current_a.value

    averages = [average(rate) for rate in (0.0, 0.01, 0.1, 0.5, 1.0)]
    assert averages == sorted(averages)
    always = budget_power(U575, 0.0289 + 1e-3, **GIVEN).average_current_a.value
    assert averages[-1] == pytest.approx(always, rel=1e-12)
    never = budget_power(U575, 1e-3, **GIVEN).average_current_a.value
    assert averages[0] == pytest.approx(never, rel=1e-12)


def test_the_gate_s_burst_decides_the_brown_out_not_its_mean():
    work = plan_workload(U575, 0.0289, gate_rate=0.001, send=("wifi", 100))
    budget = budget_power(U575, work, battery="cr2032", **GIVEN)
    assert any("exceeds the pulse limit" in finding for finding in budget.findings)


def test_an_evaluation_board_s_extras_own_the_budget():
    bare = budget_power(U575, 0.0289, period_s=60.0, **GIVEN)
    work = Workload(seconds(0.0289), loads=(make_load("led"), make_load("debugger"), make_load("board-regulator")))
    budget = budget_power(U575, work, period_s=60.0, **GIVEN)
    assert budget.average_current_a.value > 2 * bare.average_current_a.value
    shares = {line.name: line.share for line in budget.lines}
    assert shares["debugger"] > shares["board-regulator"] > shares["led"] > shares["microcontroller"]


def test_what_a_radio_takes_is_its_own_line_and_not_the_microcontroller_s():
    budget = budget_power(U575, plan_workload(U575, 0.0289, send=("ble", 20)), **GIVEN)
    sent = next(state for state in budget.states if state.name == "transmit")
    microcontroller, radio = budget.lines[:2]
    assert radio.charge_c == pytest.approx(sent.charge_c.value, rel=1e-12)
    assert [bool(amperes) for amperes in radio.currents_a] == [state is sent for state in budget.states]
    assert microcontroller.currents_a[budget.states.index(sent)] == 0.0
    assert "radio" not in [line.name for line in budget_power(U575, 0.0289, **GIVEN).lines]


def test_a_regulator_is_a_line():
    budget = budget_power(board("nucleo-l4r5zi"), 0.05, battery="lipo-500", supply_v=3.0, period_s=60.0)
    assert budget.lines[-1].name == "regulator"
    assert budget.lines[-1].charge_c == pytest.approx(1e-6 * 60.0, rel=1e-6)


def test_an_unknown_current_leaves_the_total_unknown_with_a_reason():
    mute = replace(U575, sleep_current=None)
    budget = budget_power(mute, plan_workload(mute, 0.01, sense_s=0.1), **GIVEN, sleep_mode="stop")
    assert budget.states[-3].current_a.value == pytest.approx(0.23 * 9.56e-3), "a share of the run current"
    mute = replace(mute, run_points=(), ml_power=())
    budget = budget_power(mute, plan_workload(mute, 0.01, sense_s=0.1), sleep_current_a=9.3e-6)
    assert budget.average_current_a is None
    assert any("'sense' is unknown" in reason for reason in budget.unknown)
    work = Workload(seconds(0.01), loads=(Load("modem", None),))
    assert budget_power(U575, work, **GIVEN).average_current_a is None
    with pytest.raises(UnknownFactError, match="nothing can be simulated"):
        simulate_run(budget)


def test_a_halted_core_draws_as_on_record_as_a_share_or_at_most_as_a_running_one():
    own, mute = Estimate.exact(1e-3, "A", "measured", "test"), replace(U575, sleep_current=None)
    on_record = plan_workload(U575, 0.01, sense_s=0.1)

    def sense(where, run) -> Estimate:
        states = budget_power(where, on_record, run_current_a=run, sleep_current_a=9.3e-6).states
        return next(state.current_a for state in states if state.name == "sense")

    assert sense(U575, 9.56e-3).value == pytest.approx(U575.sleep_current.value)
    assert sense(U575, own) == own, "a core that halts draws no more than one that runs"
    share = sense(mute, own)
    assert (share.low, share.value, share.high) == pytest.approx((0.15e-3, 0.23e-3, 0.5e-3))
    assert "share of the run current" in share.source


def test_a_gate_that_never_opens_copies_nothing_for_its_network():
    front = FrontEnd("mfcc", frames=5, samples=512)

    def copies(rate: float, latency: float) -> float:
        work = plan_workload(U575, latency, front_end=front, gate_rate=rate, capture_factor=1.5)
        return next(stage.duration_s.value for stage in work.before if stage.name == "capture")

    assert copies(0.0, 0.2) == pytest.approx(copies(0.0, 0.01))
    assert copies(0.5, 0.2) == pytest.approx(copies(0.0, 0.2) + 0.5 * 0.5 * 0.2)


def test_a_full_fifo_wakes_the_core_once_more_where_there_is_time():
    way = State("wake-up", seconds(8e-3), Estimate.exact(40e-3, "A", "measured", "test"))
    imu = make_load("imu", during=["sense"])
    work = plan_workload(U575, 0.01, sense_s=2.0, sense_at="stop", loads=[imu]).plus_waking(way)
    assert plan_workload(U575, 0.01, sense_s=2.0).plus_waking(way).before[1:] == (), "clocks on: nothing to wake from"
    for period_s, told in (
        (10.0, ("sense", "wake-up", "inference", "sleep")),
        (2.0, ("sense", "wake-up", "inference")),
        (0.015, ("wake-up", "inference")),
        (0.01, ("inference",)),
    ):
        budget = budget_power(U575, work, **GIVEN | {"period_s": period_s})
        assert tuple(state.name for state in budget.states) == told
        assert sum(state.duration_s.value for state in budget.states) == pytest.approx(period_s)
        charge = sum(state.charge_c.value for state in budget.states)
        assert charge == pytest.approx(budget.average_current_a.value * period_s)
        assert sum(line.share for line in budget.lines) == pytest.approx(1.0)


def test_a_load_of_stages_that_the_period_has_no_room_for_stays_with_the_others():
    loads = [Load("peripherals", Estimate.exact(1e-3, "A", "measured", "test"), ("sense", "inference"))]
    work = plan_workload(U575, 0.01, sense_s=2.0, loads=loads, send=("ble", 20))
    budget = budget_power(U575, work, **GIVEN | {"period_s": work.busy_s})
    assert [state.name for state in budget.states] == ["inference", "transmit"]
    assert budget.lines[-1].currents_a == (1e-3, 0.0), "not while the radio sends"


@pytest.mark.parametrize("work", [0.0289, listener()], ids=["plain", "cascade"])
def test_a_year_event_by_event_is_the_closed_form_in_under_a_second(work):
    budget = budget_power(U575, work, **GIVEN)
    start = time.process_time()
    year = simulate_run(budget)
    assert time.process_time() - start < 1.0
    assert year.periods == 365 * 86_400
    assert year.average_current_a == pytest.approx(budget.average_current_a.value, rel=1e-3)
    assert year.late == 0
    assert year.occurrences["inference"] == pytest.approx(year.periods * (1.0 if work == 0.0289 else 0.2), rel=5e-3)


def test_a_simulated_run_of_no_pause_and_of_one_period():
    always = simulate_run(budget_power(U575, 1.0, **GIVEN), duration_s=10.0)
    assert always.average_current_a == pytest.approx(9.56e-3, rel=1e-12)
    one = simulate_run(budget_power(U575, 0.5, **GIVEN), duration_s=1.0)
    assert one.periods == 1
    with pytest.raises(ParameterError, match="simulated time"):
        simulate_run(budget_power(U575, 0.5, **GIVEN), duration_s=0.1)


# The SX1276 calculator's figures: 13 bytes of physical payload, coding rate 4/5, explicit header, CRC.
@pytest.mark.parametrize(("factor", "milliseconds"), [(7, 46.336), (9, 164.864), (12, 1155.072)])
def test_lora_airtime_by_the_data_sheet_formula(factor, milliseconds):
    assert float(lora_airtime(13, factor)) * 1e3 == pytest.approx(milliseconds, rel=1e-6)


def test_ble_airtime_by_hand():
    assert ble_airtime(20, 1) == pytest.approx((20 + 21) * 8e-6 + 380e-6, rel=1e-12)
    assert list(ble_airtime(np.array([20, 244]), 1)) == pytest.approx([ble_airtime(20, 1), ble_airtime(244, 1)])


@pytest.mark.parametrize("radio", ["ble", "lora", "wifi"])
def test_more_bytes_never_cost_less(radio):
    charges = [transmission(radio, size).charge_c.value for size in (0, 10, 100, 1000, 10_000, 100_000)]
    assert charges == sorted(charges)
    assert charges[-1] > charges[0]


def test_the_measured_wifi_event_is_reproduced():
    event = transmission("wifi", 0)
    assert event.charge_c.value == pytest.approx(0.1086, rel=5e-3)
    assert event.charge_c.high > 0.34  # the same with DHCP and a web request


def test_a_ble_event_is_of_the_published_order():
    charge = transmission("ble", 20).charge_c
    assert 5e-6 < charge.low < charge.value < charge.high < 1e-4


def test_a_stated_spreading_factor_narrows_and_a_given_current_wins():
    assert transmission("lora", 20, spreading_factor=12).duration_s.value > transmission("lora", 20).duration_s.value
    given = transmission("lora", 20, spreading_factor=7, current_a=0.05)
    assert given.current_a.value == 0.05
    assert given.duration_s.low == given.duration_s.high


def test_front_ends_cost_more_the_more_they_do():
    cycles = [front_end_cycles(FrontEnd(kind, samples=512)).value for kind in FRONT_ENDS[:5]]
    assert cycles[0] == 0.0
    assert cycles == sorted(cycles)
    assert FrontEnd(samples=480).fft_points == 512
    assert list(fft_operations(np.array([256, 512]))) == [2048.0, 4608.0]
    once, thrice = (front_end_cycles(FrontEnd("fft", frames=n)).value for n in (1, 3))
    assert thrice == pytest.approx(3 * once, rel=1e-12)
    slow, fast = (front_end_time(FrontEnd("mfcc"), U575, clock_hz=hz).value for hz in (40e6, 160e6))
    assert slow == pytest.approx(4 * fast, rel=1e-12)
    plain = replace(U575, cores=(replace(U575.cores[0], dsp=False),))
    assert front_end_time(FrontEnd("mfcc"), plain).value > front_end_time(FrontEnd("mfcc"), U575).value
    assert front_end_time(FrontEnd("mfcc"), U575, measured_s=1e-3).basis == "measured"


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: Activity("look", seconds(1.0), at="doze"), "mode 'doze' is unknown"),
        (lambda: Activity("look", seconds(1.0), times=-1.0), "occurrences of 'look'"),
        (lambda: FrontEnd("wavelet"), "front end 'wavelet' is unknown"),
        (lambda: FrontEnd("fft", frames=0), "frames 0 of the front end"),
        (lambda: FrontEnd("fft", arithmetic="q16"), "arithmetic 'q16' of a front end is unknown"),
        (lambda: transmission("zigbee", 10), "radio 'zigbee' is unknown"),
        (lambda: transmission("ble", -1), "payload -1"),
        (lambda: transmission("lora", 10, spreading_factor=6), "spreading factor 6"),
        (lambda: transmission("ble", 10, current_a=float("nan")), "radio current"),
        (lambda: make_load("lamp"), "load 'lamp' is not on the shelf"),
        (lambda: make_load("lamp", -1.0), "current of lamp"),
        (lambda: plan_workload(U575, 0.01, gate_rate=1.5), "gate rate"),
        (lambda: plan_workload(U575, -0.01), "latency"),
        (lambda: plan_workload(U575, 0.01, sense_s=float("inf")), "time of 'sense'"),
        (lambda: budget_power(U575, Workload(seconds(0.01), loads=(make_load("led", during=["dance"]),))), "'dance'"),
        (lambda: budget_power(U575, plan_workload(U575, 0.5, gate_s=0.6), **GIVEN), "shorter than the time awake"),
    ],
)
def test_bad_input_is_refused(attempt, message):
    with pytest.raises(ParameterError, match=message):
        attempt()


def test_a_front_end_needs_a_clock():
    clockless = replace(U575, cores=(replace(U575.cores[0], clock_max=None),))
    with pytest.raises(UnknownFactError, match="clock of board"):
        front_end_time(FrontEnd("fft"), clockless)
