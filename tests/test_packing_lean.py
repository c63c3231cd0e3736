"""The lean pass: the same outputs to the byte, from a smaller file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.codegen_graphs import ask_interpreter, random_model
from tests.models import Net, autoencoder, hybrid, residual, small_cnn
from tests.packing_models import pack, unpack
from tinykit.ground.errors import ModelError, OutputError
from tinykit.model.graph.reading import read
from tinykit.model.lint import lint_graph
from tinykit.predict.arena.predict import plan_offline, predict_arena, with_offline_plan
from tinykit.predict.packing.leaning import find_idle_biases, lean
from tinykit.predict.runtime.proving import SameProof, prove_same
from tinykit.predict.runtime.verify import verify_model

SEEDS = range(60)


def lossy(multiplier: float, per_channel: bool) -> bytes:
    """A dense operator whose input scale x weight scale / output scale is `multiplier` for each channel."""
    net = Net((1, 16), scale=0.25)
    net.dense(4, per_channel=per_channel)
    tree = unpack(net.to_bytes())
    _, weights, bias, out = (tensor.quantization for tensor in tree.subgraphs[0].tensors)
    weights.scale = np.full(len(weights.scale), out.scale[0] * multiplier / 0.25, np.float32)
    bias.scale = weights.scale * np.float32(0.25)
    return pack(tree)


class TestOutputs:
    def test_random_graphs_answer_as_before(self):
        models = [random_model(seed) for seed in SEEDS]
        before = ask_interpreter(models)
        after = ask_interpreter([lean(model, prove=False).data for model in models])
        for seed, (one, other) in enumerate(zip(before, after, strict=True)):
            assert one[1].tobytes() == other[1].tobytes(), f"seed {seed}"

    @pytest.mark.parametrize("model", [small_cnn(), residual(), autoencoder(), small_cnn("float32")])
    def test_proven_and_smaller(self, model):
        packed = lean(model)
        assert packed.equal
        assert packed.recipe == ("lean",)
        assert packed.saved_bytes == len(model) - len(packed.data) > 0
        assert packed.proof.before.head_bytes == packed.proof.after.head_bytes
        assert "outputs equal in TFLM" in str(packed)

    def test_int16_activations(self):
        net = Net((1, 6, 6, 2), dtype="int16", zero_point=0)
        net.conv(3)
        tree = unpack(net.to_bytes())
        for tensor in tree.subgraphs[0].tensors:
            if tensor.type == 7:
                tensor.quantization.zeroPoint = np.zeros(1, np.int64)
        bias = tree.subgraphs[0].tensors[2]
        bias.type = 4
        data = np.asarray(tree.buffers[bias.buffer].data, np.uint8).view(np.int32).astype(np.int64)
        tree.buffers[bias.buffer].data = data.view(np.uint8)
        packed = lean(pack(tree))
        assert packed.equal
        assert packed.graph.tensors[2].scales == ()

    def test_litert_gives_the_same_too(self):
        model = small_cnn()
        rng = np.random.default_rng(0)
        inputs = rng.integers(-128, 128, (8, 8, 8, 1)).astype(np.int8)
        before, after = (verify_model(one, inputs) for one in (model, lean(model).data))
        assert before["litert-reference"].histogram == after["litert-reference"].histogram

    def test_unequal_outputs_are_not_handed_out(self, monkeypatch):
        differs = SameProof(4, False, None, None)
        monkeypatch.setattr("tinykit.predict.packing.leaning.prove_same", lambda *_, **__: differs)
        with pytest.raises(ModelError, match="outputs differ from the model's"):
            lean(small_cnn())

    def test_a_model_tflm_refuses_is_not_proven(self):
        with pytest.raises(ModelError, match=r"[Hh]ybrid"):
            lean(hybrid())
        assert lean(hybrid(), prove=False).equal is None


class TestWhatIsLeftOut:
    def test_names_ranges_signatures_and_description(self):
        tree = unpack(small_cnn())
        for tensor in tree.subgraphs[0].tensors:
            if tensor.quantization is not None:
                tensor.quantization.min = tensor.quantization.max = np.zeros(4, np.float32)
        tree.subgraphs[0].tensors[0].shapeSignature = [-1, 8, 8, 1]
        graph = lean(pack(tree)).graph
        left = unpack(graph.data)
        assert left.description is None
        assert not left.signatureDefs
        assert all(not tensor.name for tensor in graph.tensors)
        assert all(one.quantization is None or one.quantization.min is None for one in left.subgraphs[0].tensors)
        assert not any(min(tensor.signature, default=0) < 0 for tensor in graph.tensors)
        assert b"made in a test" not in graph.data

    def test_unused_buffers(self):
        tree = unpack(small_cnn())
        tree.buffers += [type(tree.buffers[0])(data=np.zeros(5000, np.uint8))]
        assert len(lean(pack(tree)).data) == len(lean(small_cnn()).data)

    def test_scales_of_weights_and_activations_stay(self):
        before = read(small_cnn())
        after = lean(before).graph
        biases = find_idle_biases(before)
        assert biases
        for one, other in zip(before.tensors, after.tensors, strict=True):
            expected = () if one.index in biases else one.scales
            assert other.scales == expected
            assert (other.shape, other.dtype) == (one.shape, one.dtype)


class TestBiasScales:
    @pytest.mark.parametrize(("multiplier", "per_channel", "dropped"),
                             [(0.004, False, True), (0.5, False, False), (0.5, True, True)])  # fmt: skip
    def test_kept_where_tflm_compares_them(self, multiplier, per_channel, dropped):
        model = lossy(multiplier, per_channel)
        packed = lean(model)
        assert packed.equal
        assert (packed.graph.tensors[2].scales == ()) is dropped

    def test_tflm_does_refuse_the_one_that_is_kept(self):
        tree = unpack(lossy(0.5, per_channel=False))
        tree.subgraphs[0].tensors[2].quantization = None
        with pytest.raises(ModelError, match=r"scale_diff|failed"):
            prove_same(lossy(0.5, per_channel=False), pack(tree))

    def test_a_constant_added_by_an_add_keeps_its_scale(self):
        net = Net((1, 8))
        net.add(net.tensor((1, 8), data=np.arange(8, dtype=np.int8), scale=0.1))
        graph = read(net.to_bytes())
        assert find_idle_biases(graph) == frozenset()
        assert lean(graph).graph.tensors[1].scales


class TestOfflinePlan:
    def test_stays_valid(self):
        graph = read(small_cnn())
        plan = plan_offline(graph, runtime="tflm-reference")
        planned = read(with_offline_plan(graph, plan))
        packed = lean(planned)
        assert packed.equal
        assert packed.graph.offline_offsets == planned.offline_offsets
        assert packed.proof.after.head_bytes == plan.head_bytes
        assert predict_arena(packed.graph).head_bytes == predict_arena(planned).head_bytes


class TestResult:
    def test_json_and_lint(self):
        packed = lean(small_cnn())
        document = json.loads(json.dumps(packed.to_json(), allow_nan=False))
        assert document["equal"] is True
        assert document["flatbuffer_bytes"] == len(packed.data) == document["flash_bytes"]
        assert document["coded"] == []
        assert document["cost"] is None
        assert lint_graph(packed.graph) == ()

    def test_saved_whole_or_not_at_all(self, tmp_path):
        packed = lean(small_cnn(), prove=False)
        assert packed.save(tmp_path / "sub" / "lean.tflite").read_bytes() == packed.data
        (tmp_path / "file").write_text("x")
        with pytest.raises(OutputError, match="cannot be written"):
            packed.save(tmp_path / "file" / "lean.tflite")
        assert list((tmp_path / "sub").iterdir()) == [tmp_path / "sub" / "lean.tflite"]

    def test_a_path_and_a_missing_one(self, tmp_path):
        path = tmp_path / "model.tflite"
        path.write_bytes(small_cnn())
        assert lean(path, prove=False).data == lean(small_cnn(), prove=False).data
        with pytest.raises(ModelError, match="cannot be read"):
            lean(tmp_path / "none.tflite")
