"""What is handed to ST's tools and to Edge Impulse: files as they read them, golden data, an .eim for their runner."""

from __future__ import annotations

import csv
import hashlib
import hmac
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import flatbuffers
import numpy as np
import pytest

from tests.models import Net, schema, small_cnn
from tests.test_deploy import tool
from tinykit.ground.errors import DataError, ModelError, ParameterError
from tinykit.handover.deployment.edge_impulse import deploy_edge_impulse
from tinykit.handover.deployment.stm32cubeai import deploy_stm32cubeai
from tinykit.handover.deployment.targets import deploy
from tinykit.model.graph.reading import read
from tinykit.model.impulse import number_of, read_impulse
from tinykit.predict.runtime.session import Session
from tinykit.predict.st_memory import predict_st_memory
from tinykit.show.cli.program import main
from tinykit.target.boards import find_board
from tinykit.target.target import Reserve, Target

MODEL = small_cnn()
LABELS = ["kettle", 'tap "cold"', "silence"]
H743 = "nucleo-h743zi2"


@pytest.fixture(scope="module")
def graph():
    return read(MODEL)


@pytest.fixture
def samples(graph):
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    return np.random.default_rng(3).normal(0, 1, (5, *shape)).astype(np.float32)


def count(graph) -> int:
    return int(np.prod(graph.tensors[graph.outputs[0]].shape))


def label(graph) -> list[str]:
    return (LABELS + [f"other {n}" for n in range(99)])[: count(graph)]


class TestStm32:
    def test_the_validation_data_are_what_tflm_computes(self, tmp_path, graph, samples):
        done = deploy_stm32cubeai(graph, tmp_path / "st", board=H743, samples=samples)
        arrays = np.load(tmp_path / "st" / "validation.npz")
        assert (tmp_path / "st" / "model.tflite").read_bytes() == MODEL
        assert set(arrays) == {"m_inputs_1", "m_outputs_1"}
        assert arrays["m_inputs_1"].dtype == np.int8
        with Session(MODEL) as session:
            assert np.array_equal(session.run_all((arrays["m_inputs_1"],))[0], arrays["m_outputs_1"])
        with (tmp_path / "st" / "val_outputs_1.csv").open() as stream:
            rows = [[int(cell) for cell in row] for row in csv.reader(stream)]
        assert np.array_equal(rows, arrays["m_outputs_1"].reshape(len(samples), -1))
        assert {path.relative_to(done.folder).as_posix() for path in done.folder.rglob("*") if path.is_file()} == set(
            done.files
        )

    def test_the_memory_pools_are_the_board_less_the_reserve(self, tmp_path, graph):
        target = Target(H743, runtime="x-cube-ai", reserve=Reserve(sram_bytes=20_000), runtime_option="ram")
        deploy_stm32cubeai(graph, tmp_path / "st", board=target)
        pools = json.loads((tmp_path / "st" / "mempools.json").read_text())["memory"]["mempools"]
        windows = {one.name: one for one in find_board(H743).sram_windows()}
        found = {pool["name"]: (int(pool["offset"]["value"], 16), int(pool["size"]["value"])) for pool in pools}
        smallest = min(windows.values(), key=lambda one: one.available_bytes)
        assert found.keys() == windows.keys()
        for name, (start, nbytes) in found.items():
            kept = 20_000 if name == smallest.name else 0
            assert start == windows[name].start
            assert nbytes == (windows[name].available_bytes - kept) // 32 * 32
        assert pools[0]["prop"] == {
            "rights": "ACC_WRITE",
            "throughput": "HIGH",
            "latency": "LOW",
            "byteWidth": 4,
            "freqRatio": 1.0,
        }
        assert "--optimization ram --memory-pool mempools.json" in (tmp_path / "st" / "commands.txt").read_text()

    @pytest.mark.parametrize(
        ("version", "wanted", "not_wanted"),
        [
            (
                "5.2.0",
                ["stm32ai analyze", "--compression 1", "--mode stm32"],
                ["--allocate-inputs", "--series", "stedgeai"],
            ),
            ("7.2.0", ["stm32ai generate", "--allocate-inputs --allocate-outputs"], ["--series", "--memory-pool"]),
            (
                "8.1.0",
                ["--compression none", "--series stm32h7", "--optimization balanced", "--memory-pool"],
                ["stedgeai"],
            ),
            (
                "2.2.0",
                ["stedgeai analyze --model model.tflite --target stm32h7", "--c-api st-ai", "--mode target"],
                ["stm32ai "],
            ),
        ],
    )
    def test_the_commands_are_those_of_the_version(self, tmp_path, graph, version, wanted, not_wanted):
        deploy_stm32cubeai(graph, tmp_path / "st", board=H743, tool=version)
        told = (tmp_path / "st" / "commands.txt").read_text()
        assert "Not run here" in told
        assert all(part in told for part in wanted), told
        assert not any(part in told for part in not_wanted), told
        assert len(re.findall(r"^st\w+ (analyze|validate|generate)", told, re.M)) == 4

    def test_the_readme_has_the_hash_and_the_prediction_of_the_version(self, tmp_path, graph):
        deploy_stm32cubeai(graph, tmp_path / "st", board=H743, tool="7.3.0")
        told = (tmp_path / "st" / "README.md").read_text()
        assert hashlib.md5(MODEL).hexdigest() in told
        assert str(predict_st_memory(graph, "cortex-m7", "7.3.0").activations) in told
        assert "ST's tool was not run here" in told
        assert "16384 bytes for stack and application in" in told

    def test_without_a_board_the_pools_are_empty_and_said_to_be(self, tmp_path, graph):
        deploy_stm32cubeai(graph, tmp_path / "st")
        assert json.loads((tmp_path / "st" / "mempools.json").read_text())["memory"]["mempools"] == []
        assert "--memory-pool" not in (tmp_path / "st" / "commands.txt").read_text()
        assert "name a board" in (tmp_path / "st" / "README.md").read_text()

    def test_another_vendors_chip_and_a_version_that_is_none(self, tmp_path, graph):
        with pytest.raises(ParameterError, match="ST's tools make code for STM32 alone"):
            deploy_stm32cubeai(graph, tmp_path / "st", board="microbit-v2")
        for version in ("newest", "4.9", "13.0", "12.1.0"):
            with pytest.raises(ParameterError, match=f"'{version}' is no version whose commands are known"):
                deploy_stm32cubeai(graph, tmp_path / "st", tool=version)

    def test_operators_of_tflm_alone_are_refused(self, tmp_path):
        tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(MODEL, 0))
        tree.subgraphs.append(tree.subgraphs[0])
        builder = flatbuffers.Builder(4096)
        builder.Finish(tree.Pack(builder), b"TFL3")
        with pytest.raises(ModelError, match="ST's tools take no model of several subgraphs"):
            deploy_stm32cubeai(bytes(builder.Output()), tmp_path / "st")

    def test_the_command_writes_it(self, tmp_path, capsys):
        (tmp_path / "m.tflite").write_bytes(MODEL)
        line = ["deploy", str(tmp_path / "m.tflite"), "--target", "stm32cubeai", "--board", H743, "--tool", "8.1.0"]
        assert main([*line, "--out", str(tmp_path / "st")]) == 0
        assert "mempools.json" in capsys.readouterr().out
        assert "X-CUBE-AI 8.1.0, stm32h7" in (tmp_path / "st" / "commands.txt").read_text()
        assert (
            main(
                [
                    "deploy",
                    str(tmp_path / "m.tflite"),
                    "--target",
                    "tflm",
                    "--tool",
                    "8.1.0",
                    "--out",
                    str(tmp_path / "t"),
                ]
            )
            == 2
        )
        assert "takes no tool" in capsys.readouterr().err


@pytest.fixture
def bundle(tmp_path, graph, samples):
    classes = [0, 1, 0, 2, 1][: len(samples)]
    return deploy_edge_impulse(
        graph, tmp_path / "ei", labels=label(graph), rate_hz=100.0, samples=samples, classes=classes, hmac_key="a key",
        name="Kettle",
    )  # fmt: skip


def load_runner():
    """Edge Impulse's own runner: that module alone, since its package wants a microphone and a camera."""
    spec = importlib.util.find_spec("edge_impulse_linux")
    place = Path(spec.submodule_search_locations[0], "runner.py")
    found = importlib.util.spec_from_file_location("ei_runner", place)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.ImpulseRunner


class TestEim:
    @pytest.fixture
    def runner(self, bundle, monkeypatch):
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        one = load_runner()(str(bundle.folder / "model.eim"), allow_shm=False)
        yield one
        process = one._runner
        one.stop()
        if process:
            assert process.wait(timeout=20) == 0

    def test_edge_impulses_own_runner_loads_it_and_classifies_as_tflm_does(self, runner, graph, samples):
        hello = runner.init()
        told = hello["model_parameters"]
        assert told["labels"] == label(graph)
        assert (told["label_count"], told["input_features_count"]) == (count(graph), samples[0].size)
        assert (told["model_type"], told["frequency"], told["interval_ms"], told["axis_count"]) == (
            "classification",
            100.0,
            10.0,
            1,
        )
        assert hello["project"]["name"] == "kettle"
        with Session(MODEL) as session:
            from tinykit.predict.runtime.codes import dequantise, to_codes

            codes = session.run_all(to_codes(session, samples))[0]
            sink = session.outputs[0]
            expected = dequantise(codes, sink.scale, sink.zero_point).reshape(len(samples), -1)
        for sample, wanted in zip(samples, expected, strict=True):
            found = runner.classify(sample.reshape(-1).tolist())
            assert list(found["result"]["classification"]) == label(graph)
            assert list(found["result"]["classification"].values()) == pytest.approx(wanted.tolist(), abs=1e-6)
            assert found["timing"]["classification"] >= 0

    def test_it_says_what_is_wrong_with_a_message(self, runner):
        runner.init()
        for features in ([1.0], [], "text", [float("nan")] * 64):
            with pytest.raises(Exception, match="features; this model takes|could not convert"):
                runner.classify(features)
        with pytest.raises(Exception, match="answers hello and classify"):
            runner.set_threshold({"id": 1})

    def test_it_may_be_executed_and_names_its_use(self, bundle):
        path = bundle.folder / "model.eim"
        assert os.access(path, os.X_OK)
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
        assert "usage: model.eim SOCKET" in done.stderr


class TestBundle:
    def test_byom_files_are_the_model_its_labels_and_representative_data(self, bundle, graph, samples):
        assert (bundle.folder / "model.tflite").read_bytes() == MODEL
        assert (bundle.folder / "labels.txt").read_text().splitlines() == label(graph)
        found = np.load(bundle.folder / "representative.npy")
        assert found.dtype == np.float32
        assert np.array_equal(found, samples)
        assert "## Missing" not in (bundle.folder / "README.md").read_text()

    def test_without_labels_and_data_it_says_what_is_missing(self, tmp_path, graph):
        done = deploy_edge_impulse(graph, tmp_path / "ei")
        told = (done.folder / "README.md").read_text()
        assert "- labels: `labels.txt` has placeholders" in told
        assert "- `representative.npy`" in told
        assert "- `ingestion/`" in told
        assert not (done.folder / "representative.npy").exists()
        assert (done.folder / "labels.txt").read_text().startswith("class 0\n")

    def test_ingestion_files_are_signed_over_their_own_content(self, bundle, graph, samples):
        paths = sorted((bundle.folder / "ingestion").glob("*.json"))
        assert len(paths) == len(samples)
        assert (bundle.folder / "ingestion" / "kettle.0000.json").is_file()
        for path in paths:
            document = json.loads(path.read_text())
            signature, document["signature"] = document["signature"], "0" * 64
            assert signature == hmac.new(b"a key", json.dumps(document).encode(), hashlib.sha256).hexdigest()
            assert document["protected"] == {"ver": "v1", "alg": "HS256", "iat": document["protected"]["iat"]}
            payload = document["payload"]
            number = int(path.name.split(".")[1])
            assert np.allclose(np.ravel(payload["values"]), samples[number].reshape(-1))
            assert payload["interval_ms"] == 10.0
            assert len(payload["sensors"]) == len(payload["values"][0])

    def test_without_a_key_they_say_so(self, tmp_path, graph, samples):
        done = deploy_edge_impulse(graph, tmp_path / "ei", samples=samples, rate_hz=50.0)
        document = json.loads(next((done.folder / "ingestion").glob("unlabelled.*.json")).read_text())
        assert (document["protected"]["alg"], document["signature"]) == ("none", "0" * 64)
        assert "unsigned (alg none)" in (done.folder / "README.md").read_text()

    def test_the_cpp_library_is_an_export_that_is_read_back(self, bundle, graph):
        found = read_impulse(bundle.folder / "cpp")
        assert found.engine == "TFLM"
        assert found.quantised
        assert number_of(found.macros, "LABEL_COUNT") == count(graph)
        assert found.arena_bytes == bundle.arena_bytes
        assert found.rate_hz == 100.0
        assert [kind for kind, _ in found.blocks] == ["raw"]
        assert read(str(bundle.folder / "cpp")).data == MODEL

    def test_the_traps_of_an_int8_model_are_met(self, bundle, graph):
        told = (bundle.folder / "cpp/model-parameters/model_variables.h").read_text()
        sink = graph.tensors[graph.outputs[0]]
        assert ".quantized = 1" in told
        assert "&process_classification_i8" in told
        assert f".zero_point = {sink.zero_points[0]}" in told
        assert f".scale = {sink.scales[0]!r}" in told
        assert 'tap \\"cold\\"' in told
        resolver = (bundle.folder / "cpp/tflite-model/tflite-resolver.h").read_text()
        assert f"MicroMutableOpResolver<{len(bundle.methods)}>" in resolver
        assert all(f"resolver.{method}();" in resolver for method in bundle.methods)

    def test_a_float_model_is_processed_as_floats(self, tmp_path):
        done = deploy_edge_impulse(small_cnn(dtype="float32"), tmp_path / "ei")
        told = (done.folder / "cpp/model-parameters/model_variables.h").read_text()
        assert "process_classification_f32" in told
        assert ".quantized = 0" in told

    def test_the_model_is_put_in_by_the_assembler(self, bundle, tmp_path):
        (tmp_path / "main.cpp").write_text(
            '#include "tflite-model/tflite_learn_1_2.h"\n#include <cstdio>\n'
            "int main() { std::fwrite(tflite_learn_1_2, 1, tflite_learn_1_2_len, stdout); }\n"
        )
        cpp = bundle.folder / "cpp"
        program = [
            tool("g++"),
            "-I.",
            str(tmp_path / "main.cpp"),
            "tflite-model/tflite_learn_1_2.cpp",
            "-o",
            str(tmp_path / "p"),
        ]
        subprocess.run(program, cwd=cpp, check=True)
        assert subprocess.run([tmp_path / "p"], capture_output=True, check=True).stdout == MODEL

    @pytest.mark.parametrize(
        ("changes", "error", "told"),
        [
            ({"labels": ["one"]}, DataError, "1 labels, 1 different; the model has"),
            ({"labels": ["same"] * 10}, DataError, "1 different; the model has"),
            ({"labels": "no/such/file"}, DataError, "cannot be read"),
            ({"samples": np.zeros((2, 3))}, DataError, "samples of shape"),
            ({"samples": np.zeros((0, 8, 8, 1))}, DataError, "n from 1 up"),
            ({"samples": np.full((1, 8, 8, 1), np.nan)}, DataError, "NaN or infinity"),
            ({"rate_hz": -1.0}, ParameterError, "rate -1.0 Hz"),
            ({"rate_hz": float("nan")}, ParameterError, "rate nan Hz"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, tmp_path, graph, changes, error, told):
        with pytest.raises(error, match=told):
            deploy_edge_impulse(graph, tmp_path / "ei", **changes)
        assert not (tmp_path / "ei").exists()

    def test_other_types_and_several_inputs_are_refused(self, tmp_path):
        with pytest.raises(ModelError, match="input int16, output int16"):
            deploy_edge_impulse(Net((1, 8), dtype="int16").dense(3).to_bytes(), tmp_path / "ei")

    def test_the_command_writes_it(self, tmp_path, graph, samples, capsys):
        (tmp_path / "m.tflite").write_bytes(MODEL)
        (tmp_path / "labels.txt").write_text("\r\n".join(label(graph)) + "\r\n")
        np.savez(tmp_path / "x.npz", x=samples)
        line = [
            "deploy",
            str(tmp_path / "m.tflite"),
            "--target",
            "edge-impulse",
            "--labels",
            str(tmp_path / "labels.txt"),
        ]
        more = ["--rate", "16000", "--representative", str(tmp_path / "x.npz"), "--out", str(tmp_path / "ei")]
        assert main([*line, *more]) == 0
        assert "model.eim" in capsys.readouterr().out
        assert (tmp_path / "ei" / "labels.txt").read_text().splitlines() == label(graph)
        assert len(list((tmp_path / "ei" / "ingestion").iterdir())) == len(samples)


@pytest.mark.parametrize("target", ["stm32cubeai", "edge-impulse"])
def test_a_second_export_takes_the_place_of_the_first(tmp_path, graph, target):
    first = deploy(graph, tmp_path / "out", target=target)
    assert deploy(graph, tmp_path / "out", target=target).files == first.files
    assert io.BytesIO((tmp_path / "out" / "deployment.json").read_bytes()).read(1) == b"{"
