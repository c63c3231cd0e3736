"""codegen: every operator and many random graphs agree with the interpreter to the byte, on both kernel sets."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
import time

import numpy as np
import pytest

from tests.codegen_builds import WARNINGS, build, build_many, run_tool, tool, write
from tests.codegen_graphs import OddNet, ask_interpreter, random_model
from tests.models import Net, autoencoder, residual, small_cnn
from tinykit.ground.errors import MissingPackageError
from tinykit.handover.codegen import plain, windowed
from tinykit.handover.codegen.export import GROUPS, KERNELS, CExport, export_c, read_library
from tinykit.handover.codegen.fixed_point import (
    add_multipliers,
    logistic_parameters,
    mean_multiplier,
    quantise_multiplier,
    softmax_parameters,
)
from tinykit.model.graph.model import Tensor
from tinykit.model.graph.reading import read
from tinykit.model.operators.table import row_of
from tinykit.target.boards.record import core_family

RANDOM_GRAPHS = 200
LIBRARY = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "AVERAGE_POOL_2D", "MAX_POOL_2D"}
ARM = {"cortex-m0plus": [], "cortex-m4": [], "cortex-m7": [], "cortex-m33": [], "cortex-m55": ["-mfloat-abi=hard"]}
ZIG = ["cortex_m0plus", "cortex_m4", "cortex_m7", "cortex_m33+dsp", "cortex_m55+mve"]


def net(seed=0, shape=(1, 7, 9, 4), **options):
    return OddNet(shape, seed=seed, **{"scale": 0.05, "zero_point": -7, **options})


def convolution_cases():
    for padding in ("SAME", "VALID"):
        for seed, (kernel, stride, dilation) in enumerate(
            [((3, 3), (1, 1), (1, 1)), ((1, 1), (1, 1), (1, 1)), ((1, 1), (2, 2), (1, 1)), ((4, 2), (2, 3), (1, 1)),
             ((1, 5), (1, 2), (1, 1)), ((3, 2), (1, 1), (2, 3)), ((2, 2), (2, 1), (3, 1))]
        ):  # fmt: skip
            yield net(seed).odd_conv(kernel=kernel, stride=stride, dilation=dilation, padding=padding)
            yield net(seed, (2, 7, 9, 4)).odd_conv(kernel=kernel, stride=stride, dilation=dilation, padding=padding)
            for multiplier in (1, 2, 4, 5):
                yield net(seed).odd_depthwise(
                    kernel=kernel, stride=stride, dilation=dilation, padding=padding, channels=multiplier
                )
    yield net(3, (1, 1, 20, 6)).odd_conv(kernel=(1, 7), stride=(1, 1), dilation=(1, 1), padding="SAME", channels=5)
    yield net(4, (1, 6, 6, 130)).odd_depthwise(kernel=(3, 3), stride=(1, 1), dilation=(1, 1), channels=1)


def other_cases():
    for seed in range(2):
        for step in "dense add mul concatenation pad pool pool mean softmax logistic quantise reshape".split():
            yield getattr(net(seed), "odd_" + step)()
            yield getattr(net(seed, (3, 5)) if step not in ("pool",) else net(seed, (2, 5, 6, 3)), "odd_" + step)()
    for axes in ((0,), (1, 2), (2, 1), (1, 2, 3), (-1, 1)):
        yield net().odd_mean(axes, True, True)
        yield net(1).odd_mean(axes, False, False)
    for scale in (0.002, 0.05, 0.4, 1.0):
        yield net(scale=scale).odd_softmax()
        yield net(scale=scale, shape=(5, 300)).odd_softmax()
        yield net(scale=scale).odd_logistic()


def uneven_cases():
    """Operands of different shapes and ranks, computed or constant; windows larger than the image."""
    for code in ("ADD", "MUL"):
        for shape, other in [((1, 4, 5, 3), (3,)), ((3,), (1, 4, 5, 3)), ((1, 4, 1, 3), (1, 1, 5, 1)), ((1, 4, 5), ()),
                             ((2, 1, 3, 1, 5, 1), (1, 2, 1, 4, 1, 2)), ((1, 1, 1, 1), (2, 4, 5, 3))]:  # fmt: skip
            for constant in (True, False):
                yield net(1, shape).pair_with(code, other, constant=constant)
    for axis in range(-4, 4):
        yield net(axis + 4, (2, 3, 4, 5)).concatenate_uneven(axis)
    yield net(2, (3,)).concatenate_uneven(0)
    yield net(3, (1, 2, 3, 2, 3)).concatenate_uneven(2)
    for kind in ("AVERAGE", "MAX"):
        yield net(4, (2, 5, 7, 3)).pool(kind, (9, 9), (1, 1), "SAME")
        yield net(5, (2, 5, 7, 3)).pool(kind, (3, 3), (4, 5), "SAME")
    yield net(6, (1, 2, 2, 16)).odd_conv(kernel=(7, 7), stride=(1, 2), dilation=(1, 3), padding="SAME")
    for axes in ((), (1, 1), (1, -3)):
        yield net(7, (2, 7, 9, 4)).odd_mean(axes, True, False)


def case_models(kernels):
    """For CMSIS-NN's kernels only the operators it has: the others are the same code as on the portable ones."""
    models = [one.to_bytes() for one in (*convolution_cases(), *other_cases(), *uneven_cases())]
    twice = net().second_input()
    twice.outputs = [twice.last, twice.inputs[0]]
    models += [small_cnn(), residual(), autoencoder(), twice.to_bytes()]
    return models if kernels == "portable" else [one for one in models if operators_of([one]) & LIBRARY]


def operators_of(models):
    return {operator.name for model in models for operator in read(model).operators}


def compare(models, folder, kernels):
    answers = ask_interpreter(models)
    exports = [export_c(read(model), kernels=kernels, name=f"g{index}") for index, model in enumerate(models)]
    found = build_many(exports, folder).run([inputs for inputs, _ in answers])
    wrong = [index for index, (_, wanted) in enumerate(answers) if not np.array_equal(found[index], wanted)]
    assert wrong == [], [[one.name for one in read(models[index]).operators] for index in wrong[:3]]


class TestAgainstTheInterpreter:
    @pytest.mark.parametrize("kernels", KERNELS)
    def test_every_operator(self, kernels, tmp_path):
        models = case_models(kernels)
        compare(models, tmp_path / "built", kernels)
        if kernels == "cmsis-nn":
            assert operators_of(models) >= LIBRARY
        else:
            kinds = {row_of(name).lowering for name in operators_of(models)}
            assert kinds >= {kind for kind, _ in plain.LOWERINGS | windowed.LOWERINGS} - {"matrices"}

    @pytest.mark.parametrize(("kernels", "count"), [("portable", RANDOM_GRAPHS), ("cmsis-nn", RANDOM_GRAPHS // 3)])
    def test_random_graphs(self, kernels, count, tmp_path):
        compare([random_model(seed) for seed in range(count)], tmp_path / "built", kernels)

    @pytest.mark.parametrize("kernels", KERNELS)
    def test_an_export_as_it_is_written(self, kernels, tmp_path):
        ((inputs, wanted),) = ask_interpreter([small_cnn()])
        built = build(export_c(read(small_cnn()), kernels=kernels), tmp_path)
        assert np.array_equal(built.run([inputs])[0], wanted)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    steps = net().odd_conv(kernel=(3, 3), dilation=(1, 1)).odd_depthwise(channels=1).odd_pool().odd_pad()
    steps = steps.odd_mean().odd_add().odd_mul().odd_quantise().odd_reshape().odd_dense().odd_softmax()
    exports = [export_c(read(steps.to_bytes()), kernels=kernels) for kernels in KERNELS]
    return [(export, write(export, tmp_path_factory.mktemp(export.kernels))) for export in exports]


@pytest.fixture(scope="module")
def export() -> CExport:
    return export_c(read(small_cnn()), name="Watch CNN")


class TestCompilers:
    """Warnings are errors, with GCC and clang, for this machine and each kind of core."""

    @pytest.mark.parametrize("core", ARM)
    def test_gcc_for_a_core(self, core, folders):
        for export, folder in folders:
            sources = [str(folder / source) for source in export.sources]
            flags = [f"-mcpu={core}", "-mthumb", *ARM[core], "-O2", *WARNINGS, *export.compiler_flags(str(folder))]
            run_tool([tool("arm-none-eabi-gcc"), *flags, "-c", *sources], cwd=folder)

    @pytest.mark.parametrize("target", ["", *ZIG])
    def test_clang(self, target, folders):
        if importlib.util.find_spec("ziglang") is None:
            pytest.skip("ziglang is not installed")
        export, folder = folders[0]
        flags = [*WARNINGS, *export.compiler_flags(str(folder)), "-O1"]
        core = ["-target", "thumb-freestanding-eabi", f"-mcpu={target}"] if target else []
        (folder / "unity.c").write_text('#include "model.c"\n#include "weights.c"\n')
        sources = ["unity.c", *(source for source in export.sources if source.startswith("kernels"))]
        command = [sys.executable, "-m", "ziglang", "cc", *core, *flags, "-c"]
        for source in sources:
            run_tool([*command, str(folder / source), "-o", str(folder / "object.o")])

    @pytest.mark.parametrize("target", ["cortex_m0plus", "cortex_m33+dsp", "cortex_m55+mve"])
    def test_clang_takes_the_library_too(self, target, folders, tmp_path):
        if importlib.util.find_spec("ziglang") is None:
            pytest.skip("ziglang is not installed")
        export, folder = folders[1]
        flags = [*WARNINGS, *export.compiler_flags(str(folder)), "-O1", "-target", "thumb-freestanding-eabi"]
        sources = [str(folder / source) for source in export.sources]
        run_tool([sys.executable, "-m", "ziglang", "cc", *flags, f"-mcpu={target}", "-c", *sources], cwd=tmp_path)

    def test_cpp_can_call_it(self, folders, tmp_path):
        _, folder = folders[0]
        (tmp_path / "main.cpp").write_text('#include "model.h"\nint main() { return model_run(nullptr, nullptr); }\n')
        run_tool([tool("g++"), *WARNINGS, f"-I{folder}", "-c", str(tmp_path / "main.cpp"), "-o", str(tmp_path / "o")])

    @pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m33", "cortex-m55"])
    def test_planned_scratch_is_what_the_library_asks_for(self, core, tmp_path):
        """In one unit the compiler sees the library's own sizes and folds the check to `return 0`."""
        steps = net().odd_conv(kernel=(3, 3), dilation=(1, 1)).odd_conv(kernel=(1, 1), dilation=(1, 1))
        for kernel in ((3, 3), (5, 2)):
            steps.odd_depthwise(kernel=kernel, dilation=(1, 1), channels=1, padding="SAME")
        steps.odd_depthwise(channels=2).pool("AVERAGE", (2, 2), (1, 1), "SAME").odd_dense()
        long = net(shape=(1, 1, 16, 3)).odd_conv(kernel=(1, 3), stride=(1, 1), dilation=(1, 1), padding="SAME")
        for number, model in enumerate((steps, long)):
            export = export_c(read(model.to_bytes()), kernels="cmsis-nn")
            folder = write(export, tmp_path / str(number))
            units = (f'#include "{source}"\n' for source in export.sources if source != "weights.c")
            (folder / "unity.c").write_text("".join(units))
            flags = [f"-mcpu={core}", "-mthumb", *ARM[core], "-O2", *export.compiler_flags(str(folder))]
            run_tool([tool("arm-none-eabi-gcc"), *flags, "-c", "unity.c", "-o", "unity.o"], cwd=folder)
            show = ["arm-none-eabi-objdump", "-d", "--disassemble=model_scratch_check", "unity.o"]
            shown = run_tool(show, cwd=folder)
            code = re.findall(r"\t(movs|bx|\w+)\t([^\n]*)", shown)
            assert [(name, operands.strip()) for name, operands in code] == [("movs", "r0, #0"), ("bx", "lr")], shown
            assert "_get_buffer_size" in (folder / "model.c").read_text()


class TestExport:
    def test_one_function_an_operator(self, export):
        assert [(one.index, one.name, one.symbol) for one in export.operators] == [
            (0, "CONV_2D", "watch_cnn_op_00_conv_2d"),
            (1, "DEPTHWISE_CONV_2D", "watch_cnn_op_01_depthwise_conv_2d"),
            (2, "AVERAGE_POOL_2D", "watch_cnn_op_02_average_pool_2d"),
            (3, "RESHAPE", "watch_cnn_op_03_reshape"),
            (4, "FULLY_CONNECTED", "watch_cnn_op_04_fully_connected"),
            (5, "SOFTMAX", "watch_cnn_op_05_softmax"),
        ]
        source = export.files["model.c"].decode()
        assert all(f"WATCH_CNN_OPERATOR int {one.symbol}(void)" in source for one in export.operators)

    def test_arena_is_the_kits_plan(self, export):
        """8 x 8 x 4 in and out of the depthwise operator alive together, by hand: 512 bytes."""
        assert export.arena_bytes == export.arena_for("cortex-m4") == 512
        assert b"#define WATCH_CNN_ARENA_BYTES 512" in export.files["model.h"]
        assert (export.input_bytes, export.output_bytes) == (64, 4)

    def test_buffers_alive_together_do_not_overlap(self):
        for seed in range(40):
            for plan in export_c(read(random_model(seed)), kernels="cmsis-nn").plans.values():
                for one in plan.placed:
                    for other in plan.placed:
                        alive = one.buffer.first <= other.buffer.last and other.buffer.first <= one.buffer.last
                        assert one is other or not alive or one.end <= other.offset or other.end <= one.offset
                    assert one.offset % 16 == 0

    def test_scratch_differs_by_core(self):
        """A 3 x 3 convolution over 4 channels, CMSIS-NN 4.0.0: two columns of int16, or on Helium four of int8."""
        export = export_c(read(Net((1, 4, 4, 4)).conv(4).to_bytes()), kernels="cmsis-nn")
        sizes = {core: [one.buffer.nbytes for one in export.plan_for(core).placed if one.buffer.tensor < 0]
                 for core in ("cortex-m0plus", "cortex-m4", "cortex-m55")}  # fmt: skip
        assert sizes == {"cortex-m0plus": [144], "cortex-m4": [144], "cortex-m55": [160]}
        assert b"#if MODEL_MVE" in export.files["model.h"]
        assert [core_family(core) for core in sizes] == ["plain", "dsp", "mve"]

    def test_files_and_flags(self, export):
        assert set(export.files) == {
            "model.h", "model.c", "weights.c", "kernels.h", "fixed_point.h", "kernels_curves.c", "kernels_dense.c",
            "kernels_shapes.c", "kernels_windows.c",
        }  # fmt: skip
        assert export.compiler_flags("x") == ("-std=c11", "-Ix")
        assert export.sources[-1] == "weights.c"
        library = export_c(read(small_cnn()), kernels="cmsis-nn")
        assert {"NOTICE.txt", "cmsis_nn/LICENSE.txt", "cmsis_nn/BAKENN_PROVENANCE.md"} <= set(library.files)
        assert "-DBAKENN_CMSIS_NN_BUILTIN_MEMORY" in library.compiler_flags()
        assert "kernels_windows.c" not in library.files
        assert b"Apache License" in library.files["NOTICE.txt"]

    def test_no_heap_no_float_no_library(self, export):
        text = re.sub(r"/\*.*?\*/", "", b"".join(export.files.values()).decode(), flags=re.DOTALL)
        assert not re.search(r"\b(malloc|calloc|free|float|double|printf|math\.h|string\.h|stdlib\.h)\b", text)

    def test_two_exports_share_no_symbol(self, tmp_path):
        for name in ("one", "two"):
            folder = write(export_c(read(residual()), name=name), tmp_path / name)
            sources = [str(path) for path in folder.glob("*.c")]
            run_tool([tool("gcc"), "-std=c11", f"-I{folder}", "-r", "-nostdlib", *sources, "-o", f"{folder}.o"])
        run_tool([tool("gcc"), "-r", "-nostdlib", str(tmp_path / "one.o"), str(tmp_path / "two.o"), "-o",
                  str(tmp_path / "both.o")])  # fmt: skip

    @pytest.mark.parametrize("name", ["int", "2nd*/model", "<script>", "ünïcödé", "a\\\nb", "", "conv_2d", "tk"])
    def test_hostile_names(self, name, tmp_path):
        one = Net((1, 8), name='x */ #include "/etc/passwd" \\\n??/')
        one.dense(2)
        ((inputs, wanted),) = ask_interpreter([one.to_bytes()])
        export = export_c(read(one.to_bytes()), name=name)
        assert np.array_equal(build(export, tmp_path, checks=False).run([inputs])[0], wanted)
        assert not any(b"passwd" in data or b"script>" in data for data in export.files.values())

    def test_same_model_same_bytes(self):
        first, second = (export_c(read(residual()), kernels="cmsis-nn").files for _ in range(2))
        assert dict(first) == dict(second)

    def test_large_weights_are_written_fast(self):
        """As many weights as the visual wake words network of MLPerf Tiny: 0.33 MB."""
        graph = read(Net((1, 512)).dense(600).to_bytes())
        start = time.process_time()
        export_c(graph)
        assert time.process_time() - start < 0.5

    def test_importing_is_light(self):
        program = "import sys, tinykit.handover.codegen; print(*sys.modules)"
        loaded = run_tool([sys.executable, "-c", program]).split()
        assert not {"tensorflow", "bakenn", "unicorn", "matplotlib", "tflite_micro"} & set(loaded)


class TestLibrary:
    def test_nothing_for_nothing(self):
        assert read_library([]) == {}

    def test_every_group_is_there_and_as_checked(self):
        files = read_library(GROUPS)
        assert sum(path.endswith(".c") for path in files) == 21

    def test_package_missing(self, monkeypatch):
        monkeypatch.setattr("tinykit.handover.codegen.export.importlib.util.find_spec", lambda name: None)
        with pytest.raises(MissingPackageError, match="need the package bakenn, which is not installed"):
            export_c(read(small_cnn()), kernels="cmsis-nn")

    def test_files_of_another_version(self, monkeypatch, tmp_path):
        monkeypatch.setattr("tinykit.handover.codegen.export._find_folder", lambda: tmp_path)
        with pytest.raises(MissingPackageError, match=r"of the installed bakenn is not the file of version 1\.0\.0"):
            export_c(read(small_cnn()), kernels="cmsis-nn")


def tensor(scale, zero=0):
    return Tensor(0, "", (1,), "int8", 1, False, False, (float(np.float32(scale)),), (zero,))


class TestQuantisation:
    """Values by hand, and the limits of each rule."""

    def test_powers_of_two_are_exact(self):
        for exponent in range(-30, 30):
            one = quantise_multiplier(2.0**exponent)
            assert (one.multiplier, one.shift) == (1 << 30, exponent + 1)

    def test_rounding_up_to_the_next_power(self):
        assert quantise_multiplier(math.nextafter(1.0, 0.0)) == quantise_multiplier(1.0)

    def test_factors_below_the_kernels_reach_are_zero(self):
        assert quantise_multiplier(0.0) == quantise_multiplier(2.0**-40) == type(quantise_multiplier(1.0))(0, 0)

    @pytest.mark.parametrize("factor", [-1.0, math.nan, math.inf])
    def test_no_factor(self, factor):
        with pytest.raises(ValueError, match="cannot be written as multiplier and shift"):
            quantise_multiplier(factor)

    def test_too_large(self):
        with pytest.raises(ValueError, match="too large for the kernels"):
            quantise_multiplier(2.0**30)

    def test_addition(self):
        a, b, total = add_multipliers(tensor(0.5), tensor(0.25), tensor(1.0))
        assert (a.shift, b.shift, total.shift) == (0, -1, -19)
        with pytest.raises(ValueError, match="too large for an addition"):
            add_multipliers(tensor(1.0), tensor(1.0), tensor(1e-7))

    def test_softmax(self):
        one, lowest = softmax_parameters(tensor(1 / 16), 1.0)
        assert (one.multiplier, one.shift, lowest) == (1 << 30, 23, -248)
        with pytest.raises(ValueError, match="too small for a softmax"):
            softmax_parameters(tensor(0.1), 0.0)

    def test_logistic(self):
        one, radius = logistic_parameters(tensor(1 / 16))
        assert (one.multiplier, one.shift, radius) == (1 << 30, 24, 120)
        with pytest.raises(ValueError, match="out of a logistic's range"):
            logistic_parameters(tensor(1e-12))

    def test_mean_divides_the_multiplier(self):
        one = mean_multiplier(tensor(1.0), tensor(1.0), 12)
        assert one.multiplier * 2.0 ** (one.shift - 31) == pytest.approx(1 / 12, rel=1e-8)
