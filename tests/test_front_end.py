"""front_end: the firmware's front end gives the codes that Python gives, to the byte, compiled by two compilers."""

from __future__ import annotations

import re
import subprocess
import wave

import numpy as np
import pytest

from tests.codegen_builds import run_tool, tool
from tests.models import Net, small_cnn
from tests.test_deploy import STUBS, start
from tests.test_deploy_c import build as build_c
from tinykit.budget import FrontEnd, Use, assess, front_end_cycles, front_end_instructions
from tinykit.budget.power.frontend import front_end_of
from tinykit.ground.errors import DataError, ModelError, ParameterError
from tinykit.handover.deployment.front_end import Preparation, write_front_end
from tinykit.handover.deployment.targets import deploy
from tinykit.handover.deployment.writing import make_golden_vectors
from tinykit.handover.virtual_board.compilers import choose_compiler
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.codes import quantise_input
from tinykit.train import Front, Normalisation, read_folder
from tinykit.train.fronts.integers import extract
from tools import front_end_own
from tools.front_end_counts import CORES

WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wconversion", "-Wshadow"]
CAUGHT = ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
RNG = np.random.default_rng(3)


def network(shape):
    return read(Net((1, *shape)).unary("RELU").to_bytes())


def signals(length, channels):
    """Noise of every loudness, silence, full scale, steady values, sines, a sweep, one click."""
    time = np.arange(length)
    kinds = [RNG.normal(0, loud, length) for loud in (0.5, 3, 300, 9000, 40000)]
    kinds += [
        np.zeros(length),
        np.full(length, 32767),
        np.full(length, -32768),
        np.full(length, -1),
        np.full(length, 77),
    ]
    kinds += [np.where(time % 2, 32767, -32768), 32767 * np.sign(np.sin(time / 5))]
    kinds += [high * np.sin(2 * np.pi * part * time) for high, part in ((32767, 0.25), (1000, 0.1371), (4, 0.01))]
    kinds += [20000 * np.sin(np.pi * time**2 / (2 * length)), np.where(time == length // 2, 32767, 0)]
    rows = np.clip(np.rint(np.stack(kinds)), -32768, 32767).astype(np.int16)
    return np.stack([np.roll(rows, shift, 0) for shift in range(channels)], axis=-1)


FRONTS = {
    "plain": (Front(), (40, 6), 50.0),
    "channels": (Front(channels=(4, 0)), (40, 6), 50.0),
    "slower": (Front(rate_hz=10, channels=(1, 2)), (203, 3), 50.0),
    "fft of the window": (Front(features="fft", bands=16), (100, 3), 50.0),
    "fft, every bin": (Front(features="fft", bands=64, frame_s=0.128), (400, 1), 1000.0),
    "fft of eight": (Front(features="fft", bands=1, frame_s=0.005), (13, 2), 1000.0),
    "fft of 4096": (Front(features="fft", bands=333), (4096, 1), 1000.0),
    "log-mel": (Front(features="log-mel"), (1600, 1), 16000.0),
    "log-mel, slower": (Front(features="log-mel", rate_hz=8000, bands=24, hop_s=0.02), (3201, 2), 24000.0),
    "mfcc": (Front(features="mfcc", frame_s=0.03, hop_s=0.02), (1600, 1), 16000.0),
    "mfcc of few": (Front(features="mfcc", frame_s=0.2, bands=3, coefficients=3), (400, 1), 1000.0),
    "mfcc of many": (Front(features="mfcc", frame_s=0.25, bands=128, coefficients=128), (4000, 1), 16000.0),
}


def written(name, tmp_path):
    """The folder of a front end with all signals as its golden windows, and the codes."""
    front, shape, rate = FRONTS[name]
    bound, raw = front.bind(shape, rate), signals(*shape)
    raw = raw[:, : bound.samples * bound.factor]
    real = (extract(bound, raw) * bound.unit).astype(np.float32)
    prepared = Preparation(bound, Normalisation.fit(real))
    _, files, inputs = write_front_end(prepared, network(bound.shape), raw, name="tried", lines=("Model tried.",))
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return bound, raw, inputs


def harness(tmp_path, text):
    (tmp_path / "src/main.c").write_text(text)
    return [str(tmp_path / "src/main.c")]


class TestToTheByte:
    MAIN = '#include "front_end.h"\nint main(void) { return tried_front_end_self_test(); }\n'

    @pytest.mark.parametrize("name", FRONTS)
    def test_c_is_python(self, name, tmp_path):
        _, _, inputs = written(name, tmp_path)
        assert len(np.unique(inputs)) > 20
        sources = [str(path) for path in sorted((tmp_path / "src").glob("*.c"))] + harness(tmp_path, self.MAIN)
        run_tool([tool("gcc"), *WARNINGS, *CAUGHT, "-O1", *sources, "-o", str(tmp_path / "main")])
        assert subprocess.run([str(tmp_path / "main")], check=False).returncode == 0

    @pytest.mark.parametrize("name", ["mfcc", "slower"])
    def test_one_wrong_code_is_seen(self, name, tmp_path):
        written(name, tmp_path)
        path = tmp_path / "src/front_end_test.c"
        head, tail = path.read_text().split("expected[VECTORS]")
        path.write_text(head + "expected[VECTORS]" + re.sub(r"    -?\d+,", "    55,", tail, count=1))
        sources = [str(path) for path in sorted((tmp_path / "src").glob("*.c"))] + harness(tmp_path, self.MAIN)
        run_tool([tool("gcc"), *WARNINGS, "-O2", *sources, "-o", str(tmp_path / "main")])
        assert subprocess.run([str(tmp_path / "main")], check=False).returncode == 1

    @pytest.mark.parametrize("name", ["log-mel, slower", "mfcc of many"])
    def test_clang_and_every_bit_of_the_features(self, name, tmp_path):
        """Beneath the codes: the logarithms themselves, in 1/256, as zig's clang has them without optimisation."""
        bound, raw, _ = written(name, tmp_path)
        harness(
            tmp_path,
            '#include <stdio.h>\n#include "front_end.c"\nint main(void) {\n  static int16_t raw[TRIED_RAW_SAMPLES * '
            "TRIED_RAW_CHANNELS];\n  static int32_t logs[BANDS];\n  while (fread(raw, sizeof raw, 1, stdin) == 1)\n"
            "    for (int f = 0; f < FRAMES; ++f) for (int c = 0; c < CHANNELS; ++c) {\n"
            "      sum_bands(transform(raw, f * HOP, c), logs);\n      fwrite(logs, sizeof logs, 1, stdout); }\n"
            "  return 0; }\n",
        )
        zig = choose_compiler("zig").command
        run_tool([*zig, "-std=c99", "-O0", str(tmp_path / "src/main.c"), "-o", str(tmp_path / "main")])
        done = subprocess.run([str(tmp_path / "main")], input=raw.tobytes(), capture_output=True, check=True)
        found = np.frombuffer(done.stdout, np.int32).reshape(len(raw), bound.frames, -1, bound.bands)
        front, _, rate = FRONTS[name]
        logs = Front.from_json({**front.to_json(), "features": "log-mel"}).apply(raw, rate) * 256
        assert np.array_equal(found, np.moveaxis(logs, -1, 2))

    def test_codes_are_those_of_training(self, tmp_path):
        """By the way of a data set: features, normalised, quantised; what the firmware is held to is made of tables."""
        bound, raw, inputs = written("mfcc", tmp_path)
        front, _, rate = FRONTS["mfcc"]
        features = front.apply(raw, rate)
        normal = Normalisation.fit(features).apply(features)
        edge = network(bound.shape).tensors[0]
        codes = quantise_input(normal, edge.scales[0], edge.zero_points[0])
        assert np.array_equal(quantise_input(inputs, edge.scales[0], edge.zero_points[0]), codes)
        text = (tmp_path / "src/front_end_test.c").read_text().rsplit("expected", 2)[1]
        assert np.array_equal(np.array(re.findall(r"(?<![\w-])-?\d+(?=[,\n])", text), int), codes.ravel())

    @pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
    def test_it_needs_no_library_of_floats_or_heap(self, core, tmp_path):
        written("mfcc", tmp_path)
        flags = [*WARNINGS, f"-mcpu={core}", "-mthumb", "-O2", "-ffreestanding"]
        program = tmp_path / "o"
        run_tool([tool("arm-none-eabi-gcc"), *flags, "-c", str(tmp_path / "src/front_end.c"), "-o", str(program)])
        asked = re.findall(r" U (\S+)", run_tool(["arm-none-eabi-nm", str(program)]))
        assert set(asked) <= (
            {"__aeabi_lmul", "__aeabi_llsl", "__aeabi_llsr", "__gnu_thumb1_case_uqi"} if "m0" in core else set()
        )


class TestRecordings:
    def test_from_wav_files_to_the_networks_input_to_the_byte(self, tmp_path):
        """Sound in files, as training reads it, against the firmware on the very samples of the files."""
        for place in range(12):
            folder = tmp_path / "sounds" / ("low", "high")[place % 2]
            folder.mkdir(parents=True, exist_ok=True)
            tone = 9000 * np.sin(np.arange(16000) * (0.1, 0.9)[place % 2]) + RNG.normal(0, 900, 16000)
            with wave.open(str(folder / f"p{place // 2}_{place}.wav"), "wb") as file:
                file.setparams((1, 2, 16000, 0, "NONE", ""))
                file.writeframes(np.rint(tone).astype("<i2").tobytes())
        front = Front(0.301, 0.15, rate_hz=8000, features="mfcc", hop_s=0.02, bands=20)
        data = read_folder(tmp_path / "sounds", rate_hz=16000, front=front)
        assert data.bound.shape == data.input_shape == (14, 10, 1)
        files = sorted((tmp_path / "sounds").rglob("*.wav"))
        row = int(np.flatnonzero(data.test.recordings == data.test.recordings[0])[1])
        with wave.open(
            str(sorted(files, key=lambda path: (path.parent.name, path.name))[data.test.recordings[row]])
        ) as file:
            samples = np.frombuffer(file.readframes(16000), "<i2")
        window = samples[2400 : 2400 + data.bound.samples * 2][None, :, None]
        model = small(data.bound)
        prepared = Preparation(data.bound, data.normalisation)
        done = deploy(model, tmp_path / "out", target="c", name="heard", samples=window, normalisation=prepared)
        assert build_c(done, tmp_path / "main").returncode == 0
        text = (
            (done.folder / "src/front_end_test.c").read_text().rsplit("expected[VECTORS]", 1)[1].split("int heard")[0]
        )
        edge = read(model).tensors[0]
        wanted = quantise_input(data.test.x[row], edge.scales[0], edge.zero_points[0])
        assert np.array_equal(np.array(re.findall(r"-?\d+(?=[,\n])", text)[-wanted.size :], int), wanted.ravel())
        assert len(np.unique(wanted)) > 20


class TestCost:
    """What a budget counts is what this C executes."""

    @pytest.mark.parametrize("name", ["slower", "log-mel", "mfcc", "fft, every bin"])
    @pytest.mark.parametrize(("core", "model"), [("q15", "M4"), ("q15_plain", "M0")])
    def test_a_budget_counts_this_code(self, name, core, model):
        tool("arm-none-eabi-gcc")
        arm_const = pytest.importorskip(
            "unicorn.arm_const", reason="unicorn, the extra virtual-board, is not installed"
        )
        front, shape, rate = FRONTS[name]
        bound = front.bind(shape, rate)
        counted = front_end_own.run(bound, CORES[core][0], getattr(arm_const, f"UC_CPU_ARM_CORTEX_{model}"))
        assert front_end_instructions(front_end_of(bound), dsp=model == "M4") == pytest.approx(counted, rel=0.15)

    def test_a_front_is_a_front_end_of_a_budget(self):
        bound = Front(features="mfcc", rate_hz=8000, frame_s=0.03, hop_s=0.02).bind((16000, 2), 16000.0)
        assert front_end_of(bound) == FrontEnd("mfcc", 2 * 49, 240, 40, 10, "int32", 33)
        assert front_end_of(Front().bind((100, 6), 50.0)) == FrontEnd("window", 6, 100, 40, 10, "int32")
        assert "the kit's front_end.c" in front_end_cycles(front_end_of(bound)).source
        plan = assess(read(small_cnn()), "nucleo-l4r5zi", Use(period_s=1.0, front_end=front_end_of(bound))).budget
        assert "front end" in [state.name for state in plan.states]

    @pytest.mark.parametrize(
        ("kind", "more"), [("image", ("int32", 0)), ("filter", ("int32", 0)), ("mfcc", ("q15", 5))]
    )
    def test_what_was_not_counted_is_refused(self, kind, more):
        with pytest.raises(
            ParameterError, match=f"front end '{kind}' with .* was not counted; 'int32' has none, window"
        ):
            FrontEnd(kind, 1, 64, 8, 4, *more)


class TestDeployed:
    FRONT = Front(features="fft", bands=8, frame_s=0.32, hop_s=0.16)

    def options(self):
        raw = signals(80, 3)[:5]
        front = Front.from_json({**self.FRONT.to_json(), "channels": [2, 0]})
        bound = front.bind(raw.shape[1:], 100.0)
        return {"samples": raw, "normalisation": Preparation(bound, Normalisation.fit(front.apply(raw, 100.0)))}

    def test_a_c_program_takes_raw_samples(self, tmp_path):
        done = deploy(
            small(self.options()["normalisation"].front), tmp_path / "out", target="c", name="heard", **self.options()
        )
        said = build_c(done, tmp_path / "main")
        assert (said.returncode, said.stdout.splitlines()[-1]) == (0, "PASS: golden vectors are equal")
        assert {"src/front_end.c", "src/front_end.h", "src/front_end_test.c"} <= set(done.files)
        assert "heard_front_end(raw, input);" in (done.folder / "README.md").read_text()
        assert re.search(r"^    src/front_end.c$", (done.folder / "CMakeLists.txt").read_text(), re.M)

    def test_a_wrong_front_end_fails_the_self_test(self, tmp_path):
        done = deploy(
            small(self.options()["normalisation"].front), tmp_path / "out", target="c", name="heard", **self.options()
        )
        path = done.folder / "src/front_end.c"
        path.write_text(path.read_text().replace("down - 1 - up", "down - up"))
        said = build_c(done, tmp_path / "main")
        assert (said.returncode, said.stdout.strip()) == (1, "FAIL: the front end computes 5 golden windows otherwise")

    def test_a_tflm_project_takes_raw_samples(self, tmp_path):
        options = self.options()
        model = small(options["normalisation"].front)
        done = deploy(model, tmp_path / "out", arena=2000, name="heard", **options)
        assert "heard_front_end()" in (done.folder / "src/model.h").read_text()
        for path in ("esp-idf/main/CMakeLists.txt", "pico/CMakeLists.txt", "zephyr-app/CMakeLists.txt"):
            assert "src/front_end_test.c" in (done.folder / path).read_text()
        own = sorted(str(path) for path in (done.folder / "src").glob("front_end*.c"))
        objects = [str(tmp_path / f"{place}.o") for place in range(len(own))]
        for source, made in zip(own, objects, strict=True):
            run_tool([tool("gcc"), *WARNINGS, "-c", source, "-o", made])
        include = [f"-I{STUBS}", f"-I{done.folder / 'src'}", "-std=c++11", "-Wall", "-Werror"]
        sources = [str(done.folder / path) for path in ("main/main.cpp", "src/model.cpp", "src/model_data.cpp")]
        run_tool([tool("g++"), *include, *sources, *objects, "-o", str(tmp_path / "main")])
        inputs, outputs = make_golden_vectors(model, dequantised(options, model))
        size = f"{inputs.shape[1]}:9"
        code, said = start(tmp_path / "main", tmp_path, outputs.tobytes(), (size, size))
        assert (code, said.splitlines()[-1]) == (0, "PASS: golden vectors are equal")
        assert (tmp_path / "received").read_bytes() == inputs.tobytes()

    def test_without_windows_noise_and_a_sweep_stand_in(self, tmp_path):
        options = {name: value for name, value in self.options().items() if name != "samples"}
        done = deploy(small(options["normalisation"].front), tmp_path / "out", target="c", **options)
        assert done.golden_vectors == 2
        assert build_c(done, tmp_path / "main").returncode == 0

    def test_it_refuses(self, tmp_path):
        options = self.options()
        model = small(options["normalisation"].front)
        for changed, error, said in (
            ({"samples": np.zeros((2, 80, 3))}, DataError, r"are float64 \(2, 80, 3\); give int16 \[n, 80, 3\]"),
            ({"samples": np.zeros((2, 79, 3), np.int16)}, DataError, "give int16"),
            ({"normalisation": Normalisation((0.0,), (1.0,))}, ParameterError, "no normalisation without a front"),
        ):
            with pytest.raises(error, match=said):
                deploy(model, tmp_path / "out", target="c", **{**options, **changed})
        said = r"makes int8 \[4, 8, 2\], the model takes 1 inputs, the first int8 \[8, 8, 1\]"
        with pytest.raises(ModelError, match=said):
            deploy(small_cnn(), tmp_path / "out", target="c", **options)
        with pytest.raises(DataError, match="for a front of 2 channels"):
            Preparation(options["normalisation"].front, Normalisation((0.0,), (1.0,)))
        assert not (tmp_path / "out").exists()


def small(bound):
    return Net((1, *bound.shape)).unary("RELU").to_bytes()


def dequantised(options, model):
    """What the model reads of the raw windows: normalised features, by the way of a data set."""
    prepared, raw = options["normalisation"], options["samples"]
    features = (extract(prepared.front, raw) * prepared.front.unit).astype(np.float32)
    return prepared.normalisation.apply(features)
