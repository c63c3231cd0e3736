"""TFLM's instructions from the export's: equal kernels within 2 %, the others corrected, against counted tables."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.models import Net, small_cnn
from tinykit.handover.virtual_board import compilers, emulating, run, sample_codes
from tinykit.handover.virtual_board.result import Classes, OperatorRun
from tinykit.handover.virtual_board.timing import correct, corrections, count_tflm, estimate_cycles, kind_of
from tinykit.model.graph.reading import read
from tinykit.predict.latency.shapes import read_table
from tinykit.target.boards import board

BOARDS = {"cortex-m4": "nucleo-l4r5zi", "cortex-m7": "nucleo-h743zi2", "cortex-m33": "nucleo-u575zi-q"}
needs_gcc = pytest.mark.skipif(not shutil.which(compilers.GCC), reason=f"{compilers.GCC} is not installed")
needs_qemu = pytest.mark.skipif(not shutil.which(emulating.QEMU), reason=f"{emulating.QEMU} is not installed")

# (network, operator) of the counted table, and a network of that shape with weights of its own.
EQUAL_KERNELS = {
    "1x1": (("ic", 10), Net((1, 16, 16, 32)).conv(64, kernel=(1, 1), stride=(2, 2))),
    "depthwise": (("kws", 1), Net((1, 25, 5, 64)).depthwise()),
    "average pool": (("ic", 12), Net((1, 8, 8, 64)).pool("AVERAGE", (8, 8), (8, 8))),
    "large dense": (("ad", 8), Net((1, 128)).dense(128, "RELU", per_channel=False)),
    "larger dense": (("ad", 9), Net((1, 128)).dense(640, per_channel=False)),
}
OTHER_KERNELS = {
    "16 channels": (("ic", 1), Net((1, 32, 32, 16)).conv(16), 1.04, 1.08),
    "64 channels": (("ic", 9), Net((1, 8, 8, 64)).conv(64), 1.08, 1.12),
}


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def counted(network, index, core):
    rows = [row for row in read_table("operator_counts").rows if (row["model"], row["index"]) == (network, str(index))]
    return int(rows[0][f"tflm-cmsis-nn@{core}"])


def count(net, core, compiler="gcc"):
    graph = read(net.to_bytes())
    return run(graph, BOARDS[core], sample_codes(graph, 1), compiler=compiler)


def made_up(kind, instructions=1000, macs=0):
    return OperatorRun(0, kind.upper(), instructions, Classes(), 1.5 * instructions, macs, kind)


@needs_gcc
@pytest.mark.parametrize("core", BOARDS)
@pytest.mark.parametrize("shape", EQUAL_KERNELS)
def test_equal_kernels_execute_what_tflm_executes_within_two_percent(shape, core):
    place, net = EQUAL_KERNELS[shape]
    found, wanted = count(net, core), counted(*place, core)
    assert found.operators[0].instructions == pytest.approx(wanted, rel=0.02)
    assert found.tflm.operators[0].value == pytest.approx(wanted, rel=0.011)


@needs_gcc
def test_a_dense_operator_lacks_the_same_count_whatever_its_size():
    core, missing = "cortex-m7", []
    for shape in ("large dense", "larger dense"):
        place, net = EQUAL_KERNELS[shape]
        missing.append(counted(*place, core) - count(net, core).operators[0].instructions)
    assert missing[0] == pytest.approx(missing[1], abs=5)
    assert missing[0] == pytest.approx(corrections(core, "gcc")["fully connected"][3], abs=5)


@needs_gcc
@pytest.mark.parametrize("core", BOARDS)
@pytest.mark.parametrize("shape", OTHER_KERNELS)
def test_other_convolutions_are_corrected_to_tflms_count(shape, core):
    place, net, low, high = OTHER_KERNELS[shape]
    found, wanted = count(net, core), counted(*place, core)
    assert low < found.operators[0].instructions / wanted < high
    guess = found.tflm.operators[0]
    assert guess.value == pytest.approx(wanted, rel=0.03)
    assert guess.low <= wanted <= guess.high


@needs_gcc
@pytest.mark.parametrize("core", BOARDS)
def test_an_addition_is_corrected_to_tflms_count(core):
    found, wanted = count(Net((1, 32, 32, 16)).second_input(), core), counted("ic", 3, core)
    assert found.operators[0].instructions < 0.85 * wanted
    guess = found.tflm.operators[0]
    assert guess.value == pytest.approx(wanted, rel=0.05)
    assert guess.low <= wanted <= guess.high


def test_what_zig_makes_is_corrected_too():
    place, net, *_ = OTHER_KERNELS["64 channels"]
    found, wanted = count(net, "cortex-m4", "zig"), counted(*place, "cortex-m4")
    assert found.operators[0].instructions > 1.1 * wanted
    guess = found.tflm.operators[0]
    assert guess.low <= wanted <= guess.high


def test_kinds_are_told_apart():
    net = Net((1, 8, 8, 3)).conv(4).conv(4).conv(4, kernel=(1, 1)).depthwise().pool("MAX").flatten()
    net.dense().dense(per_channel=False)
    graph = read(net.to_bytes())
    assert [kind_of(one, graph) for one in graph.operators] == [
        "few channels convolution", "KxK convolution", "1x1 convolution", "depthwise", "max_pool_2d", "reshape",
        "fully connected, a scale for each unit", "fully connected",
    ]  # fmt: skip


def test_a_correction_is_a_factor_and_an_addition():
    found = correct(2000, (0.9, 0.8, 1.1, 300))
    assert (found.value, found.low, found.high) == pytest.approx((2100, 1900, 2500))
    assert (found.unit, found.basis) == ("instruction", "simulated")
    assert "x 0.9 [0.8 to 1.1] + 300" in found.source
    assert "MLPerf Tiny" in found.source


def test_the_sum_is_that_of_the_operators_and_time_follows_it():
    m4 = board(BOARDS["cortex-m4"])
    operators = (made_up("KxK convolution"), made_up("add"))
    found = count_tflm(operators, m4, "gcc", "cmsis-nn", 1e8)
    factor, low, high, added = corrections("cortex-m4", "gcc")["KxK convolution"]
    other = corrections("cortex-m4", "gcc")["add"]
    assert found.instructions.value == pytest.approx(1000 * factor + added + 1000 * other[0])
    assert found.instructions.low == pytest.approx(1000 * low + added + 1000 * other[1])
    assert found.instructions.high == pytest.approx(1000 * high + added + 1000 * other[2])
    plain = estimate_cycles(1.5 * found.instructions.value, m4)
    assert found.cycles.value == pytest.approx(plain.value)
    assert found.cycles.low < plain.low < plain.high < found.cycles.high
    assert found.latency_s.value == pytest.approx(found.cycles.value / 1e8)


def test_an_operator_the_export_leaves_out_costs_tflm_something():
    found = count_tflm((made_up("add"), made_up("reshape", 0)), board(BOARDS["cortex-m4"]), "gcc", "cmsis-nn", None)
    assert found.operators[1].value == corrections("cortex-m4", "gcc")["reshape"][3] > 0
    assert found.latency_s is None


def test_what_was_never_counted_in_tflm_is_named_and_wide():
    found = count_tflm((made_up("max_pool_2d"),), board(BOARDS["cortex-m4"]), "gcc", "cmsis-nn", 1e8)
    assert found.assumed == ("max_pool_2d",)
    assert "not counted in TFLM" in found.instructions.source
    assert found.instructions.high / found.instructions.low > 2


def test_cortex_m0plus_is_corrected_in_sum():
    found = count_tflm((made_up("add"), made_up("add")), board("raspberry-pi-pico"), "gcc", "cmsis-nn", 1e8)
    assert found.operators == ()
    assert found.instructions.low < 2000 < found.instructions.high


@pytest.mark.parametrize(
    ("target", "kernels"), [("nucleo-l4r5zi", "portable"), ("stm32n6570-dk", "cmsis-nn"), ("stm32n6570-dk", "portable")]
)
def test_nothing_is_said_of_tflm_where_the_counts_say_nothing(target, kernels):
    assert count_tflm((made_up("add"),), board(target), "gcc", kernels, 1e8) is None


def test_a_run_carries_both_and_keeps_its_own():
    graph = read(small_cnn())
    found = run(graph, "nucleo-l4r5zi", sample_codes(graph, 1), compiler="zig")
    assert found.tflm.instructions.value != sum(one.instructions for one in found.operators)
    assert found.latency_s.value == pytest.approx(found.cycles.value / 120e6)
    written = found.to_json()
    assert written["tflm"]["instructions"]["value"] == found.tflm.instructions.value
    assert json.loads(json.dumps(written, allow_nan=False)) == written


@needs_qemu
def test_a_run_on_cortex_m55_says_nothing_of_tflm():
    graph = read(small_cnn())
    found = run(graph, "stm32n6570-dk", sample_codes(graph, 1), compiler="zig")
    assert found.tflm is None
    assert found.to_json()["tflm"] is None
