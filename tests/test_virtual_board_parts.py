"""The parts of the virtual board: targets, memory maps, linkers' words, ELF, costs, counts against a hand count."""

from __future__ import annotations

import itertools
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace

import pytest

from tinykit.ground.child.process import Ended
from tinykit.ground.errors import EngineError, ParameterError, UnknownRuntimeError
from tinykit.ground.quantity import Fact
from tinykit.handover.codegen.export import CExport, ExportedOperator
from tinykit.handover.virtual_board import CORES, Limits, compilers, emulating, planning
from tinykit.handover.virtual_board.building import Overflow, build, read_elf, read_overflow, write_script
from tinykit.handover.virtual_board.compilers import (
    Compiler,
    call_compiler,
    choose_compiler,
    engine_of,
    hash_of,
    keep,
    recall,
    toolchain_of,
)
from tinykit.handover.virtual_board.emulating import FIRST_OPERATOR, MODEL, counter_library, emulate
from tinykit.handover.virtual_board.planning import BoardPlan, MemoryMap, Place, map_machine, map_memory, shrink
from tinykit.handover.virtual_board.timing import class_cycles, estimate_cycles, estimate_latency
from tinykit.predict.arena.plan import ArenaPlan
from tinykit.target.boards import board, boards
from tinykit.target.boards.record import Region, Window

FALSE = str(shutil.which("false"))
MODEL_H = b"""
#include <stdint.h>
#define TOY_INPUTS 1
#define TOY_OUTPUTS 1
int8_t *toy_input(int index);
const int8_t *toy_output(int index);
int toy_invoke(void);
"""
# 1 movw, 1000 x (subs, bne), sub, 2 ldr, str, mul, mov, udiv, movs, bx
MODEL_C = b"""
#include "model.h"
int8_t toy_arena[64];
int8_t *toy_input(int index) { return toy_arena + 4 * index; }
const int8_t *toy_output(int index) { return toy_arena + 4 * index; }
int toy_count(void);
__asm(".syntax unified\\n.thumb\\n.section .text.toy_count,\\"ax\\"\\n.global toy_count\\n.type toy_count,%function\\n"
      ".thumb_func\\ntoy_count:\\n"
      "movw r0, #1000\\n1: subs r0, #1\\nbne 1b\\n"
      "sub.w r1, sp, #16\\nldr r2, [r1]\\nldr r3, [r1, #4]\\nstr r2, [r1]\\nmul r2, r2, r3\\nmov.w r3, #3\\n"
      "udiv r2, r2, r3\\nmovs r0, #0\\nbx lr\\n.size toy_count, .-toy_count\\n.text\\n");
int toy_invoke(void) { return toy_count(); }
"""
HAND_COUNT = {
    "instructions": 2010, "branch": 1001, "taken": 1000, "load": 1, "load_following": 1, "store": 1, "multiply": 1,
    "divide": 1, "other": 1004,
}  # fmt: skip
HAND_CYCLES = 1 + 1000 + (1000 + 2 * 999) + 1 + 2 + 1 + 1 + 1 + 1 + 7 + 1 + 3


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def toy(source=MODEL_C):
    files = MappingProxyType({"model.h": MODEL_H, "model.c": source})
    operators = (ExportedOperator(0, "COUNT", "toy_count"),)
    plans = MappingProxyType({name: ArenaPlan((), 2) for name in ("plain", "dsp", "mve")})
    return CExport(files, "toy", "portable", 64, operators, plans, 4, 4, "")


def plan_toy(places):
    found, graph = board("nucleo-l4r5zi"), SimpleNamespace(tensors=[SimpleNamespace(nbytes=4)], inputs=[0], outputs=[0])
    chosen = toolchain_of(found), "unicorn", choose_compiler("zig")
    return BoardPlan(graph, found, *chosen, toy(), places, stack_bytes=1024, limits=Limits(), clock_hz=None)


def test_counts_and_cycles_equal_a_count_by_hand():
    plan = plan_toy(map_memory(board("nucleo-l4r5zi"), 64, 1024))
    seen = emulate(plan, build(plan), plan.memory, bytes(4))
    counted = seen.classes[FIRST_OPERATOR]
    assert {name: count for name, count in counted.items() if count} == HAND_COUNT
    assert class_cycles(counted) == HAND_CYCLES
    assert seen.classes[MODEL]["instructions"] <= 4
    assert seen.outputs == bytes(4)
    assert seen.statuses == (0,)


def test_every_cortex_m_board_of_the_catalogue_has_a_map_or_a_reason():
    for found in boards():
        if found.core not in CORES:
            with pytest.raises(UnknownRuntimeError, match=r"which no emulator here runs\nallowed: cortex-m0plus"):
                toolchain_of(found)
            continue
        try:
            places = map_memory(found, 16_384, 4352)
        except UnknownRuntimeError as error:
            assert "cannot be emulated" in str(error)  # noqa: PT017 -- either is right, which is what is tested
            continue
        everything = sorted((places.flash, *places.ram), key=lambda place: place.start)
        assert all(one.end <= two.start for one, two in itertools.pairwise(everything))
        assert places.arena.total_bytes >= 16_384


def test_a_core_without_its_extension_is_told_apart():
    plain = toolchain_of(board("nucleo-wl55jc"))
    assert "-mfloat-abi=soft" in plain.gcc
    assert plain.zig[1] == "thumb-freestanding-eabi"
    m33 = board("nucleo-u575zi-q")
    without = toolchain_of(replace(m33, cores=(replace(m33.cores[0], dsp=False),)))
    assert "-mcpu=cortex-m33+nodsp" in without.gcc
    assert not without.dsp
    m55 = board("stm32n6570-dk")
    with pytest.raises(UnknownRuntimeError, match="cortex-m55 without MVE"):
        toolchain_of(replace(m55, cores=(replace(m55.cores[0], mve=False),)))
    assert engine_of(toolchain_of(m55), None) == "qemu"
    assert engine_of(plain, None) == "unicorn"


def test_the_arena_takes_the_large_window_and_the_stack_another():
    places = map_memory(board("stm32f407g-disc1"), 60_000, 4352)
    assert (places.arena.name, places.data.name) == ("SRAM1-2", "CCM")
    one = map_memory(board("nucleo-l4r5zi"), 60_000, 4352)
    assert one.arena == one.data
    assert one.arena.start == 0x20000000
    assert "not in the board's record" in one.notes[0]


def test_a_reserved_part_is_not_there():
    found = board("adafruit-feather-nrf52840-sense")
    places = map_memory(found, 1000, 1000)
    assert places.arena.start == 0x20000000 + 13_312
    assert places.arena.end == 0x20000000 + 262_144
    assert places.flash.total_bytes == 1_048_576 - 233_472


def test_windows_without_an_address_get_a_free_one():
    fact = Fact(65_536, "byte", "assumed", "a test")
    rows = tuple(Region(name, "sram", fact, start=start, window=name)
                 for name, start in (("A", 0x20000000), ("B", None)))  # fmt: skip
    flash = Region("flash", "flash", fact)
    places = map_memory(replace(board("nucleo-l4r5zi"), regions=(flash, *rows)), 64, 64)
    assert {place.name: place.start for place in places.ram}["B"] == 0x22000000
    assert len(places.notes) == 2


def test_no_free_address_is_an_error():
    everywhere = Place("all", 0, 2**32)
    with pytest.raises(UnknownRuntimeError, match="no free address for 16 bytes beside all"):
        planning._free((0x20000000,), 16, [everywhere])


def test_shrinking_and_moving_a_map():
    places = map_memory(board("nucleo-l4r5zi"), 1000, 1000)
    small = shrink(places, 5000)
    assert small.arena.total_bytes == 4096
    assert small.data == small.arena
    machine = toolchain_of(board("nucleo-l4r5zi")).machine
    moved = map_machine(places, machine)
    assert moved.flash.start == 0
    assert moved.arena.total_bytes == places.arena.total_bytes
    apart = map_machine(map_memory(board("stm32f407g-disc1"), 1000, 1000), machine)
    assert apart.data.end <= apart.arena.start


ELF = b"\x7fELF\x01\x01"
SMALL = MemoryMap(Place("flash", 0x08000000, 1024), Place("SRAM1-2", 0x20000000, 2048), Place("CCM", 0x10000000, 4096))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("ld: region `DATA' overflowed by 12304 bytes\n", ("SRAM1-2", 12304)),
        ("ld: region `FLASH' overflowed by 8 bytes\nld: region `ARENA' overflowed by 9 bytes", ("CCM", 9)),
        ("section '.bss' will not fit in region 'DATA': overflowed by 16 bytes\n"
         "section '.arena' will not fit in region 'DATA': overflowed by 2000 bytes", ("SRAM1-2", 2000)),
        ("undefined reference to `x'", None),
    ],
)  # fmt: skip
def test_the_words_of_both_linkers(said, expected):
    assert read_overflow(said, SMALL) == expected


def test_the_script_has_one_region_for_each_place():
    script = write_script(SMALL, stack_bytes=512)
    assert "FLASH (rx) : ORIGIN = 0x8000000, LENGTH = 0x400" in script
    assert "ARENA (rw) : ORIGIN = 0x10000000, LENGTH = 0x1000" in script
    assert script.index(".stack") < script.index(".data") < script.index(".bss") < script.index(".arena")
    assert "VECTORS (rx) : ORIGIN = 0x0" in write_script(SMALL, stack_bytes=512, vectors=0)


def test_a_program_too_large_is_a_result():
    tight = MemoryMap(Place("flash", 0x08000000, 65_536), *(Place("RAM", 0x20000000, 1024),) * 2)
    found = build(plan_toy(tight))
    assert isinstance(found, Overflow)
    assert found.region == "RAM"
    assert 64 < found.overflow_bytes <= 128


@pytest.mark.parametrize("data", [b"", b"not an ELF", ELF + bytes(20), ELF + b"\xff" * 60])
def test_a_damaged_program_is_an_engine_error(data):
    with pytest.raises(EngineError, match="cannot be read"):
        read_elf(data)


def test_a_missing_symbol_is_an_engine_error():
    with pytest.raises(EngineError, match="no symbol 'nothing'"):
        read_elf(ELF + bytes(60)).address_of("nothing")


def test_the_cache_gives_back_what_is_whole():
    assert recall("tests", "a") is None
    keep("tests", "a", b"data")
    assert recall("tests", "a") == b"data"
    assert hash_of("ab", "c") != hash_of("a", "bc")
    assert hash_of(["a"], "b") != hash_of("a", ["b"])


def test_the_cache_drops_the_oldest(monkeypatch):
    monkeypatch.setattr(compilers, "_LIMIT_BYTES", 1000)
    for number in range(10):
        keep("room", str(number), bytes(300))
    assert recall("room", "9") is not None
    assert recall("room", "0") is None


def test_many_may_keep_at_once():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: keep("crowd", str(number), bytes(10)), range(800)))
    assert all(recall("crowd", str(number)) for number in range(800))


def test_time_is_cycles_over_clock_and_says_how_far_to_trust_it():
    l4, m7 = board("nucleo-l4r5zi"), board("nucleo-h743zi2")
    cycles = estimate_cycles(1000.0, l4)
    assert (cycles.value, cycles.basis, cycles.unit) == (1200.0, "simulated", "cycle")
    assert estimate_latency(cycles, 120e6).value == pytest.approx(1e-5, rel=1e-12)
    other = estimate_cycles(1000.0, board("nucleo-f446re"))
    assert other.high / other.low > cycles.high / cycles.low
    assert "unvalidated" in estimate_cycles(1000.0, m7).source


def test_the_costs_are_those_of_the_manual():
    assert class_cycles({}) == 0
    assert class_cycles({"load_multiple": 1, "words": 4}) == 5
    assert class_cycles({"it": 2}) == 1
    assert class_cycles({"branch": 2, "taken": 1}) == 4


def test_a_compiler_that_hangs_or_is_not_there_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(compilers, "_TIMEOUT_S", 1)
    with pytest.raises(EngineError, match="was stopped after 1 s"):
        call_compiler(["sleep", "20"], tmp_path)
    with pytest.raises(EngineError, match="could not be started"):
        call_compiler([str(tmp_path / "nothing")], tmp_path)
    with pytest.raises(EngineError, match="does not start"):
        compilers._gcc(str(tmp_path / "nothing"))
    with pytest.raises(EngineError, match=r"false does not start \(status 1\); install it again"):
        compilers._gcc(FALSE)


def test_a_compiler_names_itself():
    assert str(Compiler("gcc", "12.2.1", ("gcc",))) == "arm-none-eabi-gcc 12.2.1"
    assert str(choose_compiler("zig")).startswith("zig cc 0.")


@pytest.fixture
def ask(monkeypatch, tmp_path):
    """Asks another worker in place of the emulator."""

    def one(code, seconds=20.0):
        worker = tmp_path / "child.py"
        worker.write_text(code)
        monkeypatch.setattr(emulating, "_WORKER", worker)
        return emulating._ask({}, [], b"", seconds)

    return one


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit('it broke')", r"the emulator ended \(status 1\): it broke"),
        (
            "import os; os.kill(os.getpid(), 9)",
            r"\(stopped by SIGKILL\): it gave no reason; .* run fewer samples at a time",
        ),
        ("def answer(request, parts): raise OSError('x')", "the emulator failed: OSError: x"),
    ],
)
def test_a_child_that_dies_or_fails_is_an_engine_error(ask, code, message):
    with pytest.raises(EngineError, match=message):
        ask(code)


def test_a_child_that_takes_too_long_is_stopped(ask):
    with pytest.raises(EngineError, match="the emulator was stopped after 0.5 s"):
        ask("import time; time.sleep(60)", 0.5)


@pytest.mark.parametrize(
    ("program", "message"), [(FALSE, r"does not start \(status 1\)"), ("/nowhere/qemu", "does not start .*Errno")]
)
def test_a_qemu_that_does_not_start(monkeypatch, program, message):
    monkeypatch.setattr(emulating, "find_program", lambda _: program)
    with pytest.raises(EngineError, match=message):
        emulating._plugin_version.__wrapped__()


@pytest.mark.parametrize(
    ("ended", "rows", "message"),
    [
        (Ended(1, b"", "no such machine"), "", "the emulator failed: QEMU ended with status 1: no such machine"),
        (Ended(0, b"12345", ""), "", "the emulator failed: QEMU's UART gave 5 bytes for 2 samples"),
        (Ended(0, bytes(14), ""), "full", "the emulator failed: the program has more blocks than the counter holds"),
    ],
)
def test_what_qemu_must_not_answer(monkeypatch, ended, rows, message):
    def pretend(_command, *, folder, **_options):
        (folder / "rows.txt").write_text(rows)
        return ended

    monkeypatch.setattr(emulating, "run_program", pretend)
    request = dict.fromkeys(("counter", "done", "slots"), 0)
    request |= {"input_sizes": [1], "output_sizes": [1], "ranges": [], "seconds": 1.0, "processor_seconds": 4.0}
    target = toolchain_of(board("nucleo-l4r5zi"))
    firmware = SimpleNamespace(segments=[(0, b"code")], data=b"")
    flash = Place("flash", 0, 16)
    with pytest.raises(EngineError, match=message):
        emulating._emulate_in_qemu(request, firmware, target, SimpleNamespace(flash=flash), b"ab")


@pytest.mark.parametrize("limits", [{"seconds": 0}, {"seconds": -1}, {"seconds": math.nan}, {"seconds": math.inf},
                                    {"seconds": 1e-9}, {"instructions": 0}, {"instructions": -5}])  # fmt: skip
def test_limits_that_would_limit_nothing_are_refused(limits):
    """unicorn takes 0 microseconds for no limit, and the counter a negative number for the largest there is."""
    with pytest.raises(ParameterError, match="give 0.001 s and 1 instruction or more, and finite numbers"):
        Limits(**limits)


def test_a_damaged_counter_is_compiled_again():
    """A library cut short would end the child by a signal, in every run to come."""
    path = counter_library("unicorn")
    sound = path.read_bytes()
    path.unlink()
    path.write_bytes(sound[: len(sound) // 2])
    assert counter_library("unicorn").read_bytes() == sound


def test_a_window_is_found_by_kind():
    windows = board("portenta-h7").sram_windows()
    assert isinstance(windows[0], Window)
    assert map_memory(board("portenta-h7"), 700_000, 4352).arena.name == "SDRAM"
