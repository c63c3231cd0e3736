"""The virtual board against the TFLM interpreter: pip-only chain (zig, unicorn), GCC and QEMU where they are."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

import tinykit.predict as runtime
from tests.models import Net, autoencoder, residual, small_cnn
from tinykit.ground.errors import (
    DataError,
    EngineError,
    MissingPackageError,
    ModelError,
    OutputError,
    ParameterError,
    UnknownBoardError,
    UnknownRuntimeError,
    judge_failure,
)
from tinykit.ground.quantity import Fact
from tinykit.handover.codegen.export import export_c
from tinykit.handover.virtual_board import Limits, building, compilers, emulating, run, running, sample_codes
from tinykit.model.graph.reading import read
from tinykit.target.boards import board
from tinykit.target.boards.record import Region

BOARDS = ("raspberry-pi-pico", "nucleo-l4r5zi", "nucleo-h743zi2", "nucleo-u575zi-q")
M4 = "nucleo-l4r5zi"
MODELS = {"small_cnn": small_cnn, "residual": residual, "autoencoder": autoencoder}
KERNELS = ("cmsis-nn", "portable")
needs_gcc = pytest.mark.skipif(not shutil.which(compilers.GCC), reason=f"{compilers.GCC} is not installed")
needs_qemu = pytest.mark.skipif(not shutil.which(emulating.QEMU), reason=f"{emulating.QEMU} is not installed")


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def graph():
    return read(small_cnn())


def two_inputs():
    return read(Net((1, 4, 4, 2)).second_input().to_bytes())


def with_ram(name, ram_bytes):
    """The board with one RAM of that size."""
    start, fact = 0x20000000, Fact(ram_bytes, "byte", "assumed", "a test")
    found = board(name)
    flash = tuple(region for region in found.regions if region.kind == "flash")
    return replace(found, regions=(*flash, Region("RAM", "sram", fact, start=start, window="RAM")))


def same(one, other):
    """What has to agree between two runs, whatever ran them."""
    assert one.equal
    assert other.equal
    assert np.array_equal(one.outputs, other.outputs)
    assert one.instructions == other.instructions
    assert one.operators == other.operators


@pytest.mark.parametrize("name", ["small_cnn", "residual"])
@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("target", BOARDS)
def test_outputs_equal_tflm_with_pip_packages_alone(target, kernels, name):
    model = read(MODELS[name]())
    inputs = sample_codes(model, 10)
    found = run(model, target, inputs, kernels, compiler="zig")
    assert found.fault is None
    assert found.equal
    assert np.array_equal(found.outputs, runtime.run_model(model.data, inputs))


@needs_gcc
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("target", BOARDS)
def test_outputs_equal_tflm_with_gcc(target, kernels, name):
    model = read(MODELS[name]())
    found = run(model, target, sample_codes(model, 10), kernels, compiler="gcc")
    assert found.fault is None
    assert found.equal


@needs_qemu
@pytest.mark.parametrize("target", [M4, "nucleo-h743zi2"])
@pytest.mark.parametrize("kernels", KERNELS)
def test_two_emulators_agree_to_the_instruction(target, kernels, graph):
    inputs = sample_codes(graph, 10)
    one, other = (run(graph, target, inputs, kernels, compiler="zig", engine=name) for name in ("unicorn", "qemu"))
    same(one, other)
    assert one.cycles.value == other.cycles.value


@needs_qemu
@needs_gcc
def test_two_emulators_agree_on_what_gcc_makes(graph):
    inputs = sample_codes(graph, 10)
    same(*(run(graph, M4, inputs, compiler="gcc", engine=name) for name in ("unicorn", "qemu")))


@needs_qemu
@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("compiler", ["zig", pytest.param("gcc", marks=needs_gcc)])
def test_cortex_m55_runs_its_vector_code_in_qemu(compiler, kernels, graph):
    found = run(graph, "stm32n6570-dk", sample_codes(graph, 10), kernels, compiler=compiler)
    assert found.engine == "qemu"
    assert found.equal
    assert found.stack_bytes > 0
    assert not found.timing_validated


def test_several_inputs_are_laid_side_by_side():
    graph = two_inputs()
    inputs = sample_codes(graph, 3)
    found = run(graph, M4, inputs, "portable", compiler="zig")
    assert len(inputs) == 2
    assert found.equal


def test_a_run_says_what_it_was_and_what_it_took(graph):
    found = run(graph, M4, sample_codes(graph, 2), compiler="zig")
    assert (found.board, found.core, found.kernels, found.engine) == (M4, "cortex-m4", "cmsis-nn", "unicorn")
    assert [one.name for one in found.operators] == [one.name for one in graph.operators]
    assert 0 < sum(one.instructions for one in found.operators) < found.instructions
    assert found.sizes.weights > graph.weight_bytes * 0.5
    assert found.sizes.kernels > 0
    assert found.arena_bytes >= 16
    assert 0 < found.stack_bytes < 4096
    assert found.latency_s.value == pytest.approx(found.cycles.value / 120e6, rel=1e-12)
    assert found.cycles.low < found.cycles.value < found.cycles.high
    assert found.cycles.basis == found.latency_s.basis == "simulated"
    assert "equal to TFLM" in str(found)


def test_classes_add_up_to_the_instructions(graph):
    for one in run(graph, M4, sample_codes(graph, 1), compiler="zig").operators:
        kinds = one.classes
        total = kinds.load + kinds.store + kinds.multiply + kinds.divide + kinds.branch + kinds.other
        assert total == one.instructions


def test_json_has_the_keys_of_the_contract(graph):
    found = run(graph, M4, sample_codes(graph, 2), compiler="zig").to_json()
    keys = {"equal", "text_bytes", "data_bytes", "bss_bytes", "arena_bytes", "stack_bytes", "instructions"}
    assert keys | {"operators", "cycles", "latency_s", "fault"} <= set(found)
    assert {"index", "name", "instructions", "macs"} <= set(found["operators"][0])
    assert found["fault"] is None
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_proof_ties_the_run_to_its_files(graph):
    proof = run(graph, M4, sample_codes(graph, 2), compiler="zig").proof()
    assert proof["model_sha256"] == graph.sha256
    assert proof["outputs_sha256"] == proof["reference_sha256"]
    assert all(re.fullmatch("[0-9a-f]{64}", value) for key, value in proof.items() if key.endswith("sha256"))


def test_a_second_run_compiles_nothing(graph, monkeypatch):
    inputs = sample_codes(graph, 2)
    first = run(graph, M4, inputs, compiler="zig")
    calls = []
    real = building.call_compiler
    for module in (building, compilers):
        monkeypatch.setattr(module, "call_compiler", lambda *args: calls.append(args) or real(*args))
    second = run(graph, M4, inputs, compiler="zig")
    assert calls == []
    assert second.hashes == first.hashes


def test_kernels_are_compiled_once_for_all_models(monkeypatch):
    run(read(small_cnn(seed=5)), M4, sample_codes(read(small_cnn(seed=5)), 1), compiler="zig")
    calls = []
    real = building.call_compiler
    monkeypatch.setattr(building, "call_compiler", lambda *args: calls.append(args[0]) or real(*args))
    other = read(small_cnn(seed=6))
    assert run(other, M4, sample_codes(other, 1), compiler="zig").equal
    compiled = {command[-1] for command in calls if "-c" in command}
    assert compiled <= {"model.c", "weights.c", "tk_firmware/start.c"}


def test_a_damaged_cache_is_made_again(graph, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYKIT_CACHE", str(tmp_path))
    inputs = sample_codes(graph, 1)
    first = run(graph, M4, inputs, "portable", compiler="zig")
    for path in (*(tmp_path / "objects").iterdir(), *(tmp_path / "firmware").iterdir()):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert run(graph, M4, inputs, "portable", compiler="zig").hashes == first.hashes


@pytest.mark.parametrize("compiler", ["zig", pytest.param("gcc", marks=needs_gcc)])
def test_too_little_ram_fails_at_link_with_region_and_overflow(compiler, graph):
    roomy = run(graph, M4, sample_codes(graph, 1), compiler=compiler)
    needed = 4096 + roomy.arena_bytes + 16
    small = with_ram(M4, 4096 + 1024 * (roomy.arena_bytes // 2048))
    found = run(graph, small, sample_codes(graph, 1), compiler=compiler)
    assert found.fault.kind == "link"
    assert found.fault.region == "RAM"
    assert abs(found.fault.overflow_bytes - (needed - small.regions[-1].total_bytes)) <= 64
    assert not found.equal
    assert found.outputs is None
    assert "does not link: RAM" in str(found)
    assert json.dumps(found.to_json())


def test_too_little_flash_fails_at_link(graph):
    flash = Region("flash", "flash", Fact(2048, "byte", "assumed", "a test"))
    found = board(M4)
    small = replace(found, regions=(flash, *(one for one in found.regions if one.kind != "flash")))
    fault = run(graph, small, sample_codes(graph, 1), compiler="zig").fault
    assert (fault.kind, fault.region) == ("link", "flash")


def test_an_arena_that_is_not_there_faults_with_operator_and_tensor():
    wide = read(Net((1, 16, 16, 1)).conv(32).conv(8).to_bytes())
    found = run(wide, M4, sample_codes(wide, 1), "portable", compiler="zig", ram_bytes=8192)
    fault = found.fault
    assert fault.kind in ("read", "write")
    assert fault.address >= 0x20000000 + 8192
    assert fault.operator in (0, None)
    assert wide.tensors[fault.tensor].nbytes > 0
    assert f"tensor {fault.tensor}" in fault.text
    assert found.stack_bytes is None
    assert found.cycles is None


def test_a_stack_that_is_too_small_faults_below_its_base(graph):
    found = run(graph, M4, sample_codes(graph, 1), compiler="zig", stack_bytes=64)
    assert found.fault.kind == "stack"
    assert found.fault.address < 0x20000000
    assert "stack overflow: 64 bytes" in found.fault.text


def test_less_memory_than_the_stack_asks_for_faults_at_its_top(graph):
    found = run(graph, M4, sample_codes(graph, 1), "portable", compiler="zig", ram_bytes=2048)
    assert found.fault is not None
    assert (found.fault.kind, found.equal) == ("write", False)
    assert "where this board has no memory for it" in found.fault.text


@pytest.mark.parametrize(("limits", "kind"), [(Limits(instructions=1000), "instructions"), (Limits(seconds=1), "time")])
def test_a_program_that_does_not_end_is_stopped(limits, kind, graph, monkeypatch):
    tamper(monkeypatch, r"(int model_op_01_\w+\(void\)\n\{)", r"\1\n    for (volatile int turn = 0;;) { turn++; }")
    fault = run(graph, M4, sample_codes(graph, 1), "portable", compiler="zig", limits=limits).fault
    assert fault.kind == kind
    if kind == "time":
        assert fault.operator == 1


def test_processor_time_ends_no_run_before_its_samples_had_theirs(graph, monkeypatch):
    """Each sample may take `seconds`, and so may the processor for all of them together."""
    given = []
    real = emulating.Child

    def listen(*args, bounds):
        given.append(bounds)
        return real(*args, bounds=bounds)

    monkeypatch.setattr(emulating, "Child", listen)
    assert run(graph, M4, sample_codes(graph, 50), compiler="zig", limits=Limits(seconds=2)).equal
    assert [one.processor_s >= 50 * 2 for one in given] == [True]


def test_an_operator_that_fails_is_named(graph, monkeypatch):
    tamper(monkeypatch, r"(int model_op_02_\w+\(void\)\n\{)", r"\1\n    return 7;")
    monkeypatch.setattr(building, "_STRICT", ())
    fault = run(graph, M4, sample_codes(graph, 1), "portable", compiler="zig").fault
    assert (fault.kind, fault.operator) == ("status", 2)


def test_the_first_operator_that_differs_is_found(graph, monkeypatch):
    place = export_c(graph).plan_for("cortex-m4")
    made = graph.operators[1].outputs[0]
    offset = next(one.offset for one in place.placed if one.buffer.tensor == made)
    wrong = rf"if ((\1) != 0 || (model_arena[{offset}] ^= 64, 0)) {{"
    tamper(monkeypatch, r"if \((model_op_01_\w+\(\)) != 0\) \{", wrong)
    found = run(graph, M4, sample_codes(graph, 4), compiler="zig")
    assert found.fault is None
    assert not found.equal
    assert found.first_difference.index == 1
    assert "NOT equal" in str(found)


def tamper(monkeypatch, pattern, replacement):
    """Change the exported model.c before it is compiled."""

    def export(*args, **options):
        made = export_c(*args, **options)
        text, count = re.subn(pattern, replacement, made.files["model.c"].decode())
        assert count
        return replace(made, files=MappingProxyType({**made.files, "model.c": text.encode()}))

    monkeypatch.setattr(running, "export_c", export)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"kernels": "best"}, ParameterError, "kernels 'best'"),
        ({"compiler": "icc"}, ParameterError, "compiler 'icc' is unknown; allowed: gcc, zig"),
        ({"engine": "renode"}, ParameterError, "engine 'renode' does not run cortex-m4; allowed for it: unicorn, qemu"),
        ({"stack_bytes": 12}, ParameterError, "stack_bytes 12"),
        ({"ram_bytes": 10}, ParameterError, "ram_bytes 10"),
        ({"ram_bytes": 8192, "engine": "qemu"}, ParameterError, "ram_bytes needs engine 'unicorn'"),
        ({"clock_hz": float("nan")}, ParameterError, "clock_hz nan is not a clock"),
    ],
)
def test_what_is_out_of_range_is_refused(options, error, match, graph):
    with pytest.raises(error, match=match):
        run(graph, M4, sample_codes(graph, 1), **options)


def test_boards_that_cannot_be_emulated_are_refused(graph):
    inputs = sample_codes(graph, 1)
    with pytest.raises(UnknownBoardError, match="nucleo-l4r5zi"):
        run(graph, "nucleo-l4r5z", inputs)
    with pytest.raises(UnknownRuntimeError, match="xtensa-lx6, which no emulator here runs"):
        run(graph, "esp-eye", inputs)
    with pytest.raises(UnknownRuntimeError, match="knows no flash that code runs from"):
        run(graph, "sony-spresense", inputs)


def test_models_and_inputs_that_do_not_go_are_refused(graph):
    with pytest.raises(ModelError, match="GELU"):
        run(read(Net((1, 8)).unary("GELU").to_bytes()), M4, np.zeros((1, 8), np.int8))
    with pytest.raises(DataError, match="shape"):
        run(graph, M4, np.zeros((1, 3, 3, 1), np.int8), compiler="zig")
    with pytest.raises(DataError, match="int16"):
        run(graph, M4, np.zeros((1, 8, 8, 1), np.int16), compiler="zig")
    with pytest.raises(ParameterError, match="at least one sample"):
        sample_codes(graph, 0)
    with pytest.raises(ParameterError, match=r"n 100,000,000,000 of [\d,]+ values each; give [\d,]+ samples or fewer"):
        sample_codes(graph, 10**11)


def test_a_missing_package_is_named(graph, monkeypatch):
    find = emulating.importlib.util.find_spec
    for name in ("unicorn", "ziglang"):
        monkeypatch.setattr(
            emulating.importlib.util, "find_spec", lambda wanted, gone=name: None if wanted == gone else find(wanted)
        )
        with pytest.raises(MissingPackageError, match=rf"package {name}.*\npip install .*'{name}=="):
            run(graph, M4, sample_codes(graph, 1), compiler="zig")
    monkeypatch.undo()


def test_tools_that_are_not_there_are_named(graph, monkeypatch):
    for module in (compilers, emulating):
        monkeypatch.setattr(module, "find_program", lambda name: None)
    with pytest.raises(ParameterError, match="arm-none-eabi-gcc is not on PATH"):
        run(graph, M4, sample_codes(graph, 1), compiler="gcc")
    with pytest.raises(MissingPackageError, match="qemu-system-arm, which runs this core, is not on PATH"):
        run(graph, "stm32n6570-dk", sample_codes(graph, 1), compiler="zig")


def test_a_cache_that_cannot_be_written_is_named(graph, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TINYKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="TINYKIT_CACHE"):
        run(graph, M4, sample_codes(graph, 1), compiler="zig")


def test_a_full_disk_for_temporary_files_is_named(graph, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYKIT_CACHE", str(tmp_path / "cache"))

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(building._Workshop, "compile", fail)
    with pytest.raises(OutputError, match=r"temporary files cannot be written \(No space.*\)\nset TMPDIR") as caught:
        run(graph, M4, sample_codes(graph, 1), compiler="zig")
    assert judge_failure(caught.value)[0] == 3


def test_code_that_does_not_compile_or_link_is_an_engine_error(graph, monkeypatch):
    tamper(monkeypatch, r"int model_invoke\(void\)\n\{", "int model_invoke(void)\n{\n    this is not C")
    with pytest.raises(EngineError, match=r"refused model\.c"):
        run(graph, M4, sample_codes(graph, 1), "portable", compiler="zig")
    tamper(monkeypatch, r"int model_invoke\(void\)\n", "int model_invoke_(void);\nint model_invoke_(void)\n")
    with pytest.raises(EngineError, match=r"(refused|could not link)"):
        run(graph, M4, sample_codes(graph, 1), "portable", compiler="zig")
