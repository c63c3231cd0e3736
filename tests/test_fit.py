"""fit: verdicts on boards made for the purpose, the catalogue's sanity, and what the interpreter adds."""

from __future__ import annotations

import dataclasses
import importlib
import json

import pytest

from tests.models import Net, autoencoder, hybrid, small_cnn
from tests.test_arena import random_graph
from tests.test_shapes import dilated
from tinykit.budget.fit.check import check_fit, check_fit_all
from tinykit.ground.errors import EngineError, ParameterError, UnknownBoardError, UnknownRuntimeError
from tinykit.ground.quantity import Fact
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.flash import predict_flash
from tinykit.predict.runtime.refusal import Diagnosis
from tinykit.target import Reserve
from tinykit.target.boards import board, boards
from tinykit.target.boards.record import Board, Core, Region

CHECK = importlib.import_module("tinykit.budget.fit.check")
REFUSAL = importlib.import_module("tinykit.predict.runtime.refusal")
KIB = 1024
CNN = read(small_cnn())
LARGE = read(Net((1, 96, 96, 3)).conv(8).conv(8, (1, 1)).to_bytes())
"""Two feature maps of 96 × 96 × 8 alive together: 144 KiB of arena."""
NEED = predict_arena(CNN).to_start
FLASH = int(predict_flash(CNN, runtime="tflm-cmsis-nn", core="cortex-m4").total.value)
ROOM = Region("flash", "flash", Fact(2**20, "byte", "assumed", "a test"))
NOTHING = Reserve(0, 0)


def fact(value: float, unit: str = "byte") -> Fact:
    return Fact(value, unit, "assumed", "a test")


def ram(name: str, nbytes: int, kind: str = "sram", *, window: str | None = "", reserved: int = 0) -> Region:
    taken = fact(reserved) if reserved else None
    return Region(name, kind, fact(nbytes), taken, window=(name if window == "" else window))


def code(nbytes: int, kind: str = "flash", *, xip: bool | None = None, reserved: int = 0) -> Region:
    return Region(kind, kind, fact(nbytes), fact(reserved) if reserved else None, xip=xip)


def made(*regions: Region, core: str = "cortex-m4", clock_hz: float | None = 80e6) -> Board:
    cores = (Core(core, clock_max=fact(clock_hz, "Hz") if clock_hz else None),)
    return Board("mine", "Mine", "Me", "M4", cores, regions)


def check(*regions: Region, graph=CNN, reserve: Reserve = NOTHING, engine: bool = False, **setting):
    """On a board of these regions, with a megabyte of flash unless they hold some."""
    held = regions if any("flash" in region.kind for region in regions) else (*regions, ROOM)
    core = setting.pop("core", "cortex-m4")
    return check_fit(graph, made(*held, core=core), reserve=reserve, use_engine=engine, **setting)


class TestRam:
    def test_fits(self):
        report = check(ram("SRAM", 64 * KIB))
        assert report.verdict == "fits"
        use = report.regions[0]
        assert (use.name, use.used_bytes, use.holds) == ("SRAM", NEED, ("arena", "stack and application"))
        assert use.margin_bytes == 64 * KIB - NEED
        assert report.reasons[0].endswith("left in SRAM")

    def test_to_the_byte(self):
        assert check(ram("SRAM", NEED)).verdict == "tight"
        report = check(ram("SRAM", NEED - 1))
        assert report.verdict == "does_not_fit"
        assert report.reasons[0].endswith("SRAM is 1 B too small")
        assert report.regions[0].margin_bytes == -1

    def test_what_it_takes_to_start_counts_not_what_it_uses_after(self):
        dense = read(autoencoder())
        found = predict_arena(dense)
        assert found.to_start > found.value + 16
        assert check(ram("SRAM", int(found.value) + 16), graph=dense).verdict == "does_not_fit"

    def test_the_reserve_is_named_and_what_is_left_beside_it(self):
        report = check(ram("SRAM", 64 * KIB), reserve=Reserve(16 * KIB, 0))
        assert report.reasons[0].endswith(" left in SRAM beside 16.0 KiB kept for the stack and application")

    def test_a_reserve_that_nobody_stated_makes_nothing_impossible(self):
        small = Board("small", "Small", "", "", (Core("cortex-m4", 1),), (ram("SRAM", NEED + 7 * KIB), ROOM))
        report = check_fit(CNN, small, use_engine=False)
        assert report.verdict == "tight"
        assert report.reasons[0].endswith(
            "7.0 KiB left in SRAM for stack and application, for which 16.0 KiB were assumed"
        )
        stated = check_fit(CNN, small, reserve=Reserve(16 * KIB, 0), use_engine=False)
        assert stated.verdict == "does_not_fit"
        assert stated.reasons[0].endswith(
            "SRAM is 9.0 KiB too small beside 16.0 KiB kept for the stack and application"
        )
        large = check_fit(CNN, dataclasses.replace(small, regions=(ram("SRAM", NEED - 1), ROOM)), use_engine=False)
        assert large.reasons[0].endswith(
            "SRAM is 16.0 KiB too small beside 16.0 KiB kept for the stack and application, 1 B without them"
        )
        without = Board("none", "None", "", "", (Core("cortex-m4", 1),), (ram("SRAM", NEED - 1), ROOM))
        assert check_fit(CNN, without, use_engine=False).verdict == "does_not_fit"

    def test_the_same_of_flash(self):
        small = Board(
            "small", "Small", "", "", (Core("cortex-m4", 1),), (ram("SRAM", 256 * KIB), code(FLASH + 18 * KIB))
        )
        report = check_fit(CNN, small, use_engine=False)
        assert report.verdict == "tight"
        assert "18.0 KiB left in flash for stack and application, for which 32.0 KiB were assumed" in report.reasons[1]

    def test_tight_below_a_tenth(self):
        total = 100 * KIB
        at = Reserve(total - NEED - total // 10, 0)
        assert check(ram("SRAM", total), reserve=at).verdict == "fits"
        below = dataclasses.replace(at, sram_bytes=at.sram_bytes + 1)
        report = check(ram("SRAM", total), reserve=below)
        assert report.verdict == "tight"
        assert "only" in report.reasons[0]

    def test_tight_where_the_interval_reaches_over_the_edge(self):
        found = predict_arena(CNN)
        total = NEED + int(found.high - found.value) - 8
        report = check(ram("SRAM", total), reserve=NOTHING)
        assert report.verdict == "tight"

    def test_an_arena_lies_in_one_window(self):
        assert check(ram("A", 100 * KIB), ram("B", 100 * KIB), graph=LARGE).verdict == "does_not_fit"
        together = check(ram("A", 100 * KIB, window="AB"), ram("B", 100 * KIB, window="AB"), graph=LARGE)
        assert together.verdict == "fits"
        assert together.regions[0].name == "AB"

    def test_what_the_chip_takes_is_not_there(self):
        free = check(ram("SRAM", 8 * KIB))
        taken = check(ram("SRAM", 8 * KIB, reserved=7 * KIB))
        assert (free.verdict, taken.verdict) == ("fits", "does_not_fit")
        assert taken.regions[0].reserved_bytes == 7 * KIB

    def test_memory_of_unknown_place_is_no_memory(self):
        report = check(ram("SRAM", 256 * KIB, window=None))
        assert report.verdict == "unknown"
        assert "no contiguous memory of this board is known" in report.reasons[0]


class TestReserve:
    def test_beside_the_arena_where_there_is_no_other_bank(self):
        report = check(ram("SRAM", 64 * KIB), reserve=Reserve(16 * KIB, 0))
        assert [use.reserved_bytes for use in report.regions[:1]] == [16 * KIB]

    def test_in_the_smallest_other_bank_with_room(self):
        banks = ram("SRAM", 200 * KIB), ram("DTCM", 64 * KIB, "dtcm"), ram("CCM", 32 * KIB, "ccm")
        report = check(*banks, graph=LARGE, reserve=Reserve(16 * KIB, 0))
        arena, application = report.regions[:2]
        assert (arena.name, arena.holds) == ("SRAM", ("arena",))
        assert (application.name, application.holds) == ("CCM", ("stack and application",))
        assert application.reserved_bytes == 16 * KIB

    def test_not_in_a_bank_that_it_fills(self):
        report = check(ram("SRAM", 64 * KIB), ram("CCM", 17 * KIB, "ccm"), reserve=Reserve(16 * KIB, 0))
        assert report.verdict == "fits"
        assert report.regions[0].holds == ("arena", "stack and application")

    def test_in_a_bank_that_it_fills_rather_than_nowhere(self):
        report = check(ram("SRAM", NEED + KIB), ram("CCM", 17 * KIB, "ccm"), reserve=Reserve(16 * KIB, 0))
        assert report.verdict == "tight"
        assert [use.name for use in report.regions[:2]] == ["SRAM", "CCM"]

    def test_too_large_for_any(self):
        report = check(ram("SRAM", 8 * KIB), ram("CCM", 4 * KIB, "ccm"), reserve=Reserve(16 * KIB, 0))
        assert report.verdict == "does_not_fit"

    def test_default_is_stated(self):
        report = check_fit(CNN, made(ram("SRAM", 64 * KIB), ROOM), use_engine=False)
        assert report.reserve == Reserve(16 * KIB, 32 * KIB)
        assert [use.reserved_bytes for use in report.regions] == [16 * KIB, 32 * KIB]

    @pytest.mark.parametrize("sizes", [(-1, 0), (0, -1), (2**41, 0)])
    def test_out_of_range(self, sizes):
        with pytest.raises(ParameterError, match=r"reserve (sram|flash)_bytes = -?\d+; give bytes from 0 up"):
            Reserve(*sizes)


class TestExternalRam:
    def test_only_where_nothing_inside_holds_it(self):
        report = check(ram("SRAM", 64 * KIB), ram("PSRAM", 8 * KIB * KIB, "psram"), graph=LARGE)
        assert report.verdict == "tight"
        assert report.regions[0].name == "PSRAM"
        assert "only in external PSRAM: slower" in report.reasons[0]

    def test_tight_inside_comes_before_comfortable_outside(self):
        report = check(ram("SRAM", NEED + 100), ram("PSRAM", 8 * KIB * KIB, "psram"))
        assert report.verdict == "tight"
        assert report.regions[0].name == "SRAM"

    def test_the_stack_stays_inside(self):
        banks = ram("SRAM", 64 * KIB), ram("PSRAM", 8 * KIB * KIB, "psram")
        report = check(*banks, graph=LARGE, reserve=Reserve(16 * KIB, 0))
        assert [(use.name, use.holds) for use in report.regions[:2]] == [
            ("PSRAM", ("arena",)), ("SRAM", ("stack and application",)),
        ]  # fmt: skip

    def test_latency_is_that_of_external_ram(self):
        inside = check(ram("SRAM", 400 * KIB), graph=LARGE).latency_s
        outside = check(ram("SRAM", 8 * KIB), ram("PSRAM", 8 * KIB * KIB, "psram"), graph=LARGE).latency_s
        assert outside.value > 1.1 * inside.value

    def test_not_even_there(self):
        report = check(ram("SRAM", 8 * KIB), ram("PSRAM", 100 * KIB, "psram"), graph=LARGE)
        assert report.verdict == "does_not_fit"
        assert "PSRAM is" in report.reasons[0], "the memory that comes nearest is named"


class TestFlash:
    def test_to_the_byte(self):
        sram = ram("SRAM", 64 * KIB)
        assert check(sram, code(FLASH)).verdict == "tight"
        report = check(sram, code(FLASH - 1))
        assert report.verdict == "does_not_fit"
        assert report.reasons[1].endswith("of flash: flash is 1 B too small")

    def test_a_boot_loader_and_the_application_take_their_part(self):
        sram = ram("SRAM", 64 * KIB)
        report = check(sram, code(FLASH + 100, reserved=101))
        assert report.verdict == "does_not_fit"
        report = check(sram, code(FLASH + 100), reserve=Reserve(0, 101))
        assert report.verdict == "does_not_fit"
        assert report.regions[-1].holds == ("model", "runtime", "application")

    def test_tight_where_an_unknown_build_may_overflow(self):
        high = predict_flash(CNN, runtime="tflm-cmsis-nn", core="cortex-m4").total.high
        assert check(ram("SRAM", 64 * KIB), code(int(high) - 10)).verdict == "tight"

    def test_external_flash_only_if_the_chip_runs_from_it(self):
        sram = ram("SRAM", 64 * KIB)
        assert check(sram, code(2**24, "external_flash", xip=True)).verdict == "fits"
        for xip in (False, None):
            report = check(sram, code(2**24, "external_flash", xip=xip))
            assert report.verdict == "unknown"
            assert "where this board keeps its code is not known" in report.reasons[1]

    def test_internal_first(self):
        report = check(ram("SRAM", 64 * KIB), code(2**24, "external_flash", xip=True), code(2**20))
        assert report.regions[-1].name == "flash"
        report = check(ram("SRAM", 64 * KIB), code(2**24, "external_flash", xip=True), code(4 * KIB))
        assert report.regions[-1].name == "external_flash"

    def test_no_flash_known(self):
        report = check_fit(CNN, made(ram("SRAM", 64 * KIB)), use_engine=False)
        assert report.verdict == "unknown"


class TestUnknown:
    def test_does_not_fit_wins_over_unknown(self):
        report = check_fit(LARGE, made(ram("SRAM", 8 * KIB)), use_engine=False)
        assert report.verdict == "does_not_fit"

    def test_runtime_without_a_published_planner(self):
        report = check(ram("SRAM", 64 * KIB), runtime="edge-impulse-eon", engine=True)
        assert report.verdict == "unknown"
        assert report.arena_bytes is report.flash_bytes is None
        assert report.reasons[0].startswith("arena unknown")
        assert report.reasons[1].startswith("flash of this runtime unknown")
        assert report.latency_s is not None, "its kernels are TFLM's"

    def test_clock(self):
        assert check_fit(CNN, made(ram("A", KIB), clock_hz=None), use_engine=False).latency_s is None
        known = check(ram("SRAM", 64 * KIB), clock_hz=40e6)
        assert known.clock_hz == 40e6
        assert known.latency_s.value == pytest.approx(2 * check(ram("SRAM", 64 * KIB)).latency_s.value)

    def test_energy_without_a_run_current(self):
        report = check(ram("SRAM", 64 * KIB))
        assert report.energy_per_inference_j is None
        assert report.to_json()["energy_per_inference_j"] is None

    def test_default_runtime_follows_the_core(self):
        assert check(ram("SRAM", 64 * KIB)).runtime == "tflm-cmsis-nn"
        assert check(ram("SRAM", 64 * KIB), core="xtensa-lx6").runtime == "esp-nn"


class TestSettings:
    def test_misspelt_board(self):
        with pytest.raises(UnknownBoardError, match="nearest: nucleo-l4r5zi"):
            check_fit(CNN, "nucleo-l4r5z")

    @pytest.mark.parametrize("call", [check_fit, check_fit_all])
    def test_misspelt_runtime(self, call):
        target = "nucleo-l4r5zi" if call is check_fit else None
        with pytest.raises(UnknownRuntimeError, match="runtime 'tflm-cmsisnn' is unknown; nearest: tflm-cmsis-nn"):
            call(CNN, target, runtime="tflm-cmsisnn")

    @pytest.mark.parametrize("clock_hz", [0, 0.0, -80e6, float("nan"), float("inf")])
    def test_clocks_that_are_none(self, clock_hz):
        with pytest.raises(ParameterError, match=r"clock -?\S+ Hz; give hertz above 0"):
            check_fit(CNN, "nucleo-l4r5zi", clock_hz=clock_hz)

    def test_unknown_build(self):
        with pytest.raises(ParameterError, match="build '-O9' is unknown"):
            check_fit(CNN, "nucleo-l4r5zi", build="-O9", use_engine=False)


class TestInterpreter:
    def test_hybrid_is_refused_with_the_reason(self):
        report = check(ram("SRAM", 64 * KIB), graph=read(hybrid()), engine=True)
        assert report.verdict == "does_not_fit"
        assert report.reasons[0].startswith("the TFLM interpreter refuses this model: operator 0 (FULLY_CONNECTED) is")
        assert "hybrid" in report.reasons[0]

    def test_missing_operator_is_named(self):
        report = check(ram("SRAM", 64 * KIB), graph=read(Net((1, 8)).unary("GELU").to_bytes()), engine=True)
        assert report.verdict == "does_not_fit"
        assert "TFLM has no operator GELU" in report.reasons[0]

    @pytest.mark.parametrize("engine", [True, False])
    def test_a_refused_model_has_no_figures(self, engine):
        """They would read as if it ran; what it is and how to cure it stands in their place."""
        report = check(ram("SRAM", 64 * KIB), graph=read(hybrid()), engine=engine)
        figures = (report.arena_bytes, report.flash_bytes, report.latency_s, report.energy_per_inference_j)
        assert (figures, report.regions) == ((None,) * 4, ())
        assert dict(report.unknown).keys() == {"arena", "flash", "latency", "energy"}
        assert "float activations and integer weights" in " ".join(report.reasons)
        assert "converter.representative_dataset = " in report.advice[0]
        assert report.refusal == report.reasons[0]

    def test_what_it_computes_wrong_is_a_refusal_too(self):
        report = check(ram("SRAM", 64 * KIB), graph=read(dilated()), engine=True)
        assert (report.verdict, report.arena_bytes) == ("does_not_fit", None)
        assert report.reasons[0].startswith("TFLM computes something else: operator 0 (SPACE_TO_BATCH_ND): the file")
        assert "get_concrete_function(tf.TensorSpec([1, 12, 3], tf.float32))" in report.advice[0]

    def test_nor_is_it_compiled_for_an_npu(self):
        report = check_fit(read(dilated()), "alif-ensemble-e7-devkit", runtime="ethos-u")
        assert (report.verdict, report.arena_bytes) == ("does_not_fit", None)
        assert report.refusal.startswith("TFLM computes something else: operator 0 (SPACE_TO_BATCH_ND)")

    def test_another_runtime_is_not_tflm(self):
        report = check_fit(read(hybrid()), "nucleo-l4r5zi", runtime="x-cube-ai")
        assert (report.refusal, report.verdict) == ("", "fits")
        assert "hybrid carried over from int8, wider by assumption" in report.arena_bytes.source

    def test_agreement_is_told(self):
        report = check(ram("SRAM", 64 * KIB), engine=True)
        assert report.arena_bytes.source.endswith("the interpreter recorded the same head for this model")

    def test_not_asked_is_told(self):
        assert check(ram("SRAM", 64 * KIB)).arena_bytes.source.endswith("the interpreter was not asked")

    def test_unavailable_engine_leaves_the_prediction(self, monkeypatch):
        def fail(*_, **__):
            raise EngineError("TFLM is not installed")

        monkeypatch.setattr(REFUSAL, "measure_arena", fail)
        report = check(ram("SRAM", 64 * KIB), graph=read(small_cnn(seed=77)), engine=True)
        assert report.verdict == "fits"
        said = "the interpreter was not asked, so the file alone speaks: TFLM is not installed"
        assert (report.unasked, report.reasons[-1]) == ((said,), said)
        assert report.arena_bytes.source.endswith(said)
        monkeypatch.setattr(REFUSAL, "_ask", fail)
        refused = check(ram("SRAM", 64 * KIB), graph=read(hybrid()), engine=True)
        assert refused.verdict == "does_not_fit", "by what the file gives away"
        assert said in refused.reasons

    def recording(self, monkeypatch, extra: int, graph):
        head = predict_arena(graph, runtime="tflm-reference").head_bytes
        monkeypatch.setattr(CHECK, "diagnose", lambda *_, **__: Diagnosis((), "", head + extra))

    def test_more_head_than_planned_decides(self, monkeypatch):
        self.recording(monkeypatch, 4 * KIB, CNN)
        report = check(ram("SRAM", NEED + 3 * KIB), engine=True)
        assert report.verdict == "does_not_fit"
        assert "recorded 4096 B more of head" in report.arena_bytes.source
        assert report.arena_bytes.high >= predict_arena(CNN).high + 4 * KIB

    def test_less_head_than_planned_only_widens(self, monkeypatch):
        self.recording(monkeypatch, -4 * KIB, CNN)
        report = check(ram("SRAM", 64 * KIB), engine=True)
        assert report.regions[0].used_bytes == NEED
        assert report.arena_bytes.low == 0
        assert "recorded 4096 B less of head" in report.arena_bytes.source

    def test_asked_once_for_all_boards(self, monkeypatch):
        calls = []
        measure = REFUSAL.measure_arena
        monkeypatch.setattr(REFUSAL, "measure_arena", lambda *a, **k: (calls.append(a), measure(*a, **k))[1])
        reports = check_fit_all(read(small_cnn(seed=78)))
        assert len(reports) == len(boards())
        assert len(calls) == 1


class TestAdvice:
    def test_none_where_there_is_room(self):
        assert check(ram("SRAM", 64 * KIB)).advice == ()

    def test_the_peak_of_the_arena(self):
        (advice,) = check(ram("SRAM", 100 * KIB), graph=LARGE).advice
        assert "the arena peaks at operator 1 (CONV_2D)" in advice
        assert "96×96×8 (72.0 KiB)" in advice

    def test_flash(self):
        sram = ram("SRAM", 64 * KIB)
        assert any("-Os" in line for line in check(sram, code(FLASH)).advice)
        advice = check(sram, code(FLASH), graph=read(small_cnn("float32"))).advice
        assert any("convert to int8" in line for line in advice)

    @pytest.mark.parametrize("loses", [True, False])
    def test_gaps_of_the_plan(self, loses):
        """Of made graphs, one whose plan loses more than a twentieth to gaps, and one that loses nothing."""
        graphs = (read(random_graph(seed)) for seed in range(100))
        plans = ((graph, predict_arena(graph).plan) for graph in graphs)
        graph = next(
            graph
            for graph, plan in plans
            if (plan.head_bytes > 1.05 * plan.lower_bound_bytes if loses else plan.head_bytes == plan.lower_bound_bytes)
        )
        said = check(ram("SRAM", predict_arena(graph).to_start), graph=graph).advice
        assert any("less arena than TFLM's greedy one" in line for line in said) == loses


KEYS = {
    "board", "core", "clock_hz", "runtime", "verdict", "arena_bytes", "flash_bytes", "latency_s",
    "energy_per_inference_j", "regions", "reasons", "advice",
}  # fmt: skip
"""Of one result in the contract's JSON of `tinykit fit --json`."""


class TestJson:
    def test_keys_of_the_contract(self):
        document = json.loads(json.dumps(check_fit(CNN, "nucleo-l4r5zi").to_json(), allow_nan=False))
        assert set(document) == {*KEYS, "assumed"}
        for name in ("arena_bytes", "flash_bytes", "latency_s", "energy_per_inference_j"):
            assert set(document[name]) == {"value", "low", "high", "unit", "basis", "source", "runtime"}
        for region in document["regions"]:
            needed = {"name", "total_bytes", "reserved_bytes", "used_bytes", "margin_bytes", "holds"}
            assert needed <= set(region)
            assert all(isinstance(region[key], int) for key in needed if key.endswith("_bytes"))
        assert {"board": "nucleo-l4r5zi", "core": "cortex-m4", "clock_hz": 120e6}.items() <= document.items()

    def test_unknown_is_null(self):
        document = check(ram("SRAM", 64 * KIB), runtime="edge-impulse-eon").to_json()
        assert document["arena_bytes"] is document["flash_bytes"] is None


@pytest.fixture(scope="module")
def reports():
    return {report.board.id: report for report in check_fit_all(LARGE, use_engine=False)}


class TestCatalogue:
    def test_every_board_answers(self, reports):
        assert list(reports) == [one.id for one in boards()]
        assert {report.verdict for report in reports.values()} <= {"fits", "tight", "does_not_fit", "unknown"}
        assert all(len(report.reasons) >= 2 for report in reports.values())

    def test_144_kib_of_arena(self, reports):
        """nucleo-wl55jc has 64 KiB of SRAM, the micro:bit 128; the L4R5 640, the Nano 33 BLE 256."""
        for name in ("nucleo-wl55jc", "microbit-v2", "nucleo-f411re", "b-l475e-iot01a"):
            assert reports[name].verdict == "does_not_fit"
        for name in ("nucleo-l4r5zi", "teensy41", "nucleo-h743zi2"):
            assert reports[name].verdict == "fits"
        assert reports["arduino-nano-33-ble-sense"].verdict in ("fits", "tight")

    def test_bytes_are_conserved(self, reports):
        for report in reports.values():
            for use in report.regions:
                assert use.total_bytes == use.reserved_bytes + use.used_bytes + use.margin_bytes
                assert use.total_bytes > 0
            holds = [what for use in report.regions for what in use.holds]
            assert len(holds) == len(set(holds)), "everything lies in one place"

    def test_verdict_follows_from_the_margins(self, reports):
        for report in reports.values():
            if report.verdict in ("fits", "tight"):
                assert all(use.margin_bytes >= 0 for use in report.regions)
            if report.verdict == "fits":
                assert all(use.margin >= 0.1 for use in report.regions)
            if report.verdict == "does_not_fit":
                assert any(use.margin_bytes < 0 for use in report.regions)

    def test_more_reserve_never_helps(self):
        order = ["does_not_fit", "unknown", "tight", "fits"]
        for name in ("nucleo-f446re", "stm32f407g-disc1", "microbit-v2"):
            verdicts = [
                check_fit(CNN, name, reserve=Reserve(kib * KIB, 0), use_engine=False).verdict
                for kib in (0, 16, 64, 110, 126, 200, 340, 1000)
            ]
            ranks = [order.index(verdict) for verdict in verdicts]
            assert ranks == sorted(ranks, reverse=True)
            assert (verdicts[0], verdicts[-1]) == ("fits", "does_not_fit")

    def test_a_board_by_name_or_as_itself(self):
        by_name = check_fit(CNN, "microbit-v2", use_engine=False)
        assert by_name.to_json() == check_fit(CNN, board("microbit-v2"), use_engine=False).to_json()
