"""Latency: published measurements are the oracle, and what is not known stays unknown."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.models import Net, small_cnn
from tinykit.ground.errors import ParameterError, UnknownBoardError, UnknownRuntimeError
from tinykit.model.graph.reading import read
from tinykit.predict.latency.effects import Case, version_step
from tinykit.predict.latency.instructions import count_operators as count_kernels, shapes_of
from tinykit.predict.latency.measured import find_measured
from tinykit.predict.latency.prediction import known_runtimes, predict_latency
from tinykit.predict.latency.shapes import from_rows, read_table
from tinykit.target.boards import board as find_board, boards
from tinykit.target.runtimes import default_runtime
from tools.latency.calibrating import fit_effects
from tools.latency.published import read_measured
from tools.latency.scoring import leave_architectures_out, leave_boards_out, pooled_coverage, score_groups

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
    [("7.1.0", "7.1"), ("7.3.0", "7.3"), ("8.0.0", "7.3"), ("v8.1", "8.1"), ("10.2", "9.0"), ("", ""), ("x", "")],
)
def test_versions_fall_into_steps(version, step):
    assert version_step(version) == step


def test_effects_are_physical(measured):
    posterior = fit_effects(measured)
    effects = dict(zip(posterior.effects, posterior.mean, strict=True))
    assert math.exp(effects["tflm-cmsis-nn"]) == pytest.approx(1.44, rel=0.3)
    assert effects["cortex-m7"] < effects["cortex-m4"]


def test_intervals_cover_networks_and_boards_the_fit_has_not_seen(measured, residuals):
    assert 0.75 <= pooled_coverage(residuals) <= 0.88
    assert 0.75 <= pooled_coverage(leave_boards_out(measured)) <= 0.88


def test_errors_on_unseen_networks(residuals):
    scores = {(score.runtime, score.core): score for score in score_groups(residuals)}
    allowed = {
        ("tflm-cmsis-nn", "cortex-m4"): (0.08, 0.25),
        ("x-cube-ai", "cortex-m7"): (0.09, 0.28),
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
