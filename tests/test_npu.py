"""Ethos-U: Vela's own figures for known networks, its words for what it refuses, and limits that hold."""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import geometric_mean

import pytest

from tests.bench import bench_npu
from tests.models import Net, flip_bits, hybrid, residual, small_cnn
from tests.packing_models import thin_out, wide_cnn
from tinykit.budget.fit.check import check_fit, check_fit_all
from tinykit.ground.errors import EngineError, MissingPackageError, ModelError, ParameterError, TinykitError
from tinykit.model.graph.reading import read
from tinykit.predict.npu import compiling as npu_compiling
from tinykit.predict.npu.compiling import (
    ACCELERATORS,
    MEMORY_MODES,
    Compiler,
    accelerators_of,
    compile_for_npu,
    compile_warm,
    explain,
    predict_npu_latency,
    system_config_for,
)
from tinykit.predict.packing.decoding import code_weights
from tinykit.predict.packing.leaning import lean
from tinykit.show.cli.main import main
from tinykit.target.boards import board, boards
from tinykit.target.target import Target

close_warm = npu_compiling._WARM.close
OPTIONS = (
    "--accelerator-config ethos-u55-128 --config Arm/vela.ini --memory-mode Shared_Sram "
    "--system-config Ethos_U55_High_End_Embedded"
).split()


def keyword_spotting():
    """The shapes of MLPerf's DS-CNN."""
    net = Net((1, 49, 10, 1)).conv(64, (10, 4), (2, 2))
    for _ in range(4):
        net = net.depthwise().conv(64, (1, 1))
    return net.pool("AVERAGE", (25, 5), (25, 5)).flatten().dense(12).softmax().to_bytes()


@pytest.fixture(scope="module")
def kws():
    return read(keyword_spotting())


@pytest.fixture(scope="module")
def mixed():
    net = Net((1, 16, 16, 3)).conv(8).unary("LOGISTIC").unary("SIN").conv(8, (1, 1)).custom("foo").flatten()
    return read(net.dense(4).softmax().to_bytes())


# Vela 5.2.0 by hand on MLPerf Tiny's kws file: 89,900 cycles on U55-128, 58,340 on U55-256, 22,192 bytes of SRAM
# (High_End_Embedded, Shared_Sram). Only reading the weights depends on their values.
@pytest.mark.parametrize(("accelerator", "cycles"), [("ethos-u55-128", 89_900), ("ethos-u55-256", 58_340)])
def test_cycles_are_those_of_vela_by_hand(kws, accelerator, cycles):
    report = compile_for_npu(kws, accelerator=accelerator)
    assert report.cycles == pytest.approx(cycles, rel=0.03)
    assert report.sram_bytes == pytest.approx(22_192, rel=0.01)
    assert report.latency.value == pytest.approx(report.cycles / 500e6)
    assert (report.latency.basis, report.latency.runtime, report.clock_hz) == ("compiled", "ethos-u", 500e6)
    assert "should not be taken as accurate representations" in report.latency.source
    assert report.on_cpu == ()
    assert len(report.operators) == len(kws.operators)
    # Vela counts 8,000 for the average pool and 24 for the softmax, which the graph does not call MACs.
    assert sum(layer.macs for layer in report.layers) == pytest.approx(kws.macs, rel=0.005)


# Renesas, ruhmi-model-zoo, RA8P1, Ethos-U55 at 500 MHz: 0.108 ms for the DS-CNN of MLPerf Tiny.
def test_a_published_latency_lies_in_the_interval(kws):
    for mode in ("Shared_Sram", "Sram_Only"):
        latency = compile_for_npu(kws, accelerator="ethos-u55-256", memory_mode=mode).latency
        assert latency.low < 0.108e-3 < latency.high


class TestPublishedRuns:
    """Seven of an RA8P1 that tell what its networks take over Vela's estimate: four on the chip, three outside."""

    RUNS = bench_npu.compare()

    @pytest.mark.parametrize("outside", [False, True])
    def test_the_factor_is_their_mean_and_its_ends_hold_them(self, outside):
        runs = [one for one in self.RUNS if one.outside == outside]
        ratios = [one.measured_s / one.estimate_s for one in runs]
        assert len(ratios) == (3 if outside else 4)
        factors = [one.predicted.value / one.estimate_s for one in runs]
        assert factors == pytest.approx([factors[0]] * len(runs), rel=1e-6)
        assert geometric_mean(ratios) == pytest.approx(factors[0], rel=0.05)
        for one in runs:
            assert one.predicted.low < one.measured_s < one.predicted.high
            assert one.predicted.basis == "modelled"
            assert "renesas/ruhmi-model-zoo" in one.predicted.source

    def test_an_ethos_u65_was_never_measured(self, kws):
        ours, other = (predict_npu_latency(compile_for_npu(kws, accelerator=one), "on_chip")
                       for one in ("ethos-u55-256", "ethos-u65-256"))  # fmt: skip
        assert (ours.basis, other.basis) == ("modelled", "assumed")
        assert other.high / other.low > 2 * ours.high / ours.low
        assert "no Ethos-U65 was measured" in other.source

    def test_vela_alone_leaves_some_out(self):
        alone = [one.compiled for one in self.RUNS]
        assert sum(one.low < run.measured_s < one.high for one, run in zip(alone, self.RUNS, strict=True)) < 4

    def test_where_a_board_keeps_the_weights_decides(self, kws):
        """On the chip; in flash beside it; and where nothing says so anything from the one to the other."""
        inside, beside, unknown = (
            check_fit(kws, Target(board, runtime="ethos-u", code_region=region), use_engine=False)
            for board, region in (("alif-ensemble-e7-devkit", None), ("kit-pse84-eval", "QSPI flash"),
                                  ("grove-vision-ai-v2", None))
        )  # fmt: skip
        assert beside.latency_s.value == pytest.approx(5.6 * beside.npu.latency.value)
        assert "octal flash" in beside.latency_s.source
        assert "visual wake words" in inside.latency_s.source
        assert "not on record" in unknown.reasons[1] or "not known" in unknown.reasons[1]
        assert unknown.latency_s.high / unknown.latency_s.low > 3 * inside.latency_s.high / inside.latency_s.low


def test_more_macs_per_cycle_take_fewer_cycles(kws):
    sizes = [compile_for_npu(kws, accelerator=f"ethos-u55-{size}").cycles for size in (32, 64, 128, 256)]
    assert sizes == sorted(sizes, reverse=True)


def test_weights_lie_where_the_memory_mode_says(kws):
    shared, only, dedicated = (compile_for_npu(kws, memory_mode=mode) for mode in MEMORY_MODES[:3])
    assert shared.constants_memory == "Off-chip Flash"
    assert "AXI port" in only.constants_memory
    assert only.sram_bytes < shared.sram_bytes
    assert (dedicated.constants_memory, dedicated.system_config) == ("DRAM", "Ethos_U55_High_End_Dram")
    assert dedicated.dram_bytes > dedicated.encoded_weight_bytes > 20_000
    assert shared.dram_bytes == dedicated.constants_bytes == 0
    assert shared.flatbuffer_bytes > shared.constants_bytes > shared.encoded_weight_bytes


@pytest.mark.parametrize("accelerator", ACCELERATORS[4:])
@pytest.mark.parametrize("mode", ["Shared_Sram", "Dedicated_Sram_384KB"])
def test_the_u65_compiles_too(kws, accelerator, mode):
    assert compile_for_npu(kws, accelerator=accelerator, memory_mode=mode).cycles > 10_000


def test_what_stays_on_the_cpu_is_named_with_the_reason(mixed):
    report = compile_for_npu(mixed)
    assert [(one.name, one.target) for one in report.on_cpu] == [("SIN", "CPU"), ("CUSTOM:foo", "CPU")]
    assert all(one.reason == "Unsupported opType" for one in report.on_cpu)
    assert {one.reason for one in report.operators if one.target == "NPU"} == {""}
    assert "6 of 8 operators on the NPU" in str(report)
    document = report.to_json()
    assert [one["target"] for one in document["operators"]].count("CPU") == 2
    assert document["latency_s"]["basis"] == "compiled"


def test_another_clock_asks_the_compiler_nothing(kws, monkeypatch):
    first = compile_for_npu(kws)
    monkeypatch.setattr("tinykit.predict.npu.compiling.compile_warm", None)
    other = compile_for_npu(kws, clock_hz=123e6)
    assert (other.cycles, other.layers, other.model) == (first.cycles, first.layers, first.model)
    assert other.latency.value == pytest.approx(first.cycles / 123e6, rel=1e-12)


def test_a_clock_of_ones_own_scales_the_time(kws):
    half = compile_for_npu(kws, clock_hz=250e6)
    assert half.latency.value == pytest.approx(2 * compile_for_npu(kws).latency.value)


def test_a_configuration_of_ones_own(kws, tmp_path):
    own = tmp_path / "own.ini"
    text = "[System_Config.Mine]\ncore_clock=100e6\naxi0_port=Sram\naxi1_port=OffChipFlash\nSram_clock_scale=1.0\n"
    own.write_text(text + "OffChipFlash_clock_scale=0.01\n[Memory_Mode.Shared_Sram]\nconst_mem_area=Axi1\n"
                   "arena_mem_area=Axi0\ncache_mem_area=Axi0\n")  # fmt: skip
    report = compile_for_npu(kws, system_config="Mine", config_file=own)
    assert report.clock_hz == 100e6
    assert report.cycles > compile_for_npu(kws).cycles
    with pytest.raises(ParameterError, match="Vela refuses the configuration: .*System_Config.Other"):
        compile_for_npu(kws, system_config="Other", config_file=own)
    with pytest.raises(ParameterError, match="is no Vela configuration; give the path of an .ini file"):
        compile_for_npu(kws, system_config="Mine", config_file=tmp_path / "none.ini")
    with own.open("r+b") as stream:
        stream.truncate(5 * 2**20)
    with pytest.raises(ParameterError, match="own.ini: more than 4,194,304 bytes; give an .ini file"):
        compile_for_npu(kws, system_config="Mine", config_file=own)


def test_a_float_model_is_refused_with_the_way_out():
    for model, kind in ((small_cnn("float32"), "float32"), (hybrid(), "hybrid")):
        with pytest.raises(ModelError, match=f"a {kind} model runs on the CPU alone.*\nconvert to int8"):
            compile_for_npu(read(model))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"accelerator": "ethos-u55-129"}, "accelerator 'ethos-u55-129' is unknown; nearest: ethos-u55-128"),
        ({"memory_mode": "shared"}, "memory mode 'shared' is unknown"),
        ({"system_config": "Ethos_U55"}, "system configuration 'Ethos_U55' is unknown; nearest"),
        ({"clock_hz": 0}, "NPU clock 0 Hz; give hertz above 0"),
        ({"clock_hz": float("nan")}, "NPU clock nan Hz"),
    ],
)
def test_choices_are_checked(kws, choice, message):
    with pytest.raises(ParameterError, match=message):
        compile_for_npu(kws, **choice)


def test_one_warm_child_compiles_model_after_model(kws):
    close_warm()
    compile_for_npu(read(kws.data + bytes(1)))
    child = npu_compiling._WARM._kept[0][0]
    compile_for_npu(read(kws.data + bytes(2)))
    assert npu_compiling._WARM._kept == [(child, 2)]
    assert child.alive


def test_damaged_models_never_take_the_parent_along():
    model, answers = residual(), []
    for seed in range(12):
        damaged = bytearray(model)
        half = len(model) // 2
        damaged[half:] = flip_bits(model, seed, count=6)[half:]
        try:
            answers.append(compile_warm(bytes(damaged), OPTIONS, timeout_s=20)[0]["summary"]["cycles_total"])
        except TinykitError as error:
            answers.append(type(error).__name__)
    assert len(answers) == 12
    assert compile_for_npu(read(model)).cycles > 0


def test_garbage_is_refused_in_words():
    with pytest.raises(ModelError, match="on this model|this model"):
        compile_warm(b"\0\0\0\0TFL3" + os.urandom(400), OPTIONS, timeout_s=20)
    with pytest.raises(ModelError, match=r"Vela cannot compile this model \(ValueError: two words\)"):
        raise explain("ValueError", "two\n words")


def test_time_is_limited_and_the_next_call_works(kws):
    close_warm()
    with pytest.raises(EngineError, match="Vela was stopped after 0.001 s"):
        compile_warm(kws.data, OPTIONS, timeout_s=0.001)
    assert compile_warm(kws.data, OPTIONS, timeout_s=60)[1][4:8] == b"TFL3"


def test_memory_is_limited(kws):
    compiler = Compiler(memory_bytes=40 * 2**20)
    try:
        with pytest.raises(TinykitError):
            compiler.compile(kws.data, OPTIONS, timeout_s=20)
    finally:
        compiler.close()
        compiler.close()


def test_a_child_that_dies_is_an_error_and_is_replaced(kws):
    compile_warm(kws.data, OPTIONS, timeout_s=60)
    npu_compiling._WARM._kept[0][0].kill()
    assert "summary" in compile_warm(kws.data, OPTIONS, timeout_s=60)[0]
    compiler = Compiler()
    compiler.kill()
    with pytest.raises(ModelError, match=r"Vela ended \(status -9\) on this model"):
        compiler.compile(kws.data, OPTIONS, timeout_s=20)
    compiler.close()


def test_a_process_that_cannot_start(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(EngineError, match="the compiler process could not be started: no room"):
        Compiler()


def test_a_missing_compiler_is_named_with_the_extra():
    with pytest.raises(MissingPackageError, match=r"pip install 'ethos-u-vela=="):
        raise explain("ModuleNotFoundError", "No module named 'ethosu'")


def test_boards_with_an_ethos_u_and_their_configuration():
    found = {one.id: (accelerators_of(one), system_config_for(one)) for one in boards() if accelerators_of(one)}
    assert found["alif-ensemble-e7-devkit"] == (("ethos-u55-256", "ethos-u55-128"), "Ethos_U55_High_End_Embedded")
    assert found["corstone-300"] == (("ethos-u55-128",), "Ethos_U55_Deep_Embedded")
    assert found["grove-vision-ai-v2"][0] == ("ethos-u55-64",)
    assert "stm32n6570-dk" not in found


def test_fit_on_the_npu(kws, mixed):
    report = check_fit(kws, "alif-ensemble-e7-devkit", runtime="ethos-u")
    assert report.verdict == "fits"
    assert report.npu is not None
    assert report.npu.accelerator == "ethos-u55-256"
    assert report.npu.clock_hz == 400e6
    assert report.arena_bytes.value > report.npu.sram_bytes
    assert report.flash_bytes.value > report.npu.flatbuffer_bytes
    assert report.latency_s == predict_npu_latency(report.npu, "on_chip")
    assert report.latency_s.basis == "modelled"
    assert report.energy_per_inference_j is None
    assert report.to_json()["npu"]["cycles"] == report.npu.cycles
    stays = check_fit(mixed, "corstone-300", runtime="ethos-u")
    assert "operator 2 SIN stays on the CPU: Unsupported opType" in stays.reasons


def test_the_time_of_operators_on_the_cpu_is_added():
    model = read(Net((1, 8, 8, 4), dtype="float32").quantise().conv(4).to_bytes())
    report = check_fit(model, "alif-ensemble-e7-devkit", runtime="ethos-u")
    assert [one.name for one in report.npu.on_cpu] == ["QUANTIZE"]
    assert report.latency_s.value > report.npu.latency.value
    assert (report.latency_s.basis, report.latency_s.runtime) == ("modelled", "ethos-u")
    assert "1 operators on the CPU: instructions of tflm-cmsis-nn" in report.latency_s.source


def test_fit_without_an_npu_and_with_a_float_model(kws):
    without = check_fit(kws, "nucleo-l4r5zi", runtime="ethos-u")
    assert (without.verdict, without.reasons) == ("unknown", ("nucleo-l4r5zi has no Ethos-U55 or U65 on record",))
    assert "npu" not in without.to_json()
    refused = check_fit(read(small_cnn("float32")), "alif-ensemble-e7-devkit", runtime="ethos-u")
    assert refused.verdict == "does_not_fit"
    assert "convert to int8" in refused.reasons[0]


def test_fit_says_unknown_where_the_compiler_fails(kws, monkeypatch):
    from tinykit.budget.fit import accelerated

    def late(*_: object, **__: object) -> None:
        raise EngineError("Vela was stopped after 60 s")

    monkeypatch.setattr(accelerated, "compile_for_npu", late)
    assert check_fit(kws, "alif-ensemble-e7-devkit", runtime="ethos-u").verdict == "unknown"


def test_one_model_on_cpu_and_npu_side_by_side(kws):
    chosen = [board(name) for name in ("nucleo-l4r5zi", "alif-ensemble-e7-devkit")]
    cpu = check_fit_all(kws, chosen)
    npu = check_fit(kws, chosen[1], runtime="ethos-u")
    assert cpu[0].latency_s.value > cpu[1].latency_s.value > npu.latency_s.value


def test_the_command_line(tmp_path, kws, capsys):
    path = tmp_path / "kws.tflite"
    path.write_bytes(kws.data)
    assert main(["fit", str(path), "--board", "alif-ensemble-e7-devkit", "--runtime", "ethos-u"]) == 0
    assert "13 of 13 operators on the NPU" in capsys.readouterr().out


def test_importing_the_room_does_not_import_vela():
    program = "import sys, tinykit.predict.npu; print(any(name.startswith('ethosu') for name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_zeros_and_repeated_values_take_fewer_bytes():
    dense, pruned, clustered = (
        compile_for_npu(read(thin_out(wide_cnn(), **how))) for how in ({}, {"zeros": 0.75}, {"values": 4})
    )
    assert dense.weight_bytes == pruned.weight_bytes == clustered.weight_bytes
    assert pruned.encoded_weight_bytes < 0.6 * dense.encoded_weight_bytes
    assert clustered.encoded_weight_bytes < 0.6 * dense.encoded_weight_bytes
    assert not pruned.on_cpu


def test_the_lean_model_encodes_the_same(kws):
    thin = compile_for_npu(lean(kws, prove=False).graph)
    assert thin.encoded_weight_bytes == compile_for_npu(kws).encoded_weight_bytes


def test_decode_is_refused_by_name():
    with pytest.raises(ModelError, match="Vela compresses weights itself"):
        compile_for_npu(code_weights(thin_out(wide_cnn(), zeros=0.75)).graph)
