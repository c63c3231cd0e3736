"""Latency: published measurements are the oracle, and what is not known stays unknown."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.models import Net, small_cnn
from tinykit.ground.errors import ParameterError, UnknownBoardError, UnknownRuntimeError
from tinykit.model.graph.reading import read
from tinykit.predict.latency.effects import PRIORS, Case, steps_of, version_number
from tinykit.predict.latency.instructions import count_operators as count_kernels, shapes_of
from tinykit.predict.latency.measured import find_measured
from tinykit.predict.latency.prediction import known_runtimes, predict_latency
from tinykit.predict.latency.shapes import OperatorShape, from_rows, read_table
from tinykit.target.boards import board as find_board, boards
from tinykit.target.runtimes import default_runtime
from tools.latency.calibrating import fit_effects
from tools.latency.published import read_measured
from tools.latency.scoring import is_thin, leave_architectures_out, leave_out, noise_floor, score_groups

ROWS = read_table("operator_counts").rows
MODELS = {model: from_rows(row for row in ROWS if row["model"] == model) for model in ("kws", "ic", "vww", "ad")}
L4R5 = {"core": "cortex-m4", "clock_hz": 120e6, "runtime": "tflm-cmsis-nn"}


@pytest.fixture(scope="module")
def measured():
    return read_measured()


@pytest.fixture(scope="module")
def residuals(measured):
    return leave_architectures_out(measured)


def width(estimate):
    return math.log(estimate.high / estimate.low)


# MLPerf Tiny v1.0 on NUCLEO-L4R5ZI, microTVM with CMSIS-NN kernels: 99.8, 389.6, 301.0, 8.6 ms.
@pytest.mark.parametrize(
    ("model", "latency_s"), [("kws", 99.81e-3), ("ic", 389.57e-3), ("vww", 301.0e-3), ("ad", 8.605e-3)]
)
def test_published_submissions_lie_in_the_interval(model, latency_s):
    estimate = predict_latency(MODELS[model], **L4R5, board="nucleo-l4r5zi", build="-O3", modelled=True)
    assert estimate.low < latency_s < estimate.high
    assert (estimate.unit, estimate.basis, estimate.runtime) == ("s", "modelled", "tflm-cmsis-nn")
    assert "QEMU" in estimate.source
    assert "published latencies" in estimate.source


# MLPerf Tiny, NUCLEO-L4R5ZI, X-CUBE-AI: kws 97.6 ms with 7.1.0 and 43.4 ms with 10.2, ic 252.8 and 165.7 ms.
@pytest.mark.parametrize(("model", "old", "new"), [("ic", 252.8e-3, 165.7e-3), ("kws", 97.6e-3, 43.4e-3)])
def test_the_version_of_x_cube_ai_matters(model, old, new):
    case = {"core": "cortex-m4", "clock_hz": 120e6, "runtime": "x-cube-ai", "board": "nucleo-l4r5zi"}
    versions = ("7.1.0", "10.2", None)
    first, last, unknown = (
        predict_latency(MODELS[model], **case, runtime_version=name, modelled=True) for name in versions
    )
    assert first.low < old < first.high
    assert last.low < new < last.high
    assert first.value > 1.3 * last.value
    assert width(unknown) > width(last)


# The published rows themselves: MLPerf Tiny v1.2 (X-CUBE-AI 8.1: v1.1) and EdgeMark's -O3 build, NUCLEO-L4R5ZI.
@pytest.mark.parametrize(
    ("case", "latency_s"),
    [
        ({"runtime": "x-cube-ai", "runtime_version": "9.0"}, 43.1866e-3),
        ({"runtime": "x-cube-ai", "runtime_version": "v8.1"}, 62.8732e-3),
        ({"runtime": "tflm-cmsis-nn", "build": "-O3"}, 110.602e-3),
    ],
)
def test_a_published_figure_of_the_very_same_case_wins(case, latency_s):
    place = {"core": "cortex-m4", "clock_hz": 120e6, "board": "nucleo-l4r5zi"}
    estimate = predict_latency(MODELS["kws"], **place, **case)
    assert estimate.basis == "measured"
    assert estimate.value == pytest.approx(latency_s)
    assert estimate.low < latency_s < estimate.high < 1.1 * estimate.low
    assert "data/latency/measured.csv" in estimate.source
    assert predict_latency(MODELS["kws"], **place, **case, modelled=True).basis == "modelled"
    assert predict_latency(MODELS["kws"][::-1], **place, **case).value == estimate.value


@pytest.mark.parametrize(
    "other",
    [
        {"clock_hz": 80e6},
        {"board": None},
        {"board": "nucleo-u575zi-q", "core": "cortex-m33"},
        {"runtime_version": "7.0"},
        {"runtime_version": None},
        {"arena_region": "psram", "board": None},
        {"runtime": "tflm-cmsis-nn", "runtime_version": None, "build": None},
        {"runtime": "tflm-cmsis-nn", "runtime_version": None, "build": "-Os"},
    ],
)
def test_another_case_is_modelled(other):
    case = {"core": "cortex-m4", "clock_hz": 120e6, "board": "nucleo-l4r5zi", "runtime": "x-cube-ai"}
    assert predict_latency(MODELS["kws"], **case | {"runtime_version": "9.0"}).basis == "measured"
    assert predict_latency(MODELS["kws"], **{"runtime_version": "9.0"} | case | other).basis == "modelled"
    assert predict_latency(MODELS["kws"][:-3], **case | {"runtime_version": "9.0"}).basis == "modelled"


def test_latency_scales_with_the_clock():
    slow = predict_latency(MODELS["kws"], core="cortex-m4", clock_hz=60e6)
    fast = predict_latency(MODELS["kws"], core="cortex-m4", clock_hz=120_000_000)
    assert slow.value == pytest.approx(2 * fast.value)
    assert slow.runtime == "tflm-cmsis-nn"


def test_what_is_not_known_widens():
    full = predict_latency(MODELS["ic"], **L4R5, board="nucleo-l4r5zi", build="-O3", modelled=True)
    no_build = predict_latency(MODELS["ic"], **L4R5, board="nucleo-l4r5zi")
    no_board = predict_latency(MODELS["ic"], **L4R5, build="-O3")
    assert width(full) < width(no_build)
    assert width(full) < width(no_board)
    assert predict_latency(MODELS["ic"], **L4R5, build="-Os").value > full.value


def test_cores_stand_in_the_order_of_their_speed():
    cores = ("cortex-m85", "cortex-m55", "cortex-m7", "cortex-m33", "cortex-m4", "cortex-m0plus")
    values = [predict_latency(MODELS["vww"], core=core, clock_hz=1e8).value for core in cores]
    assert values == sorted(values)


def test_cmsis_nn_beats_the_reference_kernels():
    for core in ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"):
        cmsis, reference = (
            predict_latency(MODELS["kws"], core=core, clock_hz=1e8, runtime=name, build="-O3")
            for name in ("tflm-cmsis-nn", "tflm-reference")
        )
        assert reference.value > 3 * cmsis.value


# SamsiGg, Arduino Giga R1: VWW 51.4 ms with the arena in SRAM, 63.8 ms in SDRAM.
def test_an_arena_in_external_ram_is_slower():
    inside = predict_latency(MODELS["vww"], core="cortex-m7", clock_hz=480e6)
    outside = predict_latency(MODELS["vww"], core="cortex-m7", clock_hz=480e6, arena_region="PSRAM")
    assert outside.value / inside.value == pytest.approx(63.7664 / 51.4265, rel=0.1)
    giga = Case("cortex-m7", "tflm-cmsis-nn", "", "arduino-giga-r1", "-Os")
    places = (giga, replace(giga, arena="external"))
    measured = [find_measured(shapes_of(MODELS["vww"]), place, 480e6) for place in places]
    assert [one.value for one in measured] == [pytest.approx(51.4265e-3), pytest.approx(63.7664e-3)]
    assert find_measured(shapes_of(MODELS["kws"]), places[1], 480e6) is None
    assert width(outside) > width(inside)
    eye = find_board("esp-eye")
    external = next(region.name for region in eye.regions if region.kind == "psram")
    internal = next(region.name for region in eye.regions if region.kind == "sram")
    case = {"core": "xtensa-lx6", "clock_hz": 240e6, "runtime": "esp-nn", "board": eye}
    assert (
        predict_latency(MODELS["vww"], **case, arena_region=external).value
        > predict_latency(MODELS["vww"], **case, arena_region=internal).value
    )
    with pytest.raises(ParameterError, match="esp-eye has no region 'CCM'"):
        predict_latency(MODELS["vww"], **case, arena_region="CCM")


def test_nothing_to_do_takes_no_time():
    assert predict_latency([], core="cortex-m4", clock_hz=1e8).value == 0


@pytest.mark.parametrize("clock", [0, -1, math.nan, math.inf, True, "120e6"])
def test_a_clock_is_a_positive_number(clock):
    with pytest.raises(ParameterError, match="is not a clock"):
        predict_latency(MODELS["kws"], core="cortex-m4", clock_hz=clock)


def test_no_evidence_is_unknown():
    with pytest.raises(UnknownRuntimeError, match="known there: nothing"):
        predict_latency(MODELS["kws"], core="cortex-m3", clock_hz=1e8)
    with pytest.raises(UnknownRuntimeError, match="known there: tflm-cmsis-nn, tflm-reference, x-cube-ai"):
        predict_latency(MODELS["kws"], core="cortex-m4", clock_hz=1e8, runtime="esp-nn")
    with pytest.raises(UnknownRuntimeError, match="no latency evidence for runtime 'tvm'"):
        predict_latency(MODELS["kws"], core="cortex-m4", clock_hz=1e8, runtime="tvm")
    with pytest.raises(UnknownBoardError, match="nucleo-l4r5zi"):
        predict_latency(MODELS["kws"], **L4R5, board="nucleo-l4r5z")


# EdgeMark, NUCLEO-L4R5ZI: Edge Impulse EON took 125.2, 432.5 and 10.2 ms, TFLM -O3 110.6, 407.7 and 8.9 ms.
@pytest.mark.parametrize(("model", "latency_s"), [("kws", 125.24e-3), ("ic", 432.54e-3), ("ad", 10.171e-3)])
def test_eon_runs_cmsis_nn_with_a_cost_of_its_own(model, latency_s):
    place = {"core": "cortex-m4", "clock_hz": 120e6, "board": "nucleo-l4r5zi"}
    eon = predict_latency(MODELS[model], **place, runtime="edge-impulse-eon", modelled=True)
    assert eon.low < latency_s < eon.high
    assert (
        eon.value > predict_latency(MODELS[model], **place, runtime="tflm-cmsis-nn", build="-O3", modelled=True).value
    )
    with pytest.raises(UnknownRuntimeError, match="no latency evidence for edge-impulse-eon on core 'cortex-m7'"):
        predict_latency(MODELS[model], core="cortex-m7", clock_hz=1e8, runtime="edge-impulse-eon")


def test_runtimes_by_core():
    assert known_runtimes("cortex-m4") == ("tflm-cmsis-nn", "tflm-reference", "x-cube-ai", "edge-impulse-eon")
    assert known_runtimes("xtensa-lx7") == ("tflm-reference", "esp-nn")
    assert known_runtimes("c28x") == ()
    assert default_runtime("cortex-m0plus") == "tflm-cmsis-nn"
    assert default_runtime("xtensa-lx6") == "esp-nn"
    assert default_runtime("riscv-hazard3") == "tflm-reference"


@pytest.mark.parametrize(
    ("version", "step"),
    [("7.1.0", ()), ("7.3.0", ("7.3",)), ("8.0.0", ("7.3",)), ("v8.1", ("8.1",)), ("10.2", ("9.0",)), ("6.0", ()),
     ("1.0", ("9.0",)), ("2.0", ("9.0",)), ("2.2", ("9.0",)), ("3.0.0", ("11.0",)), ("4.0.0", ("11.0",)),
     ("4.3", ("11.0",)), ("12.1", ("11.0",)), ("", ("11.0",)), ("x", ("11.0",))],
)  # fmt: skip
def test_versions_fall_into_steps(version, step):
    assert steps_of(version)[-1:] == step


# ST's release notes: Core 1.0 = 9.1 and 10.0, 2.0 = 10.0, 2.2 = 10.2.
@pytest.mark.parametrize(("core", "cube"), [("1.0", "9.1"), ("2.0", "10.0.0"), ("2.2.0", "v10.2"), ("3.0", "11.0")])
def test_both_numberings_are_one_line_of_tools(core, cube):
    assert version_number(core) == version_number(cube)
    place = {"core": "cortex-m33", "clock_hz": 160e6, "runtime": "x-cube-ai", "board": "nucleo-u575zi-q"}
    ones = [predict_latency(MODELS["kws"], **place, runtime_version=one, runtime_option="time") for one in (core, cube)]
    assert ones[0].value == ones[1].value


def test_a_newer_version_is_the_newest_and_wider_and_says_so():
    place = {"core": "cortex-m7", "clock_hz": 400e6, "runtime": "x-cube-ai", "runtime_option": "balanced"}
    oldest, newest, newer = (
        predict_latency(MODELS["vww"], **place, runtime_version=name) for name in ("7.1.0", "4.0.0", "6.1.0")
    )
    assert newer.value != newest.value  # 6.1 is an old X-CUBE-AI, as far outside on the other side
    newer = predict_latency(MODELS["vww"], **place, runtime_version="4.4.0")
    assert newer.value == pytest.approx(newest.value)
    assert newest.value < oldest.value
    assert width(newer) > width(newest)
    assert "4.4.0 is beyond those that anyone measured" in newer.source


def test_effects_are_physical(measured):
    posterior = fit_effects(measured)
    effects = dict(zip(posterior.effects, posterior.mean, strict=True))
    assert math.exp(effects["tflm-cmsis-nn"]) == pytest.approx(1.44, rel=0.3)
    assert effects["cortex-m7"] < effects["cortex-m4"]


@pytest.mark.parametrize("way", ["architecture", "board", "version"])
def test_intervals_cover_what_the_fit_has_not_seen(measured, residuals, way):
    """Pooled in each way, and in every pool of at least ten rows on two boards."""
    found = residuals if way == "architecture" else leave_out(measured, way)
    assert 0.75 <= sum(one.inside for one in found) / len(found) <= 0.88
    pools = {(one.row.case.runtime, one.row.case.core) for one in found}
    groups = [[one for one in found if (one.row.case.runtime, one.row.case.core) == pool] for pool in pools]
    for group in (group for group in groups if not is_thin(group)):
        assert 0.65 <= sum(one.inside for one in group) / len(group) <= 0.95, group[0].row.case


# Published: 60.45 ms of X-CUBE-AI 10.2 for vww on a U575 at 160 MHz is 59.27 ms; MLPerf's submissions behave as time.
def test_the_option_halves_pointwise_convolutions_and_not_told_lies_between():
    place = {"core": "cortex-m33", "clock_hz": 160e6, "runtime": "x-cube-ai", "runtime_version": "10.2"}
    told = {
        name: predict_latency(MODELS["vww"][:-3], **place, runtime_option=name)
        for name in ("time", "balanced", "ram", None)
    }
    assert told["time"].value < 0.8 * told["balanced"].value
    assert told["time"].value < told[None].value < told["balanced"].value
    assert told[None].low < told["time"].value
    assert told[None].high > told["balanced"].value
    assert "--runtime-option" in told[None].source
    assert "--runtime-option" not in told["time"].source
    assert "nobody measured it" in told["ram"].source
    assert width(told["ram"]) > width(told["balanced"])
    old = [predict_latency(MODELS["vww"], **place | {"runtime_version": "7.3", "runtime_option": name}).value
           for name in ("time", "balanced", None)]  # fmt: skip
    assert len(set(old)) == 1


# The same operators took 59.27 ms on a NUCLEO-U575ZI-Q at 160 MHz: on another board of the core, and at another clock.
def test_a_network_measured_elsewhere_is_carried_over_and_says_where():
    case = {"core": "cortex-m33", "runtime": "x-cube-ai", "runtime_version": "10.2", "runtime_option": "time"}
    elsewhere = predict_latency(MODELS["vww"], **case, clock_hz=80e6, board="b-u585i-iot02a")
    assert elsewhere.basis == "modelled"
    assert elsewhere.value == pytest.approx(2 * 59.27e-3, rel=0.04)
    assert elsewhere.low < 2 * 59.27e-3 < elsewhere.high
    assert "nucleo-u575zi-q by the same kernels" in elsewhere.source
    new = predict_latency(MODELS["vww"][:-3], **case, clock_hz=80e6, board="b-u585i-iot02a")
    assert "as this network was measured" not in new.source
    assert width(new) > 1.5 * width(elsewhere)
    core = predict_latency(MODELS["vww"], **case | {"core": "cortex-m7"}, clock_hz=80e6)
    assert "other cores or versions" in core.source
    assert width(elsewhere) < width(core)


def test_a_spread_falls_smoothly_with_the_work():
    """No step: each doubling of a dense network narrows the interval a little."""
    for runtime, version in (("tflm-cmsis-nn", None), ("x-cube-ai", "10.2")):
        option = "time" if version else None
        sizes = [2**power for power in range(3, 13)]
        widths = [
            width(
                predict_latency(
                    [OperatorShape("FULLY_CONNECTED", (1, n), (n, n), (1, n), macs=n * n)], core="cortex-m4",
                    clock_hz=1e8, runtime=runtime, runtime_version=version, runtime_option=option,
                )
            )
            for n in sizes
        ]  # fmt: skip
        assert widths == sorted(widths, reverse=True)
        assert max(a / b for a, b in pairwise(widths)) < 1.7


# quietcricket/tflite-micro-benchmark, zephyr PR 109247: TFLM's sine network, all but calls.
@pytest.mark.parametrize(
    ("core", "clock_hz", "latency_s"),
    [("cortex-m85", 480e6, 44e-6), ("cortex-m4", 64e6, 208e-6), ("cortex-m7", 480e6, 23e-6)],
)  # fmt: skip
def test_an_inference_has_a_cost_of_its_own(core, clock_hz, latency_s):
    sizes = pairwise((1, 16, 16, 1))
    sine = [OperatorShape("FULLY_CONNECTED", (1, a), (b, a), (1, b), macs=a * b) for a, b in sizes]
    found = predict_latency(sine, core=core, clock_hz=clock_hz)
    assert found.low < latency_s < found.high


# EdgeMark on a NUCLEO-L4R5ZI, -O3: dense networks of 1, 10 and 120 multiply-accumulates, all calls.
def test_networks_of_a_few_products_are_near(measured, residuals):
    tiny = ("_FC_0_", "_FC_1_", "_FC_2_")
    new_board = leave_out([row for row in measured if row.case.runtime != "x-cube-ai"], "board")
    for found, most in ((residuals, 2.0), (new_board, 1.5)):
        ones = [one for one in found if any(name in one.row.model for name in tiny)]
        assert len(ones) >= 9
        assert all(1 / most < math.exp(one.error) < most for one in ones)
        assert all(one.inside for one in ones)


def test_no_interval_is_narrower_than_what_one_row_strays_by(residuals):
    assert min(one.spread for one in residuals) >= PRIORS["row"]


def test_errors_on_unseen_networks(residuals):
    of_size = [one for one in residuals if one.row.macs >= 100_000]
    scores = {(score.runtime, score.core): score for score in score_groups(of_size)}
    allowed = {
        ("tflm-cmsis-nn", "cortex-m4"): (0.08, 0.25),
        ("x-cube-ai", "cortex-m7"): (0.05, 0.17),
        ("x-cube-ai", "cortex-m33"): (0.12, 0.40),
    }
    for group, (median, p90) in allowed.items():
        assert scores[group].median_ape <= median
        assert scores[group].p90_ape <= p90
    assert scores["x-cube-ai", "cortex-m33"].architectures == 8
    assert len(scores) >= 8


def test_no_group_is_worse_than_its_cycles_per_mac_constant(residuals):
    for score in score_groups(residuals):
        assert score.median_ape < score.naive_median_ape, score


def test_a_row_never_scores_by_itself(measured):
    """Two rows of a network that exists nowhere else, absurdly slow: leaving it out must not see them."""
    odd = [replace(row, architecture="odd", cycles=50 * row.cycles) for row in measured if row.model.endswith("CNN_7")]
    odd = odd or [replace(measured[0], architecture="odd", cycles=50 * measured[0].cycles)]
    found = [one for one in leave_architectures_out([*measured, *odd]) if one.row.architecture == "odd"]
    assert found
    assert all(one.error < -3 for one in found)


def test_the_whole_catalogue_counts_each_kind_of_core_once():
    graph = read(
        Net((1, 32, 32, 3)).conv(8).depthwise().conv(16, (1, 1)).depthwise().pool().flatten().dense().to_bytes()
    )
    known = [board for board in boards() if known_runtimes(board.core)]
    before = count_kernels.cache_info().misses
    for board in known:
        predict_latency(graph, core=board.core, clock_hz=1e8, board=board)
    assert count_kernels.cache_info().misses - before <= len({board.core for board in known}) < len(known) / 3


def test_a_core_the_board_lacks_and_a_version_that_is_none_are_refused():
    shapes = read(small_cnn())
    with pytest.raises(ParameterError, match="nucleo-l4r5zi has no core 'cortex-m7'; its cores: cortex-m4"):
        predict_latency(shapes, core="cortex-m7", clock_hz=1e8, board="nucleo-l4r5zi")
    with pytest.raises(ParameterError, match="runtime version 'banana' is no number"):
        predict_latency(shapes, core="cortex-m7", clock_hz=1e8, runtime="x-cube-ai", runtime_version="banana")


def test_two_builds_of_one_case_bound_what_any_prediction_can_reach():
    found = noise_floor(read_measured(), "tflm-cmsis-nn", "cortex-m4")
    assert len(found) == 4  # the networks of MLPerf Tiny on the NUCLEO-L4R5ZI at -O3, by two builders
    assert found[-1] == pytest.approx(math.sqrt(0.384668 / 0.30101) - 1, rel=1e-3)
