"""Where arena, weights and code lie: priced when predicted alone, with doubt where nobody timed a place."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.models import Net
from tinykit.budget.fit.check import check_fit
from tinykit.ground.quantity import Estimate
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.latency.bounds import arithmetic_of
from tinykit.predict.latency.effects import PRIORS, Case
from tinykit.predict.latency.instructions import count_operators, shapes_of
from tinykit.predict.latency.kernels import PARTS, refetched_bytes
from tinykit.predict.latency.measured import model_shapes
from tinykit.predict.latency.places import add_code, count_case, fetch_weights
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.latency.shapes import OperatorShape
from tinykit.target.boards import board as find_board
from tinykit.target.target import Target

WIDE = model_shapes()["stzoo_ic_flowers_mobilenet_v1_0.5_224_fft_int8_8132d2"]  # 791 KiB at its widest
BOTTLENECKS = model_shapes()["stzoo_ic_flowers_mobilenet_v2_0.35_224_fft_int8_c1fedf"]  # 703 to 853 KB, ST says
VWW = model_shapes()["mlperf_vww01_mbv1_int8"]
M7 = {"core": "cortex-m7", "clock_hz": 216e6}
DENSE = (OperatorShape("FULLY_CONNECTED", (1, 1000), (40, 1000), (1, 40), macs=40_000),)
SMALL, BIG = "stm32f746g-disco", "stm32f769i-disco"  # data caches of 4 and 16 KiB
FLAT = Estimate(10e-3, 9e-3, 11e-3, "s", "modelled", runtime="tflm-cmsis-nn", sources="flat")


def ends(estimate):
    return estimate.low, estimate.value, estimate.high


def test_an_arena_that_cannot_fit_is_priced_outside_without_being_asked():
    alone = predict_latency(WIDE, **M7, board="arduino-giga-r1")
    asked = predict_latency(WIDE, **M7, board="arduino-giga-r1", arena_region="SDRAM")
    assert ends(alone) == pytest.approx(ends(asked))
    assert "791.0 KiB or more, on the chip are 512.0 KiB: priced in external RAM" in alone.source
    inside = predict_latency(WIDE, **M7, board="nucleo-h743zi2")  # no memory outside: there is nothing to price
    assert inside.value < alone.value
    assert "external" not in inside.source
    assert "priced in" not in predict_latency(VWW, **M7, board="arduino-giga-r1").source
    assert "priced in" not in predict_latency(WIDE, **M7).source


def test_a_graph_is_held_by_its_arena_and_fit_says_the_same():
    """One convolution whose arena is just within, just beyond, and between the ends of what TFLM's versions take."""
    graph = read(Net((1, 64, 64, 8)).conv(8).to_bytes())
    used = predict_arena(graph, runtime="tflm-cmsis-nn", core="cortex-m7").used
    disco = find_board("stm32f746g-disco")
    sram = [one for one in disco.regions if one.window]

    def hold(nbytes):
        share = [
            replace(one, total=replace(one.total, value=0.0), reserved=None) for one in sram if one.kind != "sdram"
        ]
        share[0] = replace(share[0], total=replace(share[0].total, value=float(nbytes)))
        others = [one for one in disco.regions if not one.window or one.kind == "sdram"]
        return replace(disco, regions=(*share, *others))

    fits, beyond, between = (hold(size) for size in (used.high + 64, used.low - 64, (used.low + used.high) / 2))
    told = [predict_latency(graph, **M7, board=one) for one in (fits, beyond, between)]
    assert told[0].value < told[2].value < told[1].value
    assert "in equal parts; name its region" in told[2].source
    assert told[2].low < told[0].value < told[1].value < told[2].high
    assert "external" not in told[0].source


def test_st_divides_an_arena_over_the_chip_since_nine():
    place = {**M7, "board": "stm32h747i-disco", "runtime": "x-cube-ai", "runtime_option": "balanced", "modelled": True}
    old, new = (predict_latency(BOTTLENECKS, **place, runtime_version=version) for version in ("8.1", "10.0"))
    assert "priced in external RAM" in old.source
    assert "there and in external RAM, in equal parts" in new.source
    assert "tell" not in new.source  # version and option are told
    published = predict_latency(BOTTLENECKS, **{**place, "modelled": False, "clock_hz": 400e6}, runtime_version="8.1")
    assert published.basis == "measured"
    assert published.value == pytest.approx(363.82e-3)


def test_external_ram_may_cost_far_more_where_no_row_of_the_board_says():
    giga, disco = (
        predict_latency(VWW, **M7, board=name, arena_region="SDRAM") for name in ("arduino-giga-r1", "stm32f746g-disco")
    )
    assert giga.high / giga.value < 1.4
    assert disco.high / disco.value > 1.9
    assert disco.value / disco.low < 1.4
    assert "dearer where its bus is narrow" in disco.source


def test_weights_and_code_in_external_flash_by_hand():
    """Weights once at 15 to 200 MB/s; code at most 16 KiB where a cache keeps its loops, else two bytes a cycle."""
    disco, iot = find_board("stm32f746g-disco"), find_board("b-l475e-iot01a")
    once, kernels, every = 40_000 + 160, 16_384, 2 * FLAT.value * 80e6
    cached = add_code(FLAT, DENSE, disco, core="cortex-m7", asked="external flash", clock_hz=216e6)
    assert cached.value == pytest.approx(FLAT.value + once / 40e6)
    up = math.hypot(1e-3, once / 15e6 - once / 40e6, kernels / 15e6)
    assert cached.high == pytest.approx(cached.value + up)
    assert (cached.basis, cached.runtime) == ("assumed", "tflm-cmsis-nn")
    blind = add_code(FLAT, DENSE, iot, core="cortex-m4", asked="external flash", clock_hz=80e6)
    assert blind.value == pytest.approx(FLAT.value + once / 40e6 + every / 40e6 / 4)
    assert blind.high > FLAT.value + every / 15e6
    assert "no cache on record" in blind.source
    inside = add_code(FLAT, DENSE, disco, core="cortex-m7", asked="flash", clock_hz=216e6)
    assert inside is FLAT
    assert add_code(FLAT, DENSE, None, core="cortex-m7", asked=None, clock_hz=216e6) is FLAT
    assert fetch_weights(DENSE, disco).value == pytest.approx(once / 40e6)


def test_code_in_itcm_may_be_faster_and_never_slower():
    plain, tight = (predict_latency(VWW, **M7, board="stm32f746g-disco", code_region=name) for name in (None, "ITCM"))
    assert (tight.value, tight.high) == (plain.value, plain.high)
    assert tight.low == pytest.approx(PRIORS["places"]["itcm"] * plain.low)
    assert "nobody timed it" in tight.source


def test_a_target_gives_the_place_of_its_code_effect():
    graph = read(Net((1, 16, 16, 4)).conv(16).depthwise().pool().flatten().dense().to_bytes())
    inside, outside, tight = (
        check_fit(graph, Target("stm32f746g-disco", code_region=name), use_engine=False)
        for name in (None, "external flash", "ITCM")
    )
    assert outside.latency_s.value > inside.latency_s.value
    assert outside.latency_s.high > 1.1 * inside.latency_s.high
    assert outside.latency_s.basis == "assumed"
    assert tight.latency_s.low < inside.latency_s.low
    assert [one.name for one in tight.regions] == [one.name for one in inside.regions]  # it is loaded from flash
    alone = predict_latency(graph, target=Target("stm32f746g-disco", code_region="external flash"))
    assert alone.value == pytest.approx(outside.latency_s.value)


def conv(weights, side=10, dtype="int8"):
    count, *_, depth = weights
    return OperatorShape(
        "CONV_2D", (1, side, side, depth), weights, (1, side, side, count), padding="SAME", dtype=dtype,
        macs=side * side * math.prod(weights),
    )  # fmt: skip


def test_weights_beyond_the_data_cache_are_fetched_anew_for_every_two_pixels():
    assert refetched_bytes(conv((64, 3, 3, 16)), 16384) == 0.0  # 9,216 bytes stay
    assert refetched_bytes(conv((512, 1, 1, 512)), 16384) == pytest.approx(512 * 512 * 100 / 2, rel=1e-4)  # 16 caches
    twice = refetched_bytes(conv((256, 1, 1, 128)), 16384) / (256 * 128 * 100 / 2)
    assert 1 - twice == pytest.approx(math.exp(-2 * twice)) == pytest.approx(0.2032, abs=1e-4)
    assert refetched_bytes(DENSE[0], 8) == 0.0  # each weight once, cache or none


def test_a_small_cache_costs_and_a_core_without_one_is_counted_as_it_was():
    model = [conv((128, 1, 1, 64))]  # 8 KiB: within 16 KiB, twice 4 KiB
    parts = {
        board: dict(zip(PARTS, count_case(model, Case("cortex-m7", "x-cube-ai", board=board)).parts, strict=True))
        for board in ("", "stm32h747i-disco", SMALL, "my-own-board")
    }
    more = PRIORS["places"]["refetched"] * refetched_bytes(model[0], 4096)
    assert more > 0
    assert parts[""] == parts["stm32h747i-disco"] == parts["my-own-board"]
    assert parts[SMALL]["conv_1x1"] == pytest.approx(parts[""]["conv_1x1"] + more)
    assert {**parts[SMALL], "conv_1x1": 0} == {**parts[""], "conv_1x1": 0}
    case = Case("cortex-m33", "tflm-cmsis-nn", build="-O3", board="nucleo-u575zi-q")
    plain = count_operators(
        shapes_of(model), ("cortex-m33", "tflm-cmsis-nn", "-O3"), arithmetic_of("cortex-m33", "tflm-cmsis-nn", None)
    )
    assert count_case(model, case).parts == plain.parts


def test_a_network_of_large_weights_is_slower_where_the_cache_is_smaller():
    times = [predict_latency([conv((128, 3, 3, 128))], **M7, board=one, modelled=True).value for one in (SMALL, BIG)]
    assert times[0] > 1.01 * times[1]
