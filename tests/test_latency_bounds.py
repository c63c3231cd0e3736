"""Operators that no kernel was counted of: bounded by their loops, held against devices, and never a blank."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.kinds import KINDS, KindNet
from tests.test_latency import MODELS
from tinykit.ground.errors import UnknownRuntimeError
from tinykit.model.graph.reading import read
from tinykit.model.operators.table import list_rows
from tinykit.predict.latency.bounds import arithmetic_of, find_loop
from tinykit.predict.latency.instructions import INFERENCE, predict_instructions
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.latency.shapes import OperatorShape, from_graph, read_table
from tinykit.target.boards import board as find_board
from tinykit.target.target import Target

M4 = {"core": "cortex-m4", "clock_hz": 120e6, "runtime": "tflm-cmsis-nn"}
UNBOUNDED = {"IF", "WHILE", "CUSTOM:TFLM_DECODE", "CUSTOM:ethos-u"}


def as_float(model):
    return tuple(replace(shape, dtype="float32") for shape in MODELS[model])


def dense(*units, dtype="float32"):
    """Dense operators in a row, then a softmax."""
    pairs = pairwise(units)
    shapes = [OperatorShape("FULLY_CONNECTED", (1, a), (b, a), (1, b), dtype=dtype, macs=a * b) for a, b in pairs]
    return (*shapes, OperatorShape("SOFTMAX", (1, units[-1]), (), (1, units[-1]), dtype=dtype))


def ratio(estimate):
    return estimate.high / estimate.low


# EdgeMark, NUCLEO-L4R5ZI at 120 MHz, TFLM + CMSIS-NN -O3: float32 networks of MLPerf Tiny.
@pytest.mark.parametrize(("model", "latency_s"), [("ad", 24.522e-3), ("kws", 712.679e-3), ("ic", 2294.36e-3)])
def test_float_networks_of_a_device_lie_in_the_interval(model, latency_s):
    found = predict_latency(as_float(model), **M4, build="-O3", board="nucleo-l4r5zi")
    assert found.low < latency_s < found.high
    assert ratio(found) < 2.2
    assert found.basis == "modelled"
    assert "CONV_2D" in found.source or "FULLY_CONNECTED" in found.source


# A small dense network (64-10-10 and 64-50-10 digits of FCbench) under EloquentTinyML, Arduino cores.
@pytest.mark.parametrize(
    ("core", "clock_hz", "units", "latency_s"),
    [
        ("cortex-m0plus", 133e6, (64, 10, 10), 1.98231e-3), ("cortex-m4", 200e6, (64, 10, 10), 0.06989e-3),
        ("cortex-m7", 480e6, (64, 10, 10), 0.02696e-3), ("cortex-m7", 480e6, (64, 10, 10), 0.01808e-3),
        ("xtensa-lx6", 240e6, (64, 10, 10), 0.07725e-3),
    ],
)  # fmt: skip
def test_a_dense_float_network_on_other_cores(core, clock_hz, units, latency_s):
    found = predict_latency(dense(*units), core=core, clock_hz=clock_hz)
    assert found.low < latency_s < found.high


# Human activity networks of ST's model zoo in float32, X-CUBE-AI 7.3.0 and 8.1.0.
GMP = (
    OperatorShape("CONV_2D", (1, 24, 3, 1), (16, 5, 1, 1), (1, 20, 3, 16), padding="VALID", dtype="float32", macs=4800),
    OperatorShape("CONV_2D", (1, 20, 3, 16), (16, 5, 1, 16), (1, 16, 3, 16), padding="VALID", dtype="float32"),
    OperatorShape("REDUCE_MAX", (1, 16, 3, 16), (2,), (1, 16), dtype="float32"),
    *dense(16, 4),
)


@pytest.mark.parametrize(
    ("core", "clock_hz", "version", "latency_s"),
    [("cortex-m4", 120e6, "7.3.0", 8.84e-3), ("cortex-m33", 160e6, "8.1.0", 4.699e-3)],
)
def test_a_closed_runtime_gains_on_the_loops(core, clock_hz, version, latency_s):
    found = predict_latency(GMP, core=core, clock_hz=clock_hz, runtime="x-cube-ai", runtime_version=version)
    assert found.low < latency_s < found.high
    assert ratio(found) < 3.5


def test_any_build_may_compile_the_floats_of_esp_nn():
    known, unknown = (
        predict_latency(as_float("ic"), core="xtensa-lx6", clock_hz=240e6, build=build) for build in ("-O3", None)
    )
    assert unknown.value > 1.5 * known.value
    assert ratio(unknown) > ratio(known)


def test_a_dense_float_network_takes_two_loads_and_a_product_a_weight():
    # 14,460 multiply-accumulates on a Cortex-M4F at 64 MHz: from 2 to 30 cycles each, by the loop's instructions 11.
    found = predict_latency(dense(714, 20, 9), core="cortex-m4", clock_hz=64e6)
    assert 14_460 * 2 / 64e6 < found.low < 14_460 * 11 * 1.2 / 64e6 < found.high < 14_460 * 30 / 64e6


def test_arithmetic_without_an_fpu_takes_longer_and_a_board_says_which():
    shapes = dense(64, 32, 4)
    m4, m33 = find_board("nucleo-l4r5zi"), find_board("b-u585i-iot02a")
    plain = replace(m4, cores=tuple(replace(core, fpu=False) for core in m4.cores))
    with_fpu, without = (predict_latency(shapes, **M4, board=one) for one in (m4, plain))
    assert 5 < without.value / with_fpu.value < 12
    assert arithmetic_of("cortex-m33", "tflm-cmsis-nn", None).floats == "fpu"
    assert arithmetic_of("cortex-m33", "tflm-cmsis-nn", fpu=False).floats == "soft"
    asked = predict_instructions(shapes, target=Target(m33)).total
    assert predict_instructions(shapes, core="cortex-m33", runtime="tflm-cmsis-nn", fpu=False).total.value > asked.value


def test_an_unknown_build_holds_both_builds_of_a_convolution():
    low, high = (predict_latency(as_float("ic"), **M4, build=build) for build in ("-O3", "-Os"))
    unknown = predict_latency(as_float("ic"), **M4)
    assert 4 < high.value / low.value < 12
    assert unknown.low < low.high < unknown.value < high.low < unknown.high
    assert ratio(unknown) < 8


def test_an_operator_without_evidence_widens_by_its_share_and_is_named():
    net = KindNet((1, 16, 16, 2)).conv(16).conv(16)
    before = predict_latency(read(net.to_bytes()), **M4)
    after = predict_latency(read(net.apply("NEG").to_bytes()), **M4)
    assert "NEG by" in after.source
    assert "NEG" not in before.source
    assert ratio(before) < ratio(after) < 1.4 * ratio(before)
    assert after.basis == "modelled"


def test_what_nobody_can_bound_is_unknown():
    for name in ("ethos-u", "XC_conv2d_v2"):
        net = KindNet((1, 4, 4, 1))
        net.last = net.custom_with(name, net.last, outputs=[((1, 4), "int8")])[0]
        with pytest.raises(UnknownRuntimeError, match=f"CUSTOM:{name} has no instruction model"):
            predict_latency(read(net.to_bytes()), **M4)
    assert (
        find_loop(OperatorShape("CONV_2D", (1, 8), (4, 3, 3, 1), (1, 8)), arithmetic_of("cortex-m4", "", None), "")
        is None
    )


def test_every_operator_of_the_engine_is_bounded_in_every_precision():
    known = {row["operator"] for row in read_table("operator_loops").rows}
    assert {name for name, row in list_rows().items() if row.method} - known == UNBOUNDED
    for core in ("cortex-m4", "cortex-m0plus"):
        for dtype in ("float32", "int16", "int32", "bool"):
            arithmetic = arithmetic_of(core, "tflm-cmsis-nn", None)
            for name in known:
                weights = (2, 3, 3, 2) if "CONV" in name else (2,)
                shape = OperatorShape(name, (1, 4, 4, 2), weights, (1, 4, 4, 2), padding="SAME", dtype=dtype)
                assert find_loop(shape, arithmetic, "-O3"), (name, dtype, core)


def test_only_few_elements_are_sliced_for_nothing():
    small, large = (KindNet((1, size)).slice([0, 0], [1, size // 2]).to_bytes() for size in (16, 4096))
    counts = [
        predict_instructions(read(model), core="cortex-m4", runtime="tflm-cmsis-nn").total for model in (small, large)
    ]
    assert counts[1].value > 10 * counts[0].value


def test_several_results_are_all_counted():
    net = KindNet((4, 64))
    net.outputs = net.unpack(0)
    (shape,) = from_graph(read(net.to_bytes()))
    assert (shape.name, shape.elements) == ("UNPACK", 256)


@pytest.mark.parametrize("runtime", ["tflm-reference", "x-cube-ai", "edge-impulse-eon"])
def test_other_runtimes_bound_floats_too(runtime):
    plain = predict_latency(dense(64, 32, 4), **M4)
    other = predict_latency(dense(64, 32, 4), **{**M4, "runtime": runtime})
    assert other.runtime == runtime
    assert other.low < plain.high
    assert plain.low < other.high


def test_floats_take_the_same_in_every_build_of_tflm():
    place = {"core": "cortex-m0plus", "clock_hz": 133e6}
    plain, reference = (
        predict_latency(dense(64, 10, 4), **place, runtime=f"tflm-{one}") for one in ("cmsis-nn", "reference")
    )
    assert reference.runtime == "tflm-reference"
    assert (reference.low, reference.value, reference.high) == (plain.low, plain.value, plain.high)
    with pytest.raises(UnknownRuntimeError, match="no latency evidence for tflm-reference on core 'cortex-m0plus'"):
        predict_latency(MODELS["ad"], **place, runtime="tflm-reference")


def test_external_memory_slows_floats_as_it_slows_integers():
    inside, outside = (
        predict_latency(as_float("kws"), core="cortex-m7", clock_hz=480e6, arena_region=region)
        for region in (None, "sdram")
    )
    assert 1 < outside.value / inside.value < 1.5
    assert ratio(outside) > ratio(inside)


def test_integer_predictions_are_what_they_were():
    found = predict_latency(MODELS["kws"], **M4, build="-O3", board="nucleo-l4r5zi", modelled=True)
    assert not any("bounded" in source for source in found.sources)
    report = predict_instructions(MODELS["kws"], core="cortex-m4", runtime="tflm-cmsis-nn", build="-O3")
    assert math.isclose(sum(report.parts), report.total.value + INFERENCE)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7", "cortex-m33", "cortex-m0plus", "xtensa-lx7"])
def test_all_kinds_have_a_latency_on_a_core(core):
    for name, kind in KINDS.items():
        if kind.runs and (core.startswith("cortex") or name.startswith("float32")):
            found = predict_latency(read(kind.build()), core=core, clock_hz=1e8)
            assert 0 < found.low < found.value < found.high, name
            assert ratio(found) < 30, name


# RP2350 at 150 MHz, flash in place behind 16 KiB: MLPerf Tiny's networks took one to ten times what the core takes.
@pytest.mark.parametrize(
    ("model", "latency_s"), [("ad", 58.95e-3), ("ic", 1.70993), ("kws", 60.4e-3), ("vww", 1.37502)]
)
def test_flash_behind_a_small_cache_leaves_room(model, latency_s):
    pico = {"core": "cortex-m33", "clock_hz": 150e6, "build": "-O3"}
    found = predict_latency(MODELS[model], **pico, board="raspberry-pi-pico-2")
    inside = predict_latency(MODELS[model], **pico)
    assert found.low < latency_s < found.high
    assert ratio(found) < 30
    assert found.value == pytest.approx(inside.value, rel=1e-9)
    assert "weights read in place" in found.source
    assert "weights read in place" not in inside.source


def test_a_network_measured_from_such_flash_keeps_its_interval():
    case = {"core": "cortex-m0plus", "clock_hz": 133e6}
    on_board = predict_latency(MODELS["kws"], **case, board="raspberry-pi-pico")
    assert ratio(on_board) < ratio(predict_latency(MODELS["kws"], **case))
    assert "external flash" not in on_board.source
