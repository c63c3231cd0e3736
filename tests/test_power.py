"""Cells and budgets: test vectors, properties, findings, unknowns, bad input."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from tinykit.budget import (
    CellPack,
    State,
    batteries,
    battery,
    budget_power,
    pack_life,
    read_battery,
    sleep_current,
    wire_pack,
)
from tinykit.ground.errors import FactError, ParameterError, UnknownBatteryError, UnknownFactError
from tinykit.ground.quantity import Estimate
from tinykit.target.boards import board, boards

DAY_S = 86_400.0


def amps(value: float) -> Estimate:
    return Estimate.exact(value, "A", "measured", "test")


@pytest.fixture
def u575():
    return board("nucleo-u575zi-q")


@pytest.fixture
def keyword(u575):
    """Keyword spotting of the published test vector, as a function of further arguments."""

    def budget(**more):
        given = {"battery": "cr2032", "run_current_a": 9.56e-3, "sleep_current_a": 9.3e-6, "derate": False}
        return budget_power(u575, 0.0289, **(given | more))

    return budget


@pytest.mark.parametrize(("period", "average_ua", "days"), [(1.0, 285.3, 32.8), (60.0, 13.90, 657.0)])
def test_the_published_coin_cell_vector(keyword, period, average_ua, days):
    budget = keyword(period_s=period)
    assert budget.average_current_a.value * 1e6 == pytest.approx(average_ua, rel=1e-3)
    assert budget.battery_life_s.value / DAY_S == pytest.approx(days, rel=2e-3)
    assert budget.life_without_self_discharge_s.value > budget.battery_life_s.value
    assert budget.average_power_w.value == pytest.approx(3.0 * budget.average_current_a.value, rel=1e-12)
    assert budget.energy_per_day_j.value == pytest.approx(DAY_S * budget.average_power_w.value, rel=1e-12)
    assert budget.duty_cycle.value == pytest.approx(0.0289 / period, rel=1e-12)
    assert budget.findings == ()
    assert budget.unknown == ()


@pytest.mark.parametrize("name", ["nucleo-u575zi-q", "nucleo-l4r5zi", "stm32f407g-disc1", "frdm-mcxn947"])
@pytest.mark.parametrize("period", [0.05, 1.0, 3600.0])
def test_the_charge_of_the_states_is_the_charge_of_the_battery(name, period):
    budget = budget_power(board(name), 0.03, period_s=period, battery="lipo-500")
    total = sum(state.charge_c.value for state in budget.states)
    assert total == pytest.approx(budget.average_current_a.value * period, rel=1e-12)
    assert sum(state.duration_s.value for state in budget.states) == pytest.approx(period, rel=1e-12)


def test_no_inference_is_sleep_and_no_pause_is_inference(keyword):
    asleep = keyword(period_s=1.0)
    idle = replace(asleep.board, wakeup_time=None)
    never = budget_power(idle, 0.0, run_current_a=9.56e-3, sleep_current_a=9.3e-6)
    assert never.duty_cycle.value == 0.0
    assert never.average_current_a.value == pytest.approx(9.3e-6, rel=1e-12)
    always = keyword(period_s=0.0289)
    assert always.duty_cycle.value == pytest.approx(1.0, rel=1e-12)
    assert always.average_current_a.value == pytest.approx(9.56e-3, rel=1e-12)
    assert [state.name for state in always.states] == ["inference"]


def test_more_duty_never_gives_a_longer_life(u575):
    lives = [
        budget_power(u575, latency, battery="cr2032", period_s=2.0).battery_life_s.value
        for latency in (0.001, 0.01, 0.05, 0.2, 0.7, 1.4, 1.9)
    ]
    assert all(more > less for more, less in itertools.pairwise(lives))


def test_the_wake_up_is_a_state_with_its_charge():
    budget = budget_power(board("nucleo-l4r5zi"), 0.1, supply_v=3.0, run_current_a=17e-3)
    wakeup = budget.states[0]
    assert wakeup.name == "wake-up"
    assert wakeup.duration_s.value == pytest.approx(13.1e-6, rel=1e-9)
    low, high = wakeup.charge_c.low, wakeup.charge_c.high
    assert low < 46.5e-9 < high  # 3.55 mA stated, ST consumption table, die 470


def test_a_pause_too_short_to_wake_from_is_spent_idle():
    l4r5 = board("nucleo-l4r5zi")
    budget = budget_power(l4r5, 0.1, period_s=0.100005, run_current_a=17e-3, sleep_mode="stop")
    assert [state.name for state in budget.states] == ["inference", "idle"]
    assert budget.average_current_a.value == pytest.approx(17e-3, rel=1e-9)


def test_further_states_take_time_from_the_sleep(keyword):
    radio = State("radio", Estimate.exact(0.005, "s", "measured", "test"), amps(8e-3))
    with_radio, without = keyword(extra_states=(radio,)), keyword()
    more = with_radio.average_current_a.value - without.average_current_a.value
    assert more == pytest.approx(0.005 * (8e-3 - 9.3e-6), rel=1e-9)
    assert [state.name for state in with_radio.states] == ["inference", "radio", "sleep"]


def test_the_interval_of_the_latency_reaches_the_life(keyword, u575):
    latency = Estimate(0.03, 0.02, 0.06, "s", "modelled", runtime="tflm-cmsis-nn", sources="test")
    budget = budget_power(u575, latency, battery="cr2032", run_current_a=9.56e-3, sleep_current_a=9.3e-6)
    assert budget.average_current_a.low == pytest.approx(0.02 * 9.56e-3 + 0.98 * 9.3e-6, rel=1e-9)
    assert budget.average_current_a.high == pytest.approx(0.06 * 9.56e-3 + 0.94 * 9.3e-6, rel=1e-9)
    assert budget.battery_life_s.low < budget.battery_life_s.value < budget.battery_life_s.high
    assert budget.battery_life_s.basis == "modelled"


def test_retention_current_rises_with_the_ambient(u575):
    cold, warm = sleep_current(u575, "stop", 25.0), sleep_current(u575, "stop", 44.0)
    assert warm.value == pytest.approx(2 * cold.value, rel=1e-9)
    assert sleep_current(u575, "sleep", 44.0) == sleep_current(u575, "sleep", 25.0)


def test_a_run_current_beyond_the_pulse_limit_is_a_finding():
    budget = budget_power(board("stm32f407g-disc1"), 0.03, battery="cr2032", run_current_a=45e-3)
    assert any("run current 45.0 mA exceeds the pulse limit" in finding for finding in budget.findings)
    assert any("brown-out" in finding and "mF" in finding for finding in budget.findings)


def test_an_average_beyond_the_continuous_limit_and_a_life_beyond_shelf_life_are_findings(u575):
    busy = budget_power(u575, 0.5, battery="cr2477", run_current_a=9.5e-3)
    assert any("average current" in finding and "continuous limit" in finding for finding in busy.findings)
    lazy = budget_power(u575, 0.001, battery="lisocl2-a3400", period_s=600.0, sleep_mode="standby")
    assert any("shelf life" in finding for finding in lazy.findings)
    assert lazy.battery_life_s.value == pytest.approx(10 * 365.25 * 86_400, rel=1e-6)
    assert lazy.life_without_self_discharge_s.value > lazy.battery_life_s.value


def test_a_clock_above_the_highest_is_a_finding(u575):
    found = [budget_power(u575, 0.01, clock_hz=hertz).findings for hertz in (160e6, 1e9)]
    assert found == [(), ("clock of 1.00 GHz is above the highest of nucleo-u575zi-q, 160 MHz",)]


def test_a_cell_against_an_unknown_lowest_supply_is_unknown(u575):
    blank = replace(u575, supply_min=None)
    plans = [budget_power(one, 0.01, battery="nimh-aa") for one in (u575, blank)]
    assert plans[0].unknown == ()
    assert plans[1].unknown == (
        f"board 'nucleo-u575zi-q' has no lowest supply on record: whether {battery('nimh-aa').name} can start it "
        "is unknown",
    )
    assert budget_power(blank, 0.01).unknown == ()


def test_lone_cells_too_low_for_the_board_are_wired_in_series(u575):
    assert budget_power(u575, 0.03, battery="aa").pack == CellPack(battery("aa"), series=2)
    assert wire_pack(battery("cr2032"), 1.71).series == 1
    assert wire_pack(battery("nimh-aa"), None).series == 1
    forced = budget_power(u575, 0.03, battery=CellPack(battery("aa")))
    assert any("take 2 in series" in finding for finding in forced.findings)
    esp = budget_power(board("esp32-s3-devkitc-1"), 0.03, battery=CellPack(battery("cr2032")), run_current_a=10e-3)
    assert any("last charge is lost" in finding for finding in esp.findings)


def test_a_pack_above_the_maximum_gets_a_regulator_and_pays_for_it(u575):
    budget = budget_power(u575, 0.03, battery="lipo-500", run_current_a=9.5e-3)
    assert (budget.source_v, budget.supply_v) == (3.7, 3.0)
    assert budget.average_power_w.value > budget.mcu_power_w.value * 3.7 / 3.0
    assert budget.average_power_w.basis == "assumed"  # the regulator's own current is
    boosted = budget_power(u575, 0.03, battery="cr2032", supply_v=3.3)
    assert any("boost converter" in finding for finding in boosted.findings)


def test_a_fresh_pack_above_the_maximum_is_a_finding(u575):
    tight = replace(u575, supply_max=replace(u575.supply_max, value=3.1))
    assert any("above the board's maximum" in finding for finding in budget_power(tight, 0.03, battery="aa").findings)


def test_cells_in_parallel_share_the_current_and_a_high_rate_costs_capacity():
    pair, one = CellPack(battery("cr2032"), parallel=2), CellPack(battery("cr2032"))
    assert pack_life(pair, amps(2e-3)).value == pytest.approx(pack_life(one, amps(1e-3)).value, rel=1e-9)
    assert pack_life(one, amps(2e-3)).value < pack_life(one, amps(2e-3), derate=False).value
    alkaline = CellPack(battery("aa"))
    assert pack_life(alkaline, amps(2e-3)) == pack_life(alkaline, amps(2e-3), derate=False)


def test_a_latency_that_may_exceed_the_period_is_a_finding(u575):
    latency = Estimate(0.8, 0.5, 1.2, "s", "modelled", sources="test")
    budget = budget_power(u575, latency, period_s=1.0)
    assert any("some inferences would be late" in finding for finding in budget.findings)


def test_what_is_unknown_stays_unknown_with_its_reason(u575):
    no_sleep = budget_power(replace(u575, stop_current=None), 0.03, battery="cr2032", sleep_mode="stop")
    assert no_sleep.battery_life_s is no_sleep.average_power_w is no_sleep.energy_per_day_j is None
    assert no_sleep.energy_per_inference_j is not None
    assert any("modes on record: standby, sleep" in reason for reason in no_sleep.unknown)
    no_run = budget_power(board("raspberry-pi-pico-w"), 0.03, battery="lipo-500")
    assert no_run.average_power_w is None
    assert any("no run current" in reason for reason in no_run.unknown)
    always_on = budget_power(replace(u575, stop_current=None), 0.03, period_s=0.03)
    assert always_on.average_power_w is not None
    assert always_on.unknown == ()


def test_every_board_of_the_catalogue_gets_a_budget_or_a_reason():
    for each in boards():
        budget = budget_power(each, 0.05, battery="aa", period_s=10.0)
        assert budget.battery_life_s is not None or budget.unknown


def test_json_has_the_keys_of_the_contract(keyword):
    document = json.loads(json.dumps(keyword().to_json()))
    for key in ("average_power_w", "energy_per_day_j", "battery_life_s", "duty_cycle"):
        assert set(document[key]) == {"value", "low", "high", "unit", "basis", "runtime", "source"}
    assert {"name", "duration_s", "current_a", "charge_c"} <= set(document["states"][0])
    total = sum(state["charge_c"] for state in document["states"])
    assert total == pytest.approx(document["average_current_a"]["value"] * document["period_s"], rel=1e-12)
    unknown = budget_power(board("raspberry-pi-pico-w"), 0.03).to_json()
    assert unknown["battery_life_s"] is None
    assert unknown["states"][0]["charge_c"] is None
    json.dumps(unknown)


def test_the_catalogue_of_cells():
    names = [cell.id for cell in batteries()]
    assert names == sorted(names)
    assert set(names) == {"aa", "aaa", "cr2032", "cr2477", "lipo-500", "lisocl2-a3400", "nimh-aa"}
    assert battery(" CR2032 ").capacity.value == 225
    assert all(cell.sources() for cell in batteries())
    assert battery("lipo-500").capacity.kind == "vendor"
    assert battery("lipo-500").quiescent.kind == "assumed"
    assert battery("aa").rate_exponent is None


def test_a_misspelt_cell_is_told_the_nearest():
    with pytest.raises(UnknownBatteryError, match="nearest: cr2032"):
        battery("cr2023")
    with pytest.raises(UnknownBatteryError, match="not in the catalogue"):
        budget_power(board("nucleo-u575zi-q"), 0.03, battery="car battery")


FACT = '{ value = %s, unit = "%s", kind = "measured", source = "my bench" }'
CELL = f"""name = "My cell"
chemistry = "lead"
capacity = {FACT % (1000, "mAh")}
nominal_voltage = {FACT % (2.0, "V")}
cutoff_voltage = {FACT % (1.8, "V")}
self_discharge = {FACT % (0.05, "1/month")}
"""


def test_a_cell_of_the_users_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(CELL, encoding="utf-8")
    cell = read_battery(path)
    assert (cell.id, cell.capacity.value, cell.max_pulse) == ("mine", 1000, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("capacity", "capacitance"), r"missing \['capacity'\], unknown \['capacitance'\]"),
        (('"mAh"', '"Ah"'), "give it in 'mAh'"),
        (("value = 1000", "value = -1000"), "must be above 0"),
        (("value = 1000", "value = 0"), "must be above 0"),
        (("value = 1000", "value = 1e20"), r"capacity 1e\+20 mAh is absurd; allowed: 0.001 to 1e\+09"),
        (("value = 1.8", "value = 1e-320"), "cutoff_voltage .*e-32. V is absurd; allowed: 0.1 to 1000"),
        (("value = 2.0", "value = 1e90"), "nominal_voltage 1e.90 V is absurd"),
        (("value = 0.05", "value = 1e-30"), "self_discharge 1e-30 1/month is absurd"),
        (("value = 1000", "value = 1" + "0" * 400), "is not a finite number up to"),
        ((', source = "my bench"', ""), "missing"),
    ],
)
def test_a_bad_cell_file_is_refused(tmp_path, change, said):
    path = tmp_path / "mine.toml"
    path.write_text(CELL.replace(*change), encoding="utf-8")
    with pytest.raises(FactError, match=said):
        read_battery(path)


@pytest.mark.parametrize("bad", [-1.0, float("nan"), 1e12, "soon", 0.0])
def test_a_bad_period_is_refused(keyword, bad):
    with pytest.raises(ParameterError, match="period"):
        keyword(period_s=bad)


def test_a_period_shorter_than_the_latency_is_refused(keyword):
    with pytest.raises(ParameterError, match=r"period 10\.0 ms is shorter than the time awake, 28\.9 ms"):
        keyword(period_s=0.01)


@pytest.mark.parametrize(
    ("argument", "bad", "said"),
    [
        ("run_current_a", -1e-3, "run current"),
        ("sleep_current_a", float("nan"), "sleep current"),
        ("sleep_current_a", 12.0, "sleep current"),
        ("ambient_c", -300.0, "ambient"),
        ("supply_v", 230.0, "supply"),
        ("sleep_mode", "snooze", "sleep mode 'snooze'"),
    ],
)
def test_bad_figures_of_the_user_are_refused(keyword, argument, bad, said):
    with pytest.raises(ParameterError, match=said):
        keyword(**{argument: bad})


def test_other_bad_input(u575):
    with pytest.raises(ParameterError, match="series 0"):
        CellPack(battery("aa"), series=0)
    with pytest.raises(ParameterError, match="parallel 1.5"):
        CellPack(battery("aa"), parallel=1.5)
    with pytest.raises(UnknownFactError, match="no current for sleep mode 'stop'"):
        sleep_current(replace(u575, stop_current=None), "stop", 25.0)
    with pytest.raises(ParameterError, match="life has no end"):
        pack_life(CellPack(battery("aa")), amps(0.0), self_discharge=False)
