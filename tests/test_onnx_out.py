"""ONNX out: an int8 model as QDQ ONNX that ONNX Runtime loads, back to the same bytes, and held against TFLM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.models import Net
from tests.onnx_nets import Torch
from tinykit.ground.errors import DataError, MissingPackageError, ModelError
from tinykit.ground.facts import shipped_path
from tinykit.handover.deployment.onnx_file import write_onnx
from tinykit.handover.deployment.targets import deploy
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.agreement import judge_onnx
from tinykit.predict.runtime.samples import draw_codes
from tinykit.predict.runtime.session import Session
from tinykit.predict.runtime.verify import verify_model
from tinykit.show.cli.program import main
from tinykit.train.conversion.converting import convert

SHIPPED = sorted(shipped_path("data").rglob("*int8*.tflite"))
CHECKPOINT = shipped_path("data", "checkpoints", "watch-exercises", "int8.tflite")


def round_trip(data: bytes, folder: Path, count: int = 50) -> tuple[bytes, bool]:
    """The model that comes back, and whether TFLM answers both to the byte."""
    graph = read(data)
    (folder / "out.onnx").write_bytes(write_onnx(graph))
    made = convert(folder / "out.onnx").model
    tensor = read(made).tensors[read(made).inputs[0]]
    codes = draw_codes(np.random.default_rng(0), (count, *tensor.shape[1:]), "int8")
    given: Any = codes
    if graph.tensors[graph.inputs[0]].dtype == "float32":
        given = ((codes.astype(np.float32) - tensor.zero_points[0]) * np.float32(tensor.scales[0])).astype(np.float32)
    with Session(data) as one, Session(made) as two:
        before, after = one.run_all(given), two.run_all(codes)
    for place, (own, other) in enumerate(zip(before, after, strict=True)):
        if own.dtype.kind == "f":
            end = read(made).tensors[read(made).outputs[place]]
            real = (other.astype(np.float64) - end.zero_points[0]) * np.float64(np.float32(end.scales[0]))
            after = (*after[:place], real.astype(np.float32), *after[place + 1 :])
    return made, all(np.array_equal(own, other) for own, other in zip(before, after, strict=True))


NETS = {
    "windows": lambda: Net((1, 9, 9, 3)).conv(stride=(2, 2)).depthwise().pool("MAX", padding="SAME").dense().softmax(),
    "dilated": lambda: Net((1, 9, 9, 3)).conv(4, dilation=(2, 2), activation="RELU6").pool("AVERAGE").dense(3),
    "valid": lambda: Net((1, 9, 8, 1)).conv(4, padding="VALID", activation="NONE").depthwise(multiplier=2).dense(3),
    "dense": lambda: Net((1, 16)).dense(8, "RELU", per_channel=False).dense(3).softmax(),
    "reshaped": lambda: Net((1, 4, 4, 2)).conv(4).reshape((1, 64)).dense(3),
}  # fmt: skip


class TestRoundTrips:
    @pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
    def test_every_int8_model_of_the_kit(self, path: Path, tmp_path: Path):
        made, same = round_trip(path.read_bytes(), tmp_path)
        assert same
        assert len(made) <= path.stat().st_size

    @pytest.mark.parametrize("name", NETS)
    def test_small_ones(self, name: str, tmp_path: Path):
        assert round_trip(NETS[name]().to_bytes(), tmp_path)[1]


class TestRefusals:
    @pytest.mark.parametrize(("net", "match"), [
        (lambda: Net((1, 8, 8, 1), dtype="float32").conv(2).to_bytes(), "float32, 1 subgraphs; ONNX is written of"),
        (lambda: Net((1, 8, 8, 1), dtype="int16").conv(2).to_bytes(), "int16x8, 1 subgraphs"),
    ])  # fmt: skip
    def test_of_other_precisions(self, net: Any, match: str):
        with pytest.raises(ModelError, match=match):
            write_onnx(read(net()))

    def test_of_an_operator_without_a_form(self):
        with pytest.raises(ModelError, match=r"operator 0 \(ABS\) has no form in ONNX here; deploy it for tflm or c"):
            write_onnx(read(Net((1, 8)).unary("ABS").to_bytes()))

    def test_without_the_extra(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setitem(__import__("sys").modules, "onnx", None)
        with pytest.raises(MissingPackageError, match="onnx is not installed, which writes ONNX; pip install"):
            write_onnx(read(CHECKPOINT))


class TestDeploy:
    def test_what_onnx_runtime_loads(self, tmp_path: Path):
        done = deploy(CHECKPOINT, tmp_path / "out", target="onnx", name="watch")
        assert set(done.files) == {p.name for p in (tmp_path / "out").iterdir()}
        for name in ("model.onnx", "model.ort"):
            session = onnxruntime.InferenceSession(str(tmp_path / "out" / name), providers=["CPUExecutionProvider"])
            assert session.get_inputs()[0].shape == [1, 100, 1, 6]
        needed = (tmp_path / "out" / "required_operators_and_types.config").read_text()
        assert "QLinearConv" in needed
        assert str(tmp_path) not in needed
        assert "/tmp" not in needed
        assert json.loads((tmp_path / "out" / "deployment.json").read_text())["target"] == "onnx"
        said = (tmp_path / "out" / "README.md").read_text()
        assert "There is no ONNX Runtime for a Cortex-M" in said
        assert "27,165,936" in said
        assert str(done).endswith("5 files for onnx, 6 operators")

    def test_the_command(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        assert main(["deploy", str(CHECKPOINT), "--target", "onnx", "--out", str(tmp_path / "out")]) == 0
        assert "model.ort" in capsys.readouterr().out


class TestVerify:
    def test_against_onnx_runtime(self, capsys: pytest.CaptureFixture[str]):
        assert main(["verify", str(CHECKPOINT), "--against", "onnxruntime", "--json"]) == 0
        told = {one["reference"]: one for one in json.loads(capsys.readouterr().out)["comparisons"]}
        assert sum(told["onnxruntime"]["histogram"].values()) == 32 * 7
        assert "the conversion is right" in told["onnxruntime"]["explanation"]
        assert "onnxruntime-optimised" in told

    def test_a_model_against_the_file_it_came_from(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        net = Torch((1, 3, 12, 12)).conv(6, stride=2).relu().pool().flatten().gemm(4)
        (tmp_path / "net.onnx").write_bytes(net.model().SerializeToString())
        samples = np.random.default_rng(0).normal(0, 1, (20, 3, 12, 12)).astype(np.float32)
        np.savez(tmp_path / "x.npz", x=samples)
        given = ["--representative", str(tmp_path / "x.npz")]
        assert main(["import", str(tmp_path / "net.onnx"), "--out", str(tmp_path / "net.tflite"), *given]) == 0
        assert "channels last" in capsys.readouterr().err
        assert main(["verify", str(tmp_path / "net.tflite"), "--against", str(tmp_path / "net.onnx")]) == 0
        assert "the conversion is right" in capsys.readouterr().out

    def test_a_conversion_at_fault_is_told(self, tmp_path: Path):
        graph = read(CHECKPOINT)
        wrong = onnx.load_from_string(write_onnx(graph))
        weights = next(one for one in wrong.graph.initializer if one.name == "Q_C0_1")
        array = onnx.numpy_helper.to_array(weights)
        weights.CopyFrom(onnx.numpy_helper.from_array(array[..., ::-1, :].copy(), "Q_C0_1"))
        x = np.random.default_rng(0).normal(0, 1, (16, 100, 1, 6)).astype(np.float32)
        result = verify_model(graph.data, x, onnx=wrong.SerializeToString())
        assert not result.same
        assert "the conversion is at fault" in result["onnxruntime"].explanation

    def test_of_other_shapes_is_refused(self):
        x = np.zeros((2, 100, 1, 6), np.float32)
        other = Torch((1, 5)).gemm(7).model().SerializeToString()
        with pytest.raises(DataError, match=r"the ONNX model has \(5,\) where the other has \(100, 1, 6\)"):
            verify_model(CHECKPOINT.read_bytes(), x, onnx=other)
        two = Torch((1, 5)).gemm(7).model()
        two.graph.input.add().CopyFrom(two.graph.input[0])
        two.graph.input[1].name = "y"
        with pytest.raises(DataError, match="another number of inputs or outputs"):
            verify_model(CHECKPOINT.read_bytes(), x, onnx=two.SerializeToString())

    def test_a_model_that_onnx_runtime_refuses(self):
        with pytest.raises(ModelError, match="ONNX Runtime refuses the model"):
            Session(b"no model", engine="onnxruntime")

    def test_the_verdict_needs_a_large_difference(self):
        own, one = np.array([[0.0, 1.0]]), np.array([[0.0, 0.9]])
        assert judge_onnx((own,), (own,), (own,), (0.1,)).kind == "equal"
        assert judge_onnx((own,), (one,), (own,), (0.1,)).kind == "rounding"
        assert judge_onnx((own,), (own[:, ::-1],), (own,), (0.1,)).kind == "different"
