"""deploy: the export compiles, registers exactly its operators, carries TFLM's answers, and is written whole or not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tracemalloc
from pathlib import Path

import flatbuffers
import numpy as np
import pytest

import tinykit.predict as runtime
from tests.models import Net, hybrid, residual, schema, small_cnn
from tests.test_shapes import dilated
from tinykit.ground.errors import DataError, ModelError, OutputError, ParameterError
from tinykit.ground.quantity import Estimate
from tinykit.handover.codegen.filling import to_comment, to_identifier
from tinykit.handover.codegen.writing import _numbers
from tinykit.handover.deployment.self_test import read_self_test_log
from tinykit.handover.deployment.targets import (
    OPERATORS,
    TARGETS,
    _bytes,
    add_method,
    deploy,
    deploy_tflm,
    find_exporter,
)
from tinykit.handover.deployment.writing import make_golden_vectors
from tinykit.train.datasets.scoring import Accuracy

STUBS = Path(__file__).parent / "firmware" / "stubs"
WARNINGS = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fno-exceptions", "-fno-rtti"]
ACCURACY = Accuracy(0.934, 0.91, 0.95, 812, 30, "95 % bootstrap over 30 recordings")


def tool(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def build(folder, program):
    sources = [folder / "main/main.cpp", folder / "src/model.cpp", folder / "src/model_data.cpp"]
    command = [tool("g++"), *WARNINGS, f"-I{STUBS}", f"-I{folder / 'src'}", *map(str, sources), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def start(program, tmp_path, replies, tensors, **extra):
    (tmp_path / "replies").write_bytes(replies)
    inputs, outputs = tensors
    variables = {"STUB_INPUTS": inputs, "STUB_OUTPUTS": outputs, "STUB_REPLIES": str(tmp_path / "replies"), **extra}
    environment = {**os.environ, **variables, "STUB_RECEIVED": str(tmp_path / "received")}
    done = subprocess.run([str(program)], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def samples():
    return np.random.default_rng(4).normal(0, 1, (5, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def export(tmp_path_factory, samples):
    folder = tmp_path_factory.mktemp("export") / "cnn"
    model = small_cnn()
    return deploy(model, folder, arena=2600, accuracy=ACCURACY, name="watch cnn", samples=samples), model


@pytest.fixture(scope="module")
def program(export, tmp_path_factory):
    return build(export[0].folder, tmp_path_factory.mktemp("built") / "main")


class TestFirmware:
    TENSORS = ("64:9", "4:9")

    def test_self_test_passes_on_tflms_answers(self, export, program, samples, tmp_path):
        """The replies come from the interpreter, by another way than the golden vectors did."""
        inputs = runtime.quantise_input(samples, 1 / 64, -3)
        code, said = start(program, tmp_path, runtime.run_model(export[1], inputs).tobytes(), self.TENSORS)
        assert (code, said.splitlines()[-1]) == (0, "PASS: golden vectors are equal")
        assert "arena: 123 of 2736 bytes in use" in said
        log = read_self_test_log(said, model_sha256=export[0].sha256)
        assert (log.equal, len(log.vectors), log.target, log.arena_bytes) == (True, 5, "tflm", 123)
        assert (tmp_path / "received").read_bytes() == inputs.tobytes()

    def test_self_test_fails_on_one_wrong_byte(self, export, program, samples, tmp_path):
        replies = bytearray(runtime.run_model(export[1], runtime.quantise_input(samples, 1 / 64, -3)).tobytes())
        replies[9] ^= 1
        code, said = start(program, tmp_path, bytes(replies), self.TENSORS)
        assert (code, said.splitlines()[-1]) == (1, "FAIL: 1 golden vectors differ")

    def test_arena_too_small_is_said(self, program, tmp_path):
        code, said = start(program, tmp_path, b"", self.TENSORS, STUB_ARENA_NEEDED="2737")
        assert code == 1
        assert said.splitlines() == ["arena too small", "FAIL: the model could not be set up"]

    def test_tensors_of_another_size_fail(self, program, tmp_path):
        code, said = start(program, tmp_path, bytes(99), ("65:9", "4:9"))
        assert (code, said.splitlines()[-1]) == (1, "FAIL: 5 golden vectors differ")

    def test_float_outputs_may_differ_by_rounding(self, tmp_path):
        model = small_cnn("float32")
        done = deploy(model, tmp_path / "out", arena=5000)
        built = build(done.folder, tmp_path / "main")
        inputs, outputs = make_golden_vectors(model)
        answers = outputs.copy().view(np.float32) * np.float32(1 + 1e-6)
        assert start(built, tmp_path, answers.tobytes(), ("256:1", "16:1"))[0] == 0
        assert (tmp_path / "received").read_bytes() == inputs.tobytes()
        answers[1, 2] += 0.01
        assert start(built, tmp_path, answers.tobytes(), ("256:1", "16:1"))[0] == 1

    def test_several_inputs_and_outputs(self, tmp_path):
        net = Net((1, 8)).second_input().unary("LOGISTIC")
        first = net.last
        net.unary("TANH")
        net.outputs = [first, net.last]
        model = net.to_bytes()
        built = build(deploy(model, tmp_path / "out", arena=1000).folder, tmp_path / "main")
        inputs, outputs = make_golden_vectors(model)
        halves = (inputs[:, :8].view(np.int8), inputs[:, 8:].view(np.int8))
        with runtime.Session(model) as session:
            answers = np.concatenate(session.run_all(halves), axis=1)
        assert np.array_equal(answers.view(np.uint8), outputs)
        assert start(built, tmp_path, answers.tobytes(), ("8:9,8:9", "8:9,8:9"))[0] == 0

    @pytest.mark.parametrize("subgraphs", [1, 2])
    def test_a_state_has_room_for_its_variables(self, subgraphs, tmp_path):
        """The second subgraph is what CALL_ONCE would run; TFLM registers its operators too."""
        tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(Net((1, 4)).accumulate().to_bytes(), 0))
        tree.subgraphs *= subgraphs
        builder = flatbuffers.Builder(4096)
        builder.Finish(tree.Pack(builder), b"TFL3")
        model = bytes(builder.Output())
        done = deploy(model, tmp_path / "out", arena=1000)
        assert done.methods == ("AddAdd", "AddAssignVariable", "AddReadVariable", "AddVarHandle")
        answers = make_golden_vectors(model)[1]
        code, said = start(build(done.folder, tmp_path / "main"), tmp_path, answers.tobytes(), ("4:9", "4:9"))
        assert (code, said.splitlines()[0]) == (0, "1 variables")

    def test_resolver_has_exactly_the_operators(self, export):
        source = (export[0].folder / "src/model.cpp").read_text()
        methods = re.findall(r"resolver\.(Add\w+)\(\)", source)
        wanted = "AddAveragePool2D AddConv2D AddDepthwiseConv2D AddFullyConnected AddReshape AddSoftmax".split()
        assert methods == wanted == list(export[0].methods)
        assert "MicroMutableOpResolver<6>" in source

    @pytest.mark.parametrize(
        "name", ["class", "2nd*/model", "<script>alert(1)</script>", "ünïcödé", "a\\\nb", "tflite"]
    )
    def test_any_name_compiles(self, name, tmp_path):
        net = Net((1, 8), name=name)
        net.dense(2)
        done = deploy(net.to_bytes(), tmp_path / "out", arena=900, name=name)
        build(done.folder, tmp_path / "main")
        assert not re.search(r"script>|\*/", "".join(path.read_text() for path in done.folder.rglob("*.cpp")))

    def test_array_on_a_cortex_m4(self, export, tmp_path):
        done, model = export
        compiler, nm, objcopy = (tool(f"arm-none-eabi-{name}") for name in ("gcc", "nm", "objcopy"))
        target = tmp_path / "data.o"
        source = str(done.folder / "src/model_data.cpp")
        command = [
            compiler,
            "-x",
            "c++",
            "-std=c++11",
            "-mcpu=cortex-m4",
            "-mthumb",
            "-Os",
            "-c",
            source,
            "-o",
            str(target),
        ]
        subprocess.run(command, check=True, capture_output=True)
        rows = subprocess.run([nm, "-S", "-C", str(target)], check=True, capture_output=True, text=True).stdout.split(
            "\n"
        )
        _, size, kind, symbol = next(row for row in rows if row).split()
        assert (int(size, 16), kind, symbol) == (len(model), "R", "watch_cnn::kModelData")
        subprocess.run([objcopy, "-O", "binary", "-j", ".rodata*", str(target), str(tmp_path / "raw")], check=True)
        assert (tmp_path / "raw").read_bytes()[: len(model)] == model
        heads = subprocess.run(
            [tool("arm-none-eabi-objdump"), "-h", str(target)], check=True, capture_output=True, text=True
        )
        assert re.search(r"\.rodata\S*\s.*2\*\*4", heads.stdout)


class TestContents:
    def test_header_says_which_model_and_how_good(self, export):
        done, model = export
        header = (done.folder / "src/model_data.h").read_text()
        assert done.sha256 in header
        assert "Accuracy: 0.934 [0.910 .. 0.950] (n=812, 95 % bootstrap over 30 recordings), in TFLM." in header
        assert f"kModelBytes = {len(model)};" in header

    def test_arena_has_its_margin_and_alignment(self, tmp_path):
        for arena, margin, declared in [(2600, 0.05, 2736), (1600, 0.0, 1600), (1601, 0.0, 1616), (100, 1.0, 208)]:
            done = deploy_tflm(Net((1, 8)).dense(2).to_bytes(), tmp_path / "out", arena=arena, margin=margin)
            assert (done.arena_bytes, done.needed_bytes) == (declared, arena)
            assert f"kArenaBytes = {declared};" in (done.folder / "src/model.h").read_text()

    def test_of_an_estimate_the_high_end_counts(self, tmp_path):
        arena = Estimate(1000, 980, 1040, "byte", "modelled")
        done = deploy_tflm(Net((1, 8)).dense(2).to_bytes(), tmp_path / "out", arena=arena, margin=0)
        assert done.arena_bytes == 1040

    def test_each_ecosystem_finds_its_own_tflm(self, export):
        folder = export[0].folder
        assert "depends=Chirale_TensorFLowLite" in (folder / "library.properties").read_text()
        assert "espressif/esp-tflite-micro" in (folder / "esp-idf/main/idf_component.yml").read_text()
        assert "CONFIG_TENSORFLOW_LITE_MICRO=y" in (folder / "zephyr-app/prj.conf").read_text()
        assert "raspberrypi/pico-tflmicro" in (folder / "pico/CMakeLists.txt").read_text()
        readme = (folder / "README.md").read_text()
        for word in ("Arduino", "ESP-IDF", "Zephyr", "Pico SDK", export[0].sha256, "not been built inside"):
            assert word in readme

    def test_build_files_name_files_that_exist(self, export):
        for path in export[0].folder.glob("*/**/CMakeLists.txt"):
            for named in re.findall(r"\.\./[\w./]+", path.read_text()):
                assert (path.parent / named).exists(), f"{path}: {named}"

    def test_no_placeholder_is_left(self, export):
        for path in export[0].folder.rglob("*"):
            assert path.is_dir() or not re.search(r"\$\{?(name|about|guard|sha256|count)\b", path.read_text())

    def test_manifest_lists_every_file(self, export):
        listed = json.loads((export[0].folder / "deployment.json").read_text())
        assert sorted([*listed["files"], "deployment.json"]) == list(export[0].files)
        assert listed["model_sha256"] == export[0].sha256
        assert "18 files for tflm" in str(export[0])

    def test_name_comes_from_the_file(self, tmp_path):
        path = tmp_path / "Gesture v2.tflite"
        path.write_bytes(small_cnn())
        assert deploy(path, tmp_path / "out", arena=2600).name == "gesture_v2"


class TestOperators:
    def test_the_interpreter_has_each_of_them(self):
        net = Net((1, 8))
        for name in sorted(OPERATORS):
            net.custom(name[7:]) if name.startswith("CUSTOM:") else net.unary(name)
        assert set(runtime.missing_operators(net.to_bytes())) <= {"CUSTOM:ethos-u", "CUSTOM:CIRCULAR_BUFFER"}

    def test_the_interpreter_has_no_others(self):
        numbers = {name: number for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
        others = sorted(set(numbers) - OPERATORS - {"CUSTOM"} - {name for name in numbers if numbers[name] > 127})
        net = Net((1, 8))
        for name in others:
            net.unary(name)
        assert set(others) == set(runtime.missing_operators(net.to_bytes()))

    def test_each_method_is_in_tflms_header(self):
        header = (STUBS / "tensorflow/lite/micro/micro_mutable_op_resolver.h").read_text()
        assert {add_method(name) for name in OPERATORS} <= set(re.findall(r"TfLiteStatus (Add\w+)\(\)", header))

    def test_unknown_operator(self):
        with pytest.raises(ModelError, match="no kernel for operator GELU"):
            add_method("GELU")


class TestRefusals:
    MODEL = Net((1, 8)).dense(2).to_bytes()

    @pytest.mark.parametrize("arena", [0, -5, float("nan"), True])
    def test_arena(self, arena, tmp_path):
        with pytest.raises(ParameterError, match="pass what predict_arena says"):
            deploy(self.MODEL, tmp_path / "out", arena=arena)

    @pytest.mark.parametrize("margin", [-0.1, 20, float("nan")])
    def test_margin(self, margin, tmp_path):
        with pytest.raises(ParameterError, match="a fraction of the arena"):
            deploy_tflm(self.MODEL, tmp_path / "out", arena=900, margin=margin)

    def test_target(self, tmp_path):
        with pytest.raises(ParameterError, match="target 'executorch' is not there yet; allowed: tflm, c"):
            deploy(self.MODEL, tmp_path / "out", target="executorch", arena=900)
        assert {"tflm", "c"} <= set(TARGETS)

    @pytest.mark.parametrize(
        ("target", "options", "said"),
        [
            ("c", {"arena": 900}, "target 'c' takes no arena; its options: kernels, accuracy, name, samples"),
            ("tflm", {"arena": 900, "kernels": "portable"}, "target 'tflm' takes no kernels; its options: arena, "),
        ],
    )
    def test_an_option_of_another_target(self, tmp_path, target, options, said):
        with pytest.raises(ParameterError, match=said):
            deploy(self.MODEL, tmp_path / "out", target=target, **options)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("target", TARGETS)
    def test_every_target_writes_what_it_says(self, tmp_path, target):
        needed = {"arena": 2600} if "arena" in find_exporter(target).options else {}
        done = deploy(small_cnn(), tmp_path / "out", target=target, **needed)
        assert done.target
        assert {str(path.relative_to(done.folder)) for path in done.folder.rglob("*") if path.is_file()} == set(
            done.files
        )

    def test_tflm_without_an_arena(self, tmp_path):
        with pytest.raises(ParameterError, match="target 'tflm' needs an arena; pass what predict_arena says"):
            deploy(self.MODEL, tmp_path / "out")

    @pytest.mark.parametrize("target", ["tflm", "c"])
    def test_shapes_that_contradict_their_operators(self, target, tmp_path):
        needed = {"arena": 2600} if target == "tflm" else {}
        with pytest.raises(ModelError, match="TFLM computes something else: operator 0 (.*)\n.*batch 1.*\n`tin"):
            deploy(dilated(), tmp_path / "out", target=target, **needed)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("model", [Net((1, 8)).unary("GELU").to_bytes(), hybrid(), b"nothing", b""])
    def test_models_that_cannot_run_leave_nothing_behind(self, model, tmp_path):
        with pytest.raises(ModelError):
            deploy(model, tmp_path / "out", arena=900)
        assert list(tmp_path.iterdir()) == []

    def test_several_subgraphs(self, tmp_path):
        tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(self.MODEL, 0))
        tree.subgraphs.append(tree.subgraphs[0])
        builder = flatbuffers.Builder(4096)
        builder.Finish(tree.Pack(builder), b"TFL3")
        with pytest.raises(ModelError, match="the model has 2 subgraphs"):
            deploy(bytes(builder.Output()), tmp_path / "out", arena=900)

    def test_samples_for_two_inputs(self, tmp_path):
        with pytest.raises(DataError, match="the model has 2 inputs, got 1"):
            deploy(Net((1, 8)).second_input().to_bytes(), tmp_path / "out", arena=900, samples=np.zeros((1, 8)))


class TestWriting:
    def export(self, folder):
        return deploy(residual(), folder, arena=2600)

    def test_an_earlier_export_is_replaced(self, tmp_path):
        self.export(tmp_path / "out")
        (tmp_path / "out" / "empty").mkdir()
        assert deploy(small_cnn(), tmp_path / "out", arena=900).arena_bytes == 960
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        assert not (tmp_path / "out" / "empty").exists()

    def test_an_empty_folder_is_taken(self, tmp_path):
        (tmp_path / "out").mkdir()
        assert (self.export(tmp_path / "out").folder / "README.md").exists()

    @pytest.mark.parametrize("name", ["notes.txt", "src/model.cpp", "deployment.json"])
    def test_foreign_and_changed_files_are_left_alone(self, name, tmp_path):
        if name != "notes.txt":
            self.export(tmp_path / "out")
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
        with pytest.raises(OutputError, match="not of an earlier export or was changed since"):
            self.export(tmp_path / "out")
        assert path.read_text() == "mine"

    @pytest.mark.parametrize(
        "listed", [b'{"files": ' + b"[" * 100_000, b'{"files": []}', b"[1]", b'{"files": {"a": {}}}', b"\xff"]
    )
    def test_a_strangers_list_of_files_is_none(self, listed, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "deployment.json").write_bytes(listed)
        with pytest.raises(OutputError, match="holds deployment.json, which is not of an earlier export"):
            self.export(tmp_path / "out")

    def test_an_earlier_export_is_read_within_bounds(self, tmp_path, monkeypatch):
        self.export(tmp_path / "out")
        monkeypatch.setattr("tinykit.ground.limits.WEIGHTS_BYTES", 10)
        with pytest.raises(OutputError, match="which is not of an earlier export or was changed since"):
            self.export(tmp_path / "out")

    def test_a_file_is_no_folder(self, tmp_path):
        (tmp_path / "out").write_text("mine")
        with pytest.raises(OutputError, match="is a file"):
            self.export(tmp_path / "out")

    def test_a_parent_that_is_a_file(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(OutputError, match="cannot be written"):
            self.export(tmp_path / "file" / "out")

    def test_a_read_only_disk(self, tmp_path, monkeypatch):
        def refuse(path, data):
            raise PermissionError(30, "Read-only file system")

        monkeypatch.setattr("tinykit.ground.writing._write", refuse)
        with pytest.raises(OutputError, match=r"cannot be written \(Read-only file system\); choose another folder"):
            self.export(tmp_path / "out")

    def test_failing_midway_keeps_the_old_export(self, tmp_path, monkeypatch):
        self.export(tmp_path / "out")
        before = (tmp_path / "out" / "deployment.json").read_bytes()
        rename = Path.rename

        def fail(path, target):
            if path.name == "new":
                raise OSError(28, "No space left on device")
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", fail)
        with pytest.raises(OutputError, match="No space left"):
            deploy(small_cnn(), tmp_path / "out", arena=900)
        assert (tmp_path / "out" / "deployment.json").read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_text_takes_little_more_memory_than_it_has_characters():
    """A hundred times the model was taken, by an object for each of its bytes."""
    data = np.random.default_rng(0).integers(0, 256, 400_000, np.uint8)
    for write in (_bytes, lambda one: _numbers(one.view(np.int8))):
        tracemalloc.start()
        text = write(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * len(text)
    assert _bytes(data[:17]).count("\n") == 1
    assert [int(one, 16) for one in _bytes(data).replace(",", " ").split()] == data.tolist()


@pytest.mark.parametrize("target", ["c", "tflm"])
def test_a_model_that_no_microcontroller_holds_is_no_source_of_c(target, monkeypatch, tmp_path):
    monkeypatch.setattr("tinykit.ground.limits.UNPACKED_BYTES", 1000)
    with pytest.raises(ModelError, match=r"has [\d,]+ bytes, too many for a source of C; allowed: 1,000; no micro"):
        deploy(small_cnn(), tmp_path / "out", target=target, **({"arena": 900} if target == "tflm" else {}))


@pytest.mark.parametrize("name", ["", "_", "é", "__a__b__", "int", "9", "a" * 90, "x-y.tflite", "main"])
def test_identifiers(name):
    made = to_identifier(name)
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,46}", made)
    assert "__" not in made
    assert made not in ("int", "main")


def test_comments_stay_one_line_of_ascii():
    made = to_comment("*/ /* \\\n ?? \u202e <b> " + "x" * 500)
    assert re.fullmatch(r"[ -~]{1,200}", made)
    assert not set(made) & set("*/\\?<>")
