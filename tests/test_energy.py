"""Energy per inference: hand calculations, MLPerf Tiny rows, limits, bad input."""

from __future__ import annotations

import csv
import doctest
import statistics
from dataclasses import replace

import numpy as np
import pytest

from tests.bench import bench_energy
from tinykit.budget.power.timeline import sleep_current
from tinykit.ground.errors import FactError, ParameterError, UnknownFactError
from tinykit.ground.facts import shipped_path
from tinykit.ground.quantity import Estimate, Fact
from tinykit.predict.energy import inputs, laws, regulators
from tinykit.predict.energy.inputs import as_estimate, load_constants
from tinykit.predict.energy.laws import (
    activity_factor,
    affine_run_current,
    clock_ratio,
    energy_per_inference,
    fit_run_current,
)
from tinykit.predict.energy.predict import predict_energy, predict_run_current, supply_voltage
from tinykit.predict.energy.regulators import scale_supply
from tinykit.target.boards import board
from tinykit.target.boards.record import RunPoint

SOURCE = "hand calculation"


def amps(value: float) -> Fact:
    return Fact(value, "A", "datasheet", SOURCE)


def hertz(value: float) -> Fact:
    return Fact(value, "Hz", "datasheet", SOURCE)


def point(current: float, clock: float, **more) -> RunPoint:
    return RunPoint(amps(current), hertz(clock), **more)


@pytest.fixture
def plain():
    """A board of one stated point: 10 mA of reduced code at 100 MHz, 3.0 V, LDO."""
    volt = Fact(3.0, "V", "datasheet", SOURCE)
    run = point(10e-3, 100e6, supply=volt, workload="reduced code", regulator="ldo", series="LDO")
    return replace(board("nucleo-f411re"), run_points=(run,), ml_power=(), supply_typical=volt)


def rows():
    with shipped_path("data", "power", "energy_validation.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("module", [laws, regulators, inputs])
def test_the_docstrings_compute_what_they_say(module):
    assert doctest.testmod(module).failed == 0


def test_energy_of_a_row_of_mlperf_tiny_v0_5():
    # reference submission, L4R5ZI, visual wake words: 1.8 V, 40.31 mW for 603.1363 ms is 24312.648 uJ
    assert energy_per_inference(0.6031363, 1.8, 22.395e-3) == pytest.approx(24312.648e-6, rel=1e-3)


def test_the_activity_factor_covers_mlperf_tiny_and_halves_the_error():
    """All 76 shipped rows: the fit holds in sample, and the interval covers at least 80 % (78 % with xG24 at 1.3)."""
    plain, fitted, inside = [], [], 0
    for row in rows():
        naive = energy_per_inference(float(row["latency_s"]), float(row["supply_v"]), float(row["run_current_a"]))
        factor, measured = activity_factor(row["current_kind"].replace("_", " ")), float(row["energy_j"])
        plain.append(abs(naive / measured - 1))
        fitted.append(abs(naive * factor.value / measured - 1))
        inside += factor.low * naive <= measured <= factor.high * naive
    assert statistics.mean(fitted) < 0.6 * statistics.mean(plain)
    assert statistics.mean(fitted) < 0.14
    assert inside / len(plain) >= 0.80


def test_the_factor_of_the_other_boards_predicts_the_one_left_out():
    """Leave one board out, by kind of stated current: at most 15 %, and the 80 % interval covers."""
    table = bench_energy.read_rows()
    pairs = [(bench_energy.by_kind(row, table), bench_energy.ratio_of(row)) for row in table]
    errors = [abs(band[0] / ratio - 1) for band, ratio in pairs]
    assert statistics.mean(errors) <= 0.15
    assert statistics.mean(low <= ratio <= high for (_, low, high), ratio in pairs) >= 0.80
    naive = [abs(1 / ratio - 1) for _, ratio in pairs]
    assert statistics.mean(errors) < 0.6 * statistics.mean(naive)


def test_pooling_weighs_boards_and_not_rows():
    def row(board, ratio):
        return {"board": board, "supply_v": "1", "run_current_a": "1", "latency_s": "1", "energy_j": str(ratio)}

    value, low, high = bench_energy.pool([row("a", 1.0)] * 9 + [row("b", 1.21)])
    assert value == pytest.approx(1.1, rel=1e-9)
    # by hand: Student's t of one degree 3.08, variance of ln 1 and ln 1.21 is 0.5 * 0.190620^2, times 1.5
    assert high / value == pytest.approx(np.exp(3.08 * np.sqrt(0.75) * 0.190620), rel=1e-4)
    assert low * high == pytest.approx(value**2, rel=1e-9)
    assert bench_energy.pool([row("a", 1.0)] * 9) is None


def test_one_measured_point_predicts_the_other_networks_of_its_system():
    """At most 5 % with one energy of the same build, board and supply, and ±8 % holds four of five."""
    pairs = bench_energy.one_point(bench_energy.read_rows())
    errors = [abs(band[0] / ratio - 1) for band, ratio in pairs]
    assert len(pairs) == 19 * 4 * 3
    assert statistics.mean(errors) <= 0.05
    assert statistics.mean(low <= ratio <= high for (_, low, high), ratio in pairs) >= 0.80


def test_a_current_is_as_wide_as_the_kind_of_its_source(plain):
    def spread(kind, **ends):
        point = replace(plain.run_points[0], current=Fact(0.01, "A", kind, SOURCE, **ends))
        found = predict_run_current(replace(plain, run_points=(point,)))
        return found.high / found.low

    kinds = ("datasheet", "measured_by_others", "vendor", "assumed")
    found = {kind: spread(kind) for kind in kinds}
    assert list(found.values()) == sorted(found.values())
    assert found["datasheet"] == pytest.approx(1.6)
    assert found["assumed"] > 1.5 * found["measured_by_others"]
    assert spread("vendor", low=0.008, high=0.012) == spread("assumed", low=0.008, high=0.012) < found["vendor"]
    stops = [replace(plain, stop_current=Fact(1e-6, "A", kind, SOURCE)) for kind in kinds]
    asleep = [sleep_current(one, "stop", 25.0).high for one in stops]
    assert asleep[0] == pytest.approx(1.7e-6)
    assert asleep == sorted(asleep)


def test_one_stated_current_gives_the_factor_and_its_interval(plain):
    energy = predict_energy(0.1, plain)
    assert energy.value == pytest.approx(3.0 * 10e-3 * 1.3 * 0.1, rel=1e-9)
    assert energy.low == pytest.approx(3.0 * 10e-3 * 1.0 * 0.1, rel=1e-9)
    assert energy.high == pytest.approx(3.0 * 10e-3 * 1.6 * 0.1, rel=1e-9)
    assert (energy.unit, energy.basis) == ("J", "modelled")
    assert SOURCE in energy.source
    assert "MLPerf" in energy.source


def test_the_interval_of_the_latency_reaches_the_energy(plain):
    latency = Estimate(0.1, 0.05, 0.2, "s", "modelled", runtime="tflm-cmsis-nn", sources="test")
    energy = predict_energy(latency, plain, run_current_a=0.01)
    assert (energy.low, energy.high) == pytest.approx((0.0015, 0.006), rel=1e-9)
    assert energy.runtime == "tflm-cmsis-nn"


def test_a_users_current_is_taken_as_it_is(plain):
    energy = predict_energy(0.0289, plain, supply_v=3.0, run_current_a=9.56e-3)
    assert energy.value == pytest.approx(828.852e-6, rel=1e-9)
    assert energy.basis == "measured"
    assert energy.low == energy.high


def test_the_factor_follows_the_code_of_the_data_sheet(plain):
    coremark = replace(plain, run_points=(replace(plain.run_points[0], workload="coremark"),))
    assert predict_run_current(coremark).value == pytest.approx(11e-3, rel=1e-9)
    light = replace(plain, run_points=(replace(plain.run_points[0], workload="while(1)"),))
    assert predict_run_current(light).value == pytest.approx(10e-3 * 1.30 * 10.5 / 7.9, rel=2e-3)  # U585, Table 44
    headline = replace(plain, run_points=(replace(plain.run_points[0], workload="headline"),))
    assert predict_run_current(headline).basis == "assumed"
    assert predict_run_current(headline).high == pytest.approx(20e-3, rel=1e-9)


def test_measured_power_of_the_board_wins_over_the_data_sheet():
    current = predict_run_current(board("nucleo-l4r5zi"), supply_v=1.8)
    assert current.basis == "measured"
    assert 19e-3 < current.low < current.value < current.high < 28e-3  # 35 to 48 mW at 1.8 V, MLPerf Tiny
    assert predict_energy(0.1, board("nucleo-l4r5zi")).basis == "modelled"


def test_an_ldo_draws_the_same_from_any_supply_as_measured_at_two():
    # ST at 1.8 V 25.55 mA, Krai at 3.0 V 25.02 mA, same board (MLPerf Tiny v1.0, v1.1)
    ten = Estimate.exact(0.01, "A", "datasheet", SOURCE)
    assert scale_supply(ten, 1.8, 3.0, "ldo") == ten


def test_an_smps_draws_less_from_a_higher_supply():
    ten = Estimate.exact(0.01, "A", "datasheet", SOURCE)
    scaled = scale_supply(ten, 1.8, 3.0, "smps")
    assert scaled.value / 0.01 == pytest.approx(0.679, rel=2e-3)  # median of 502 rows of ST's tables
    assert scaled.low / 0.01 == pytest.approx(0.486, rel=2e-3)
    assert scaled.high / 0.01 == pytest.approx(0.807, rel=2e-3)
    unknown = scale_supply(ten, 1.8, 3.0, None)
    assert (unknown.value, unknown.low) == pytest.approx((0.01, 0.006), rel=1e-9)


def test_two_supplies_on_record_set_the_exponent_of_the_board():
    # U575 SMPS: 11.0 mA at 1.8 V, 7.5 mA at 3.0 V; MLPerf Tiny power at 1.8 V gives 9.56 mA at 3.0 V in the facts
    u575 = board("nucleo-u575zi-q")
    assert predict_run_current(u575, supply_v=3.0).value == pytest.approx(9.56e-3, rel=0.05)
    without = replace(u575, ml_power=())
    assert predict_run_current(without, supply_v=1.8).value == pytest.approx(1.3 * 11e-3, rel=1e-9)
    assert predict_run_current(without, supply_v=2.4).value < 1.3 * 11e-3


def test_the_claim_that_an_m4_at_168_mhz_draws_30_to_50_ma():
    """True with the peripherals gated, false with all of them on (STM32F407 data sheet, DS8626)."""
    points = board("stm32f407g-disc1").run_points
    at_168 = [p for p in points if p.clock.value == 168e6]
    gated = [p.current.value for p in at_168 if not p.peripherals_on]
    everything = [p.current.value for p in at_168 if p.peripherals_on]
    assert gated
    assert all(0.030 <= current <= 0.050 for current in gated)
    assert everything
    assert all(current > 0.050 for current in everything)


def test_the_affine_law_gives_back_the_stated_points_and_lies_between():
    # F407, ART on: 31@144, 26@120, 20@90, 14@60 MHz; by hand a = 805.5/3987 mA/MHz, I0 = 22.75 - 103.5 a
    clocks, currents = [60e6, 90e6, 120e6, 144e6], [14e-3, 20e-3, 26e-3, 31e-3]
    static, slope = fit_run_current(clocks, currents)
    assert slope == pytest.approx(805.5 / 3987 * 1e-9, rel=1e-3)
    assert static == pytest.approx((22.75 - 103.5 * 805.5 / 3987) * 1e-3, rel=1e-3)
    f407 = board("stm32f407g-disc1")
    assert clock_ratio(f407, 168e6, 120e6).value == pytest.approx(26 / 40, rel=1e-9)
    assert 26 / 40 < clock_ratio(f407, 168e6, 132e6).value < 31 / 40
    assert clock_ratio(f407, 168e6, 1e6).value > 1 / 168


def test_one_point_scales_nearly_in_proportion_and_says_so(plain):
    full, half = predict_run_current(plain), predict_run_current(plain, clock_hz=50e6)
    assert half.value / full.value == pytest.approx(0.525, rel=1e-9)  # 5 % static share
    assert half.high / half.value > full.high / full.value
    assert "one stated point" in half.source


def test_energy_grows_with_time_current_and_supply(plain):
    energies = [predict_energy(t, plain, supply_v=v).value for t, v in ((0.1, 1.8), (0.2, 1.8), (0.2, 3.3))]
    assert energies == sorted(energies)
    assert predict_energy(0.0, plain).value == 0.0


def test_laws_take_arrays():
    times = np.array([0.1, 0.2])
    assert energy_per_inference(times, 3.0, 0.01) == pytest.approx([3e-3, 6e-3], rel=1e-12)
    clocks = np.array([60e6, 144e6])
    assert affine_run_current(clocks, 1.44e-3, 205.5e-12)[1] == affine_run_current(144e6, 1.44e-3, 205.5e-12)


def test_an_unknown_current_is_an_error_and_never_a_guess(plain):
    with pytest.raises(UnknownFactError, match="no run current"):
        predict_energy(0.1, replace(plain, run_points=()))
    with pytest.raises(UnknownFactError, match="no supply voltage"):
        supply_voltage(replace(plain, run_points=(), supply_typical=None))


@pytest.mark.parametrize("bad", [-0.1, float("nan"), float("inf"), 1e9, "fast", True])
def test_bad_latency_is_refused(plain, bad):
    with pytest.raises(ParameterError, match="latency"):
        predict_energy(bad, plain)


@pytest.mark.parametrize(
    ("argument", "bad", "said"),
    [
        ("run_current_a", -1e-3, "run current"),
        ("run_current_a", 45.0, "run current"),
        ("supply_v", 0.0, "supply"),
        ("clock_hz", 480.0, "clock"),
    ],
)
def test_bad_figures_of_the_user_are_refused(plain, argument, bad, said):
    with pytest.raises(ParameterError, match=said):
        predict_energy(0.1, plain, **{argument: bad})


def test_other_bad_input(plain, tmp_path):
    with pytest.raises(ParameterError, match="give it in 's'"):
        as_estimate(Estimate.exact(1.0, "A", "measured", "x"), "s", "latency")
    with pytest.raises(ParameterError, match="two different clocks"):
        fit_run_current([1e6, 1e6], [1e-3, 2e-3])
    with pytest.raises(ParameterError, match="regulator 'buck'"):
        scale_supply(Estimate.exact(0.01, "A", "datasheet", SOURCE), 1.8, 3.0, "buck")
    with pytest.raises(FactError, match="cannot be read"):
        load_constants("power", "no-such.toml")


def test_boards_left_out_by_their_records_alone():
    """As `make bench` prints: no power of networks, and the factor of the other boards; median and interval."""
    found = bench_energy.from_records(bench_energy.read_rows(), shipped_width=True)
    errors = [abs(value / ratio - 1) for _, (value, _, _), ratio in found]
    assert len(found) >= 70
    assert {regulator for regulator, _, _ in found} == {"ldo", "smps"}
    assert statistics.median(errors) <= 0.12
    assert 0.75 <= statistics.fmean(low <= ratio <= high for _, (_, low, high), ratio in found) <= 0.88
