"""Layer by layer: float against integer, with the tensors an interpreter really holds."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.codegen_graphs import random_model
from tests.models import Net, autoencoder, residual, small_cnn
from tests.packing_models import pack, thin_out, unpack, wide_cnn
from tinykit.ground.errors import DataError, ModelError
from tinykit.model.graph.reading import read
from tinykit.predict.packing.decoding import code_weights
from tinykit.predict.packing.leaning import lean
from tinykit.predict.runtime.codes import dequantise
from tinykit.predict.runtime.layers import LayerError, compare_layers, match_operators
from tinykit.predict.runtime.session import Session
from tinykit.show.cli.main import main

NUMPY = {0: np.float32, 2: np.int32, 4: np.int64, 7: np.int16, 9: np.int8}


def to_float(model: bytes) -> bytes:
    """The float parent of an integer model: every constant with a scale as the real numbers it stands for."""
    tree = unpack(model)
    for tensor in tree.subgraphs[0].tensors:
        quantisation = tensor.quantization
        if quantisation is None or quantisation.scale is None:
            continue
        data = tree.buffers[tensor.buffer].data
        if tensor.buffer and data is not None:
            values = np.asarray(data, np.uint8).view(NUMPY[tensor.type]).reshape(tensor.shape).astype(np.float64)
            along = [1] * values.ndim
            along[quantisation.quantizedDimension or 0] = -1
            scales = np.asarray(quantisation.scale, np.float64)
            zeros = np.asarray(quantisation.zeroPoint, np.float64)
            scales, zeros = (one.reshape(along) if one.size > 1 else one for one in (scales, zeros))
            tree.buffers[tensor.buffer].data = ((values - zeros) * scales).astype(np.float32).view(np.uint8).ravel()
        tensor.type, tensor.quantization = 0, None
    return pack(tree)


def samples(model: bytes, n: int = 6, seed: int = 0) -> np.ndarray:
    info = read(model).tensors[read(model).inputs[0]]
    q = np.random.default_rng(seed).integers(-128, 128, (n, *info.shape[1:]))
    return dequantise(q, info.scales[0], info.zero_points[0])


def compare(model: bytes, **options):
    return compare_layers(read(to_float(model)), read(model), samples(model), **options)


class TestTensorsOfTheInterpreter:
    @pytest.mark.parametrize("engine", ["tflm", "litert-reference"])
    def test_are_what_a_model_with_more_outputs_gives(self, engine):
        """Every operator's output made an output of the model: no interpreter may overwrite those."""
        model = residual()
        graph, tree = read(model), unpack(model)
        wanted = [op.outputs[0] for op in graph.operators]
        tree.subgraphs[0].outputs = wanted
        x = np.random.default_rng(1).integers(-128, 128, (3, 6, 6, 4)).astype(np.int8)
        with Session(pack(tree), engine=engine) as open_one, Session(model, engine=engine) as session:
            expected = open_one.run_all(x)
            given = session.run_tensors(x, wanted)
            assert session.run(x).tobytes() == given[-1].tobytes()
        for one, other in zip(expected, given, strict=True):
            assert one.tobytes() == other.tobytes()

    def test_a_tensor_that_is_not_there(self):
        with Session(small_cnn(), engine="litert-reference") as session, pytest.raises(ModelError, match=r"[Tt]ensor"):
            session.run_tensors(np.zeros((1, 8, 8, 1), np.int8), [9999])


class TestNumbers:
    def test_by_hand_for_one_dense_operator(self):
        model = Net((1, 12)).dense(5, per_channel=False).to_bytes()
        graph, x = read(model), samples(model)
        _, weights, bias, out = graph.tensors
        real = x @ (graph.constant(1) * weights.scales[0]).T.astype(np.float64) + graph.constant(2) * bias.scales[0]
        with Session(model) as session:
            q = session.run(np.rint(x / graph.tensors[0].scales[0] - 3).astype(np.int8))
        got = (q.astype(np.float64) - out.zero_points[0]) * out.scales[0]
        (layer,) = compare(model).layers
        assert layer.sqnr_db == pytest.approx(10 * math.log10((real**2).sum() / ((got - real) ** 2).sum()), rel=1e-4)
        cosine = (real * got).sum() / math.sqrt((real**2).sum() * (got**2).sum())
        assert layer.cosine == pytest.approx(cosine, rel=1e-6)
        assert layer.largest_error == pytest.approx(np.abs(got - real).max(), rel=1e-4)

    @pytest.mark.parametrize("model", [small_cnn(), residual(), autoencoder()])
    def test_a_sound_model_is_close_everywhere(self, model):
        comparison = compare(model)
        assert len(comparison.layers) == len(read(model).operators)
        assert all(one.matched_by == "name" for one in comparison.layers)
        assert comparison.unmatched == ()
        assert [one.sqnr_db for one in comparison.worst_first] == sorted(one.sqnr_db for one in comparison.layers)

    def test_a_layer_with_too_small_a_range_is_the_worst(self):
        tree = unpack(autoencoder())
        out = tree.subgraphs[0].tensors[int(tree.subgraphs[0].operators[2].outputs[0])]
        model = autoencoder()
        sound = {one.operator: one for one in compare(model).layers}
        out.quantization.scale = out.quantization.scale * np.float32(0.02)
        spoilt = pack(tree)
        comparison = compare_layers(read(to_float(model)), read(spoilt), samples(model))
        own = {one.operator: one for one in comparison.layers}
        assert own[2].clipped > sound[2].clipped
        assert own[2].sqnr_db < sound[2].sqnr_db - 10
        assert own[1].sqnr_db == sound[1].sqnr_db

    def test_int16_activations_are_finer(self):
        net = Net((1, 12), dtype="int16", zero_point=0, scale=1 / 4096)
        net.dense(6, per_channel=False)
        tree = unpack(net.to_bytes())
        graph = tree.subgraphs[0]
        graph.tensors[3].quantization.zeroPoint = np.zeros(1, np.int64)
        bias = graph.tensors[2]
        bias.type = 4
        data = np.asarray(tree.buffers[bias.buffer].data, np.uint8).view(np.int32).astype(np.int64)
        tree.buffers[bias.buffer].data = data.view(np.uint8)
        model = pack(tree)
        x = np.random.default_rng(0).normal(0, 1, (4, 12))
        (layer,) = compare_layers(read(to_float(model)), read(model), x).layers
        assert layer.sqnr_db > 40

    def test_json_says_null_where_nothing_differs(self):
        model = Net((1, 2, 6)).reshape((1, 12)).to_bytes()
        comparison = compare(model)
        assert comparison.layers[0].sqnr_db == math.inf
        document = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
        assert document["layers"][0]["sqnr_db"] is None
        assert document["n"] == 6

    def test_a_dead_layer_has_no_cosine(self):
        tree = unpack(Net((1, 8)).dense(4, "RELU").to_bytes())
        for place in (1, 2):
            buffer = tree.buffers[tree.subgraphs[0].tensors[place].buffer]
            buffer.data = np.zeros_like(np.asarray(buffer.data, np.uint8))
        tree.subgraphs[0].tensors[3].quantization.zeroPoint = np.array([-128])
        (layer,) = compare(pack(tree)).layers
        assert layer.cosine is None
        assert layer.sqnr_db == math.inf


class TestMatching:
    def test_by_order_where_names_are_gone(self):
        model = small_cnn()
        named = compare(model)
        bare = compare_layers(read(to_float(model)), lean(model, prove=False).graph, samples(model))
        assert {one.matched_by for one in bare.layers} == {"order"}
        assert [one.sqnr_db for one in bare.layers] == [one.sqnr_db for one in named.layers]

    def test_decode_operators_are_passed_over(self):
        model = thin_out(wide_cnn(), zeros=0.8)
        packed = code_weights(model)
        plain = compare(model)
        coded = compare_layers(read(to_float(model)), packed.graph, samples(model))
        assert [one.sqnr_db for one in coded.layers] == [one.sqnr_db for one in plain.layers]
        assert coded.unmatched == ()

    def test_float_ends_have_no_counterpart_and_need_none(self):
        net = Net((1, 12), dtype="float32").quantise().dense(4).dequantise()
        inner = Net((1, 12), scale=1 / 50, zero_point=3).dense(4)
        comparison = compare_layers(
            read(to_float(inner.to_bytes())), read(net.to_bytes()), np.random.default_rng(0).normal(0, 1, (3, 12))
        )
        assert [one.name for one in comparison.layers] == ["FULLY_CONNECTED"]
        assert comparison.unmatched == ()

    @pytest.mark.parametrize("seed", range(25))
    def test_a_model_matches_itself_operator_by_operator(self, seed):
        graph = read(random_model(seed))
        pairs = match_operators(graph, graph.operators, graph, graph.operators)
        assert [(one, other) for one, other, _ in pairs] == [(op.index, op.index) for op in graph.operators]

    def test_decorated_names(self):
        plain, dressed = (Net((1, 8)).dense(4).dense(4) for _ in range(2))
        for net, names in ((plain, ("m/dense/Relu;m/dense/BiasAdd", "Identity")),
                           (dressed, ("m/quant_dense/Relu;x", "Identity:0_int8"))):  # fmt: skip
            for operator, name in zip(net.operators, names, strict=True):
                net.tensors[operator.outputs[0]].name = name
        one, other = read(plain.to_bytes()), read(dressed.to_bytes())
        assert match_operators(one, one.operators, other, other.operators) == ((0, 0, "name"), (1, 1, "name"))

    def test_an_operator_one_model_lacks_is_skipped(self):
        one = read(small_cnn())
        steps = [op for op in one.operators if op.name != "RESHAPE"]
        pairs = match_operators(one, one.operators, one, steps)
        assert [a for a, _, _ in pairs] == [a.index for a in steps] == [b for _, b, _ in pairs]

    def test_very_many_operators_go_by_name_alone(self, monkeypatch):
        graph = read(small_cnn())
        monkeypatch.setattr("tinykit.predict.runtime.layers._MOST_PAIRS", 1)
        pairs = match_operators(graph, graph.operators, graph, graph.operators)
        assert len(pairs) == len(graph.operators)


class TestCommand:
    def test_verify_tells_layer_by_layer(self, tmp_path, capsys):
        model, parent = tmp_path / "int8.tflite", tmp_path / "float.tflite"
        model.write_bytes(small_cnn())
        parent.write_bytes(to_float(small_cnn()))
        assert main(["verify", str(model), "--against", str(parent), "--layers"]) == 0
        said = capsys.readouterr().out
        assert "float against integer, worst layer first, n=32:" in said
        assert "SOFTMAX 5: SQNR" in said
        assert main(["verify", str(model), "--against", str(parent), "--layers", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert len(document["layers"]["layers"]) == 6
        assert main(["verify", str(model), "--layers"]) == 2
        assert "--against FLOAT.tflite" in capsys.readouterr().err


class TestRefusals:
    def test_another_network(self):
        with pytest.raises(ModelError, match="none of the 1 operators has a counterpart"):
            compare_layers(read(to_float(autoencoder())), read(Net((1, 3)).dense(7).to_bytes()), np.zeros((1, 3)))

    def test_wrong_number_of_inputs(self):
        model = small_cnn()
        with pytest.raises(DataError, match="1 inputs, got 2"):
            compare_layers(read(to_float(model)), read(model), (samples(model), samples(model)))

    def test_labels_hold_no_text_of_the_file(self):
        model = Net((1, 8)).dense(3)
        model.tensors[-1].name = "<b>$x$</b>"
        (layer,) = compare(model.to_bytes()).layers
        assert layer.label == "FULLY_CONNECTED 0"
        assert "<" not in str(layer)
        assert LayerError(3, 3, "CUSTOM:<b>$x", "", "order", 1.0, None, 0.0, 0.0).label == "CUSTOM:?b??x 3"
