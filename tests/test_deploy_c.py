"""deploy to C: the folder builds, its self-test passes on TFLM's answers, and its log is read back as measured."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from tests.codegen_builds import WARNINGS, run_tool, tool
from tests.codegen_types import WideNet
from tests.models import Net, small_cnn
from tinykit.ground.errors import DataError, ModelError, OutputError, ParameterError, UnknownFactError
from tinykit.handover.deployment.self_test import read_self_test_log
from tinykit.handover.deployment.targets import deploy, deploy_c
from tinykit.model.graph.reading import read


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    samples = np.random.default_rng(4).normal(0, 1, (5, 8, 8, 1)).astype(np.float32)
    return {
        kernels: deploy(small_cnn(), tmp_path_factory.mktemp("c") / kernels, target="c", kernels=kernels,
                        name="watch cnn", samples=samples)
        for kernels in ("portable", "cmsis-nn")
    }  # fmt: skip


def build(done, program, *options):
    """As the README says, for a computer: all C files, the include folders, the definitions."""
    folder, readme = done.folder, (done.folder / "README.md").read_text()
    folders = re.search(r"```\n(    src.*?)\n```", readme, re.DOTALL)[1].split()
    definitions = re.findall(r"`(\w+)`", re.search(r"^Definitions: (.*)\.$", readme, re.MULTILINE)[1])
    here = re.findall(r"`(-D[^`]+)`", "".join(re.findall(r"^On a computer .*$", readme, re.MULTILINE)))
    flags = ["-std=c11", *WARNINGS, *(f"-I{folder / one}" for one in folders), *(f"-D{one}" for one in definitions)]
    sources = sorted(str(path) for path in folder.rglob("*.c"))
    run_tool([tool("gcc"), *flags, *here, *options, *sources, "-o", str(program)])
    return subprocess.run([str(program)], capture_output=True, text=True, check=False)


class TestFolder:
    @pytest.mark.parametrize("kernels", ["portable", "cmsis-nn"])
    def test_self_test_passes(self, kernels, exports, tmp_path):
        done = exports[kernels]
        said = build(done, tmp_path / "main", "-DTINYKIT_CLOCK_HZ=64000000")
        assert (said.returncode, said.stdout.splitlines()[-1]) == (0, "PASS: golden vectors are equal")
        log = read_self_test_log(said.stdout, model_sha256=done.sha256)
        assert (log.equal, len(log.vectors), log.target, log.kernels) == (True, 5, "c", kernels)
        assert (log.clock_hz, log.arena_bytes) == (64_000_000, 512)

    def test_self_test_fails_on_one_wrong_byte(self, exports, tmp_path):
        done = exports["portable"]
        copied = shutil.copytree(done.folder, tmp_path / "copy")
        golden = (copied / "src/golden_vectors.h").read_text()
        head, tail = golden.rsplit("_golden_outputs", 1)
        changed = re.sub(r"\{(-?\d+),", lambda found: f"{{{int(found[1]) ^ 1},", tail.replace("{\n", "@", 1), count=1)
        (copied / "src/golden_vectors.h").write_text(head + "_golden_outputs" + changed.replace("@", "{\n"))
        said = build(type(done)(copied, *(getattr(done, name) for name in type(done).__slots__[1:])), tmp_path / "main")
        assert (said.returncode, said.stdout.splitlines()[-1]) == (1, "FAIL: 1 golden vectors differ")
        log = read_self_test_log(said.stdout)
        assert [one.equal for one in log.vectors] == [False, True, True, True, True]
        assert not log.equal

    @pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m33"])
    def test_compiles_for_a_core(self, core, exports, tmp_path):
        done = exports["portable"]
        flags = ["-std=c11", *WARNINGS, f"-mcpu={core}", "-mthumb", "-Os", f"-I{done.folder / 'src'}", "-ffreestanding"]
        source = str(done.folder / "src/self_test.c")
        run_tool([tool("arm-none-eabi-gcc"), *flags, "-c", source, "-o", str(tmp_path / "o")])
        shown = run_tool(["arm-none-eabi-objdump", "-d", str(tmp_path / "o")])
        assert bool(re.search(r"\.word\t0xe000[1e]", shown)) == (core != "cortex-m0plus")

    def test_manifest_readme_and_cmake(self, exports):
        done = exports["cmsis-nn"]
        listed = json.loads((done.folder / "deployment.json").read_text())
        assert sorted([*listed["files"], "deployment.json"]) == list(done.files)
        assert (listed["target"], listed["kernels"], listed["model_sha256"]) == ("c", "cmsis-nn", done.sha256)
        cmake = (done.folder / "CMakeLists.txt").read_text()
        assert all((done.folder / path).exists() for path in re.findall(r"^    (src\S*)$", cmake, re.MULTILINE))
        assert "add_library(tinykit_watch_cnn STATIC" in cmake
        readme = (done.folder / "README.md").read_text()
        assert done.sha256 in readme
        assert "it is not\nthe tensor arena of TensorFlow Lite Micro" in readme
        assert "NOTICE.txt" in readme
        assert "arm_nn_vec_mat_mult_t_s8.c` with `-funroll-loops`" in readme
        assert "-funroll-loops" not in (exports["portable"].folder / "README.md").read_text()
        assert "6 operators, arena" in str(done)

    def test_no_placeholder_is_left(self, exports):
        for done in exports.values():
            for path in done.files:
                text = (done.folder / path).read_text()
                assert not re.search(r"\$\{?(name|about|guard|sha256|kernels|sources|inputs)\b", text), path

    def test_what_cannot_be_exported_leaves_nothing(self, tmp_path):
        with pytest.raises(ModelError, match="TFLM has no operator GELU"):
            deploy_c(Net((1, 8)).unary("GELU").to_bytes(), tmp_path / "out")
        with pytest.raises(ParameterError, match="kernels 'fast' are unknown"):
            deploy(small_cnn(), tmp_path / "out", target="c", kernels="fast")
        with pytest.raises(DataError, match="input has shape|samples"):
            deploy_c(small_cnn(), tmp_path / "out", samples=np.zeros((2, 3, 3, 1)))
        assert list(tmp_path.iterdir()) == []

    def test_foreign_files_are_left_alone(self, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "notes.txt").write_text("mine")
        with pytest.raises(OutputError, match="not of an earlier export"):
            deploy_c(small_cnn(), tmp_path / "out")


def mixed():
    """An int8 and a float output of a float input."""
    net = WideNet((1, 2, 3), dtype="float32").end_as("int8")
    codes = net.last
    net.end_as("float32")
    net.outputs = [codes, net.last]
    return net


class TestEnds:
    @pytest.mark.parametrize("make", [mixed, lambda: WideNet((1, 3, 4), scale=0.02).stream(fill=9)])
    def test_self_test_of_ends_and_state(self, make, tmp_path):
        model = make().to_bytes()
        shape = read(model).tensors[read(model).inputs[0]].shape
        samples = np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)
        done = deploy_c(model, tmp_path / "out", samples=samples)
        said = build(done, tmp_path / "main")
        assert (said.returncode, said.stdout.splitlines()[-1]) == (0, "PASS: golden vectors are equal")
        readme = (done.folder / "README.md").read_text()
        assert ("_reset()` puts them back" in readme) == (make is not mixed)
        assert ("no floating point" in readme) == (make is not mixed)

    @pytest.mark.parametrize(("byte", "equal"), [(8, True), (9, False)])
    def test_floats_may_differ_a_little(self, byte, equal, tmp_path):
        """The least significant bits of one float, and then more of them than rounding explains."""
        done = deploy_c(mixed().to_bytes(), tmp_path / "out", samples=np.full((1, 2, 3), 0.7, np.float32))
        golden = done.folder / "src/golden_vectors.h"
        head, tail = golden.read_text().rsplit("_golden_outputs", 1)
        values = re.search(r"\{(-?\d+(?:,-?\d+)*)\}", tail)
        changed = values[1].split(",")
        changed[byte - 2] = str(int(changed[byte - 2]) ^ 1)
        golden.write_text(head + "_golden_outputs" + tail.replace(values[1], ",".join(changed)))
        assert ("PASS" in build(done, tmp_path / "main").stdout) == equal


HEAD = "TINYKIT selftest v1 model=0123456789ab"


def log(*vectors, head="target=c kernels=portable vectors=2 arena=512 clock_hz=1000000", failed="failed=0"):
    return "\r\n".join(["boot", f"{HEAD} {head}", *(f"{HEAD} {one}" for one in vectors), f"{HEAD} {failed}", "PASS"])


GOOD = ("vector=0 equal=1 cycles=1000", "vector=1 equal=1 cycles=1200")


class TestLog:
    def test_cycles_and_latency_are_measured(self):
        found = read_self_test_log(log(*GOOD))
        assert (found.model, found.arena_bytes, found.clock_hz) == ("0123456789ab", 512, 1_000_000)
        cycles, latency = found.cycles(), found.latency()
        assert (cycles.value, cycles.low, cycles.high, cycles.unit) == (1100, 1000, 1200, "cycle")
        assert latency.value == pytest.approx(1.1e-3, rel=1e-12)
        assert (latency.unit, latency.basis, latency.runtime) == ("s", "measured", "c portable")
        assert found.latency(2e6).value == pytest.approx(0.55e-3, rel=1e-12)
        assert "2 vectors, model 0123456789ab" in cycles.source

    def test_noise_between_and_within_lines(self):
        noisy = log(*GOOD).replace("\r\n", "\r\n\x00garbage ÿ TINYKIT selftest v\r\n")
        assert read_self_test_log(f"{HEAD} vector=0 equal=0\n" + noisy).equal

    def test_the_last_complete_run_counts(self):
        text = log("vector=0 equal=0", "vector=1 equal=1", failed="failed=1") + log(*GOOD) + f"\n{HEAD} vectors=2\n"
        assert read_self_test_log(text).equal

    def test_unknown_stays_unknown(self):
        found = read_self_test_log(log("vector=0 equal=1", "vector=1 equal=1 cycles=0", head="vectors=2 clock_hz=0"))
        assert (found.arena_bytes, found.clock_hz, found.target) == (None, None, "")
        with pytest.raises(UnknownFactError, match="the log has no clock_hz"):
            found.latency()
        with pytest.raises(UnknownFactError, match="no cycles: this core has no cycle counter"):
            found.cycles()

    @pytest.mark.parametrize("text", ["", "PASS", "TINYKIT selftest v1 model=xyz vector=0"])
    def test_no_self_test(self, text):
        with pytest.raises(DataError, match="no line 'TINYKIT selftest v1"):
            read_self_test_log(text)

    @pytest.mark.parametrize(
        "text",
        [log(GOOD[0]), log(*GOOD, head="vectors=3"), log(*GOOD, head="vectors=0"), log(*GOOD, head="vectors=x"),
         log("vector=0 equal=1", "vector=7 equal=1"), f"{HEAD} failed=0", log(*GOOD).rsplit("\r\n", 2)[0]],
    )  # fmt: skip
    def test_incomplete(self, text):
        with pytest.raises(DataError, match="no complete self-test in the log"):
            read_self_test_log(text)

    def test_version(self):
        with pytest.raises(DataError, match="self-test version 2; this reads version 1"):
            read_self_test_log(log(*GOOD).replace("selftest v1", "selftest v2"))

    def test_another_model(self):
        assert read_self_test_log(log(*GOOD), model_sha256="0123456789ab" + "0" * 52).equal
        with pytest.raises(DataError, match="the board ran model 0123456789ab, not ffffffffffff"):
            read_self_test_log(log(*GOOD), model_sha256="f" * 64)
