"""placements: contiguity, head and tail apart, where the stack goes, and what a place costs in time, worked by hand."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from tests.models import Net, autoencoder, small_cnn
from tests.test_fit import CNN, FLASH, KIB, LARGE, NEED, NOTHING, ROOM, code, made, ram
from tinykit.budget.fit.check import check_fit
from tinykit.budget.fit.placements import list_placements
from tinykit.budget.fit.timing import bank_delay, data_cache_bytes, move_outside, outside_factor
from tinykit.budget.fit.verdict import RegionUse
from tinykit.ground.quantity import Fact
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.latency.places import fetch_weights
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.latency.shapes import from_graph
from tinykit.show.cli.main import main
from tinykit.target import Reserve, Target
from tinykit.target.boards import boards

DENSE = read(autoencoder(64))
"""A chain of dense operators: its tail is longer than its head."""


def m7(*regions, cache_kib: int | None = 16):
    cache = Fact(cache_kib * KIB, "byte", "assumed", "made up") if cache_kib else None
    return dataclasses.replace(made(*regions, core="cortex-m7", clock_hz=400e6), data_cache=cache)


def listed(board, graph=CNN, reserve: Reserve = NOTHING, **setting):
    return list_placements(graph, board, reserve=reserve, **setting)


class TestWhere:
    def test_one_for_each_window_that_fit_first(self):
        board = made(ram("A", 64 * KIB), ram("B", NEED - 1), ram("C", 32 * KIB), ROOM)
        names = [(one.name, one.verdict) for one in listed(board)]
        assert names == [
            ("arena in A, stack in B, model in flash", "fits"),
            ("arena in C, stack in B, model in flash", "fits"),
            ("arena in B, stack in C, model in flash", "does_not_fit"),
        ]

    def test_the_stack_stays_inside(self):
        board = made(ram("SRAM", 20 * KIB), ram("PSRAM", 8 * KIB * KIB, "psram"), ROOM)
        outside = next(one for one in listed(board, reserve=Reserve(16 * KIB, 0)) if "arena in PSRAM" in one.name)
        assert "stack in SRAM" in outside.name
        assert outside.regions[1].holds == ("stack and application",)

    def test_head_and_tail_apart_where_no_bank_holds_both(self):
        found = predict_arena(DENSE)
        head, tail = found.head_array_bytes, found.tail_array_bytes
        board = made(ram("A", head), ram("B", tail), ROOM)
        best = listed(board, DENSE)[0]
        assert best.verdict == "tight"
        assert [(use.name, use.used_bytes) for use in best.regions[:2]] == [("A", head), ("B", tail)]
        assert best.regions[0].holds == ("arena head",)
        assert best.notes[0].startswith("TFLM takes two arrays: MicroAllocator::Create")
        report = check_fit(DENSE, board, reserve=NOTHING, use_engine=False)
        assert report.verdict == "tight"
        assert "no bank holds an arena of" in report.reasons[0]
        assert "tail of" in report.reasons[0]

    def test_a_byte_less_and_not_even_apart(self):
        found = predict_arena(DENSE)
        board = made(ram("A", found.head_array_bytes - 1), ram("B", found.head_array_bytes - 1), ROOM)
        report = check_fit(DENSE, board, reserve=NOTHING, use_engine=False)
        assert report.verdict == "does_not_fit"
        assert all("head" not in one.name for one in listed(board, DENSE))

    def test_the_head_alone_in_a_faster_bank(self):
        """Tightly coupled memory that holds the head and not the tail beside it."""
        found = predict_arena(DENSE)
        board = m7(ram("SRAM", 512 * KIB), ram("DTCM", found.to_start - 1, "dtcm"), ROOM)
        first = listed(board, DENSE)[0]
        assert first.name.startswith("head in DTCM, tail in SRAM")
        assert first.slowdown.value < 1

    def test_one_array_comes_before_two(self):
        found = predict_arena(DENSE)
        board = made(ram("A", found.to_start), ram("B", 2 * found.to_start), ROOM)
        assert check_fit(DENSE, board, reserve=NOTHING, use_engine=False).regions[0].holds[0] == "arena"
        assert all("head" not in one.name for one in listed(board, DENSE))

    def test_inside_apart_comes_before_outside_whole(self):
        found = predict_arena(DENSE)
        banks = ram("A", found.head_array_bytes), ram("B", found.tail_array_bytes)
        board = made(*banks, ram("PSRAM", 8 * KIB * KIB, "psram"), ROOM)
        assert check_fit(DENSE, board, reserve=NOTHING, use_engine=False).regions[0].name == "A"

    def test_the_two_arrays_hold_what_one_does(self):
        """Planning memory belongs to the head; the second allocator and its alignment cost 48 bytes (assumed)."""
        for graph in (CNN, LARGE, DENSE):
            found = predict_arena(graph)
            assert found.head_array_bytes + found.tail_array_bytes == found.to_start + 48
            assert found.head_array_bytes >= found.head_bytes + 16

    def test_a_sum_of_ram_is_told_from_one_array(self):
        board = made(ram("A", 100 * KIB), ram("B", 100 * KIB), ROOM)
        report = check_fit(LARGE, board, reserve=NOTHING, use_engine=False)
        assert report.verdict == "does_not_fit"
        assert "200.0 KiB of RAM in all, in 2 pieces of at most 100.0 KiB: an arena is one array" in report.reasons

    def test_960_kib_of_an_h743_are_not_one_arena(self):
        """1016 KiB in four windows (the data sheet's RAM beside ITCM and backup): 600 KiB find no place."""
        net = read(Net((1, 320, 320, 3)).conv(3, (1, 1)).to_bytes())
        assert 512 * KIB < predict_arena(net).to_start < 1016 * KIB
        report = check_fit(net, "nucleo-h743zi2", use_engine=False)
        assert report.verdict == "does_not_fit"
        assert any("992.0 KiB of RAM in all, in 4 pieces of at most 512.0 KiB" in text for text in report.reasons)

    def test_the_model_outside_where_flash_is_too_small(self):
        regions = ram("SRAM", 64 * KIB), code(FLASH - 1), code(2**24, "external_flash", xip=None)
        first, second = listed(made(*regions))
        assert (first.verdict, second.verdict) == ("tight", "does_not_fit")
        assert first.name == "arena in SRAM, stack in SRAM, model in external_flash"
        model, runtime = first.regions[-2:]
        assert model.used_bytes == CNN.flatbuffer_bytes
        assert model.used_bytes + runtime.used_bytes == FLASH
        assert any("not on record" in text for text in first.notes)
        told = check_fit(CNN, made(*regions), reserve=NOTHING, use_engine=False).reasons
        assert "external_flash could hold the model, if the chip reads it as memory: see its placements" in told

    def test_flash_that_the_chip_cannot_read_as_memory_is_no_place(self):
        regions = ram("SRAM", 64 * KIB), ROOM, code(2**24, "external_flash", xip=False)
        assert len(listed(made(*regions))) == 1

    @pytest.mark.parametrize("runtime", ["edge-impulse-eon", "ethos-u"])
    def test_none_where_the_arena_is_unknown(self, runtime):
        assert listed(made(ram("SRAM", 64 * KIB), ROOM), runtime=runtime) == ()

    def test_none_where_no_memory_is_known(self):
        assert listed(made(ROOM)) == ()

    def test_a_reserve_below_what_tflm_takes_itself_is_told(self):
        told = check_fit(CNN, made(ram("SRAM", 64 * KIB), ROOM), reserve=Reserve(1000, 0), use_engine=False).reasons
        assert any(text.startswith("the reserve of 1000 B is less than the 1.") for text in told)
        enough = check_fit(CNN, made(ram("SRAM", 64 * KIB), ROOM), use_engine=False).reasons
        assert not any("the reserve of" in text for text in enough)


class TestCost:
    @pytest.mark.parametrize("cache_kib", [None, 16])
    def test_fit_and_placement_agree_on_external_ram(self, cache_kib):
        board = m7(ram("SRAM", NEED - 1), ram("SDRAM", 8 * KIB * KIB, "sdram"), ROOM, cache_kib=cache_kib)
        report = check_fit(CNN, board, reserve=NOTHING, use_engine=False)
        (place,) = (one for one in listed(board) if one.name.startswith("arena in SDRAM"))
        assert report.regions[0].name == "SDRAM"
        assert report.latency_s.value == pytest.approx(place.latency_s.value)
        assert report.latency_s.low == pytest.approx(place.latency_s.low)

    def test_external_ram_as_measured(self):
        """VWW on an Arduino Giga: 51.4265 ms in SRAM, 63.7664 ms in SDRAM, pooled with two networks more."""
        board = m7(ram("SRAM", 64 * KIB), ram("SDRAM", 8 * KIB * KIB, "sdram"), ROOM, cache_kib=None)
        outside = next(one for one in listed(board) if "arena in SDRAM" in one.name)
        assert outside.slowdown.value == pytest.approx(63.7664 / 51.4265, rel=0.065)
        assert 1 <= outside.slowdown.low < outside.slowdown.value
        assert 1.6 < outside.slowdown.high < 3  # no row of this board: its bus, or a cache left off, may cost far more
        inside = predict_latency(CNN, core="cortex-m7", clock_hz=400e6)
        assert outside.latency_s.value == pytest.approx(inside.value * outside.slowdown.value)

    def test_a_head_that_the_cache_holds_may_cost_nothing(self):
        banks = ram("SRAM", 64 * KIB), ram("SDRAM", 8 * KIB * KIB, "sdram"), ROOM
        small, large = (
            next(one for one in listed(m7(*banks), graph, Reserve(0, 0)) if "arena in SDRAM" in one.name)
            for graph in (CNN, LARGE)
        )
        assert predict_arena(CNN).head_bytes < 16 * KIB < predict_arena(LARGE).head_bytes
        assert small.slowdown.low == 1
        assert small.slowdown.value == pytest.approx(math.sqrt(large.slowdown.value))
        assert "the data cache holds this head whole" in small.slowdown.sources

    def test_the_factor_leaves_out_what_both_are_unsure_of(self):
        board = m7(ram("SRAM", 64 * KIB), ram("PSRAM", 64 * KIB, "psram"), ROOM)
        outside = predict_latency(CNN, core="cortex-m7", clock_hz=400e6, board=board, arena_region="PSRAM")
        factor = outside_factor(CNN, Target(board), "psram")
        assert factor.high / factor.value < outside.high / outside.value
        inside = predict_latency(CNN, core="cortex-m7", clock_hz=400e6, board=board)
        moved = move_outside(inside, factor)
        assert moved.value == pytest.approx(outside.value)
        assert math.log(moved.high / moved.value) == pytest.approx(math.log(outside.high / outside.value), rel=0.15)

    def test_cache_lines_by_hand(self):
        """One 1 × 1 convolution reads 8 × 8 × 4 and writes 8 × 8 × 8 bytes: 24 lines of 32, at 10 … 20 … 40 cycles."""
        net = read(Net((1, 8, 8, 4)).conv(8, (1, 1)).to_bytes())
        board = m7(ram("SRAM", 512 * KIB), ram("DTCM", 64 * KIB, "dtcm"), ram("D2", 64 * KIB), ROOM)
        kinds = {"DTCM": "dtcm", "D2": "sram", "SRAM": "sram"}
        uses = {name: RegionUse(name, kind, 0, 0, 0, ()) for name, kind in kinds.items()}
        gain = bank_delay(net, board, uses["DTCM"], 400e6)
        assert [gain.low, gain.value, gain.high] == pytest.approx([-24 * c / 400e6 for c in (40, 20, 10)])
        far = bank_delay(net, board, uses["D2"], 400e6)
        assert [far.low, far.value, far.high] == pytest.approx([24 * c / 400e6 for c in (0, 20, 60)])
        assert bank_delay(net, board, uses["SRAM"], 400e6).high == 0
        assert gain.basis == far.basis == "assumed"

    def test_a_core_without_a_data_cache_has_nothing_to_spare(self):
        board = made(ram("SRAM", 64 * KIB), ram("CCM", 32 * KIB, "ccm"), ROOM)
        assert [one.slowdown.value for one in listed(board)] == [1, 1]

    def test_tightly_coupled_memory_comes_first_where_there_is_a_cache(self):
        board = m7(ram("SRAM", 512 * KIB), ram("DTCM", 64 * KIB, "dtcm"), ROOM)
        first, second = listed(board)
        assert first.name.startswith("arena in DTCM")
        assert first.latency_s.value < second.latency_s.value
        assert first.slowdown.high <= second.slowdown.value == 1

    def test_weights_outside_by_hand(self):
        """Dense weights go over the port once, 3 × 3 convolutions' once a pair of pixels unless a cache holds them."""
        dense = read(Net((1, 1000)).dense(40).to_bytes())
        once = 40 * 1000 + 40 * 4
        delay = fetch_weights(from_graph(dense), m7(ROOM))
        assert [delay.low, delay.value, delay.high] == pytest.approx([once / 200e6, once / 40e6, once / 15e6])
        conv = read(Net((1, 8, 8, 16)).conv(160).to_bytes())
        weights = 160 * 144 + 160 * 4
        assert weights > 16 * KIB
        assert fetch_weights(from_graph(conv), m7(ROOM)).value == pytest.approx(weights * 32 / 40e6)
        assert fetch_weights(from_graph(conv), m7(ROOM, cache_kib=32)).value == pytest.approx(weights / 40e6)
        blind = fetch_weights(from_graph(conv), m7(ROOM, cache_kib=None))
        assert (blind.low, blind.high) == pytest.approx((weights / 200e6, weights * 32 / 15e6))
        assert blind.value == pytest.approx(weights * math.sqrt(32) / 40e6)

    def test_unknown_latency_leaves_the_places(self):
        board = made(ram("A", 64 * KIB), ROOM, clock_hz=None)
        (only,) = listed(board)
        assert only.latency_s is only.slowdown is None
        assert "latency unknown: the clock of mine is not on record; give it with --clock HZ" in only.notes

    def test_the_data_cache_is_a_fact_of_the_record(self):
        by_id = {item.id: item for item in boards()}
        names = ("nucleo-h743zi2", "nucleo-u575zi-q", "esp32-s3-devkitc-1", "nucleo-l4r5zi", "esp-eye")
        assert [data_cache_bytes(by_id[name]) for name in names] == [16384, 4096, 32768, None, None]
        assert by_id["esp32-s3-devkitc-1"].data_cache.ends == (16384, 65536)
        assert data_cache_bytes(made(ROOM)) is None
        assert all(item.cache for item in by_id.values() if item.data_cache), "in words too"


def test_every_board_lists_and_the_first_agrees_with_the_fit_check():
    for board in boards():
        report = check_fit(CNN, board, use_engine=False)
        found = list_placements(CNN, board)
        assert bool(found) == bool(report.arena_bytes and board.sram_windows())
        fits = [one.verdict in ("fits", "tight") for one in found]
        assert fits == sorted(fits, reverse=True), "what fits comes first"
        if report.verdict in ("fits", "tight"):
            assert fits[0]
            assert {one.name for one in report.regions} in [{use.name for use in one.regions} for one in found]
        json.dumps([one.to_json() for one in found], allow_nan=False)


def test_the_command_lists_them(tmp_path, capsys):
    path = tmp_path / "net.tflite"
    path.write_bytes(small_cnn())
    assert main(["fit", str(path), "--board", "portenta-h7"]) == 0
    out = capsys.readouterr().out
    assert "placements, the fastest that fits first" in out
    assert "arena in SDRAM" in out
    assert "63.8 ms in SDRAM" in out
    assert main(["fit", str(path), "--board", "portenta-h7", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["placements"][0]["name"].startswith("arena in DTCM")
    assert main(["fit", str(path), "--json"]) == 0
    assert "placements" not in json.loads(capsys.readouterr().out)["results"][0]
