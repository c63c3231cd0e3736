"""Each rule of the lint: a file that trips it, one that must not, and what TFLM says of both."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.models import OPTIONS, Net, hybrid, schema, small_cnn
from tests.packing_models import thin_out
from tests.test_graph import half_hybrid, normalised, pack, tree
from tests.test_shapes import dilated, reshaped_open_batch
from tinykit.model.graph.reading import read
from tinykit.model.lint import Severity, lint_graph, list_rules
from tinykit.predict.runtime.refusal import diagnose
from tinykit.show.cli.main import main

CODE = schema.TensorType
WIDE = Net((1, 40)).dense(16).to_bytes()
PLAIN = Net((1, 8, 8, 1)).conv(4).flatten().dense(4, per_channel=False).softmax().to_bytes()


def custom(name: str) -> bytes:
    return Net((1, 8)).custom(name).to_bytes()


def behind_dequantise(kind: int, values: np.ndarray) -> bytes:
    """A float layer whose weights are constants of another type, made float by DEQUANTIZE."""
    net = Net((1, 8), dtype="float32")
    stored = net.tensor((4, 8), dtype="int8" if values.dtype == np.int8 else "float32", data=values, scale=0.1)
    net.tensors[stored].type = kind
    weights = net.tensor((4, 8))
    net.use("DEQUANTIZE", [stored], [weights], OPTIONS.DequantizeOptions, schema.DequantizeOptionsT())
    options = schema.FullyConnectedOptionsT()
    net.use("FULLY_CONNECTED", [0, weights, -1], [net.tensor((1, 4))], OPTIONS.FullyConnectedOptions, options)
    return net.to_bytes()


def changed(model: bytes, act) -> bytes:
    found = tree(model)
    act(found)
    return pack(found)


def unsigned(model: bytes) -> bytes:
    def act(found):
        for tensor in found.subgraphs[0].tensors:
            tensor.type = CODE.UINT8 if tensor.type == CODE.INT8 else tensor.type

    return changed(model, act)


def unsigned_ends(scale: float = 1 / 50) -> bytes:
    """uint8 at both ends, as a converter makes them of int8: the same scale, 128 more of a zero point."""
    net = Net((1, 9), scale=scale, zero_point=131)
    net.quantise(1 / 50, 3).dense(3, per_channel=False)
    net.quantise(net.scale, net.zero_point + 128)
    for index in (net.inputs[0], net.last):
        net.tensors[index].type = CODE.UINT8
    return net.to_bytes()


def doubled(model: bytes) -> bytes:
    return changed(model, lambda found: found.subgraphs.append(found.subgraphs[0]))


def opened(*signature: int) -> bytes:
    net = Net((1, 8, 8, 1))
    net.tensors[0].shapeSignature = list(signature)
    return net.conv(2).to_bytes()


def dead_branch() -> bytes:
    net = Net((1, 8))
    net.unary("LOGISTIC").unary("TANH").last = 0
    return net.dense(3, per_channel=False).to_bytes()


def shared_weights(steps: int) -> bytes:
    net = Net((1, 8)).dense(8, per_channel=False)
    first = net.operators[-1]
    for _ in range(steps - 1):
        out = net.tensor((1, 8), scale=net.scale)
        inputs = [net.last, *first.inputs[1:]]
        net.use("FULLY_CONNECTED", inputs, [out], OPTIONS.FullyConnectedOptions, schema.FullyConnectedOptionsT())
    return net.to_bytes()


def prod_of_shape() -> bytes:
    net = Net((1, 12), batch=-1)
    values, sizes, all_of_it = net.last, net.tensor((2,), dtype="int32"), net.tensor((1,), dtype="int32")
    net.use("SHAPE", [values], [sizes], OPTIONS.ShapeOptions, schema.ShapeOptionsT(outType=2))
    axis = net.tensor((1,), dtype="int32", data=np.int32([0]))
    options = schema.ReducerOptionsT(keepDims=True)
    net.use("REDUCE_PROD", [sizes, axis], [all_of_it], OPTIONS.ReducerOptions, options)
    out = net.tensor((12,))
    return net.use("RESHAPE", [values, all_of_it], [out], OPTIONS.ReshapeOptions, schema.ReshapeOptionsT()).to_bytes()


def without_data() -> bytes:
    """A kernel whose buffer the file does not hold."""
    net = Net((1, 8)).dense(4)
    net.tensors[net.operators[0].inputs[1]].buffer = 0
    return net.to_bytes()


def variable_with_data() -> bytes:
    """Weights in a tensor that is marked as a variable: TFLM gives it a place of its own and copies nothing there."""
    net = Net((1, 8)).dense(4)
    net.tensors[net.operators[0].inputs[1]].isVariable = True
    return net.to_bytes()


@pytest.mark.parametrize("model", [without_data(), variable_with_data()])
def test_what_would_be_computed_of_chance_is_not_asked_for(model, monkeypatch):
    """TFLM would loop, die or answer by what lies in memory: neither is an answer."""

    def ask(graph):
        raise AssertionError("the interpreter was asked")

    monkeypatch.setattr("tinykit.predict.runtime.refusal._ask", ask)
    found = diagnose(read(model))
    assert found.refusal.startswith("TFLM computes something else: tensor 1 of operator 0 (FULLY_CONNECTED) is neither")
    assert found.causes[0].id == "no-data"


CASES = {
    "no-data": (without_data(), PLAIN),
    "stored-shape": (dilated(1), dilated(2)),
    "open-batch-loop": (custom("FlexTensorListReserve"), custom("FlexErf")),
    "augmentation-left-in": (custom("FlexStatelessRandomUniformV2"), custom("FlexErf")),
    "flex-operator": (custom("FlexErf"), custom("FlexTensorListStack")),
    "sparse-encoding": (Net((1, 8)).unary("DENSIFY").to_bytes(), PLAIN),
    "compiled-by-vela": (custom("ethos-u"), custom("ethos")),
    "compiled-for-xcore": (custom("XC_conv2d_v2"), custom("conv2d")),
    "compiled-for-accelerator": (custom("edgetpu-custom-op"), custom("edge")),
    "hybrid": (half_hybrid(), PLAIN),
    "float16-weights": (behind_dequantise(CODE.FLOAT16, np.ones((4, 8), np.float16)), small_cnn("float32")),
    "legacy-uint8": (unsigned(PLAIN), PLAIN),
    "fake-quantised": (Net((1, 9), dtype="float32").quantise().dequantise().dense(3).to_bytes(),
                       Net((1, 9), dtype="float32").quantise().dense(3).dequantise().to_bytes()),
    "dequantised-weights": (behind_dequantise(CODE.INT8, np.ones((4, 8), np.int8)), small_cnn("float32")),
    "no-kernel": (Net((1, 8)).unary("GELU").to_bytes(), PLAIN),
    "shape-kernel": (prod_of_shape(), PLAIN),
    "custom-operator": (custom("<script>"), custom("SignalWindow")),
    "subgraphs": (doubled(PLAIN), doubled(Net((1, 4)).accumulate().to_bytes())),
    "open-size": (opened(-1, -1, 8, 1), opened(-1, 8, 8, 1)),
    "batch": (Net((4, 8)).dense(2).to_bytes(), Net((49, 10)).reshape((1, 490)).to_bytes()),
    "float32": (small_cnn("float32"), PLAIN),
    "float-ends": (Net((1, 9), dtype="float32").quantise().dense(3).dequantise().to_bytes(), PLAIN),
    "float-inside": (Net((1, 8)).dense(4).dequantise().unary("ELU").quantise().dense(2).to_bytes(), PLAIN),
    "unfolded-normalisation": (normalised(Net((1, 8)).dense(4)).to_bytes(), PLAIN),
    "decode": (custom("TFLM_DECODE"), PLAIN),
    "one-point-calibration": (Net((1, 8), scale=1e-9).dense(2).to_bytes(), PLAIN),
    "unused-operator": (dead_branch(), Net((1, 4)).accumulate().to_bytes()),
    "shape-arithmetic": (reshaped_open_batch(), PLAIN),
    "input-range": (PLAIN, small_cnn("float32")),
    "uint8-ends": (unsigned_ends(), PLAIN),
    "per-channel-dense": (Net((1, 8)).dense(4).to_bytes(), PLAIN),
    "newer-runtime": (Net((1, 8)).dense(4).unary("ELU").to_bytes(), PLAIN),
    "zeros-stored": (thin_out(WIDE, zeros=0.8), WIDE),
    "unrolled-recurrence": (shared_weights(4), shared_weights(2)),
    "slow-kernel": (Net((1, 8)).dense(4).unary("LOGISTIC").to_bytes(), PLAIN),
    "state": (Net((1, 4)).accumulate().to_bytes(), PLAIN),
    "signal-library": (custom("SignalWindow"), custom("Window")),
    "resolver": (PLAIN, Net((1, 8)).unary("GELU").to_bytes()),
}  # fmt: skip
ASKED = {
    "int16-kernel": (Net((1, 8), dtype="int16").unary("ELU").to_bytes(), PLAIN),
    "refused": (Net((1, 8)).unary("FLOOR").to_bytes(), Net((1, 8), dtype="float32").unary("FLOOR").to_bytes()),
}
"""Rules that only the interpreter can tell."""


def ids(model: bytes) -> set[str]:
    return {one.id for one in lint_graph(read(model), notes=True)}


class TestRules:
    def test_each_has_its_files(self):
        assert set(CASES) | set(ASKED) == set(list_rules())

    @pytest.mark.parametrize("rule", CASES)
    def test_a_file_that_trips_it_and_one_that_must_not(self, rule):
        trips, sound = CASES[rule]
        assert rule in ids(trips)
        assert rule not in ids(sound)

    @pytest.mark.parametrize("rule", ASKED)
    def test_told_by_the_interpreter(self, rule):
        trips, sound = ASKED[rule]
        assert rule in {one.id for one in diagnose(read(trips)).causes}
        assert diagnose(read(sound)).refusal == ""

    @pytest.mark.parametrize("rule", CASES)
    def test_an_error_is_one_for_tflm_too(self, rule):
        """The interpreter refuses what the rule calls an error, unless the rule says that TFLM does not notice."""
        row, graph = list_rules()[rule], read(CASES[rule][0])
        error = row.severity is Severity.ERROR
        assert not error or diagnose(graph).refusal.startswith(
            "TFLM computes something else" if row.runs else "the TFLM interpreter refuses this model"
        )

    @pytest.mark.parametrize("rule", CASES)
    def test_every_word_is_filled_in(self, rule):
        (found,) = [one for one in lint_graph(read(CASES[rule][0]), notes=True) if one.id == rule]
        assert "$" not in found.meaning + found.cure + found.where
        assert all((found.meaning, found.cure, found.where))

    def test_notes_are_told_where_they_are_asked_for(self):
        graph = read(small_cnn())
        assert lint_graph(graph) == ()
        assert {one.severity for one in lint_graph(graph, notes=True)} == {Severity.NOTE}

    def test_an_open_batch_that_harms_nothing_says_nothing(self):
        assert lint_graph(read(Net((1, 8), batch=-1).dense(2).to_bytes())) == ()

    def test_the_inputs_stand_in_the_lines_to_paste(self):
        two = Net((1, 8), batch=-1).second_input()
        two.custom("FlexTensorListReserve")
        (found,) = [one for one in lint_graph(read(two.to_bytes())) if one.id == "open-batch-loop"]
        assert "([tf.TensorSpec([1, 8], tf.float32), tf.TensorSpec([1, 8], tf.float32)])" in found.cure

    def test_a_size_that_is_open_is_left_to_the_reader(self):
        (found,) = [one for one in lint_graph(read(opened(-1, -1, 8, 1))) if one.id == "open-size"]
        assert "tf.TensorSpec([1, SIZE, 8, 1], tf.float32)" in found.cure
        assert found.meaning.startswith(
            "input 0 leaves sizes beside the batch open (?×?×8×1): TFLM plans and computes with"
        )

    def test_the_resolver_has_as_many_calls_as_it_says(self):
        (found,) = [one for one in lint_graph(read(PLAIN), notes=True) if one.id == "resolver"]
        calls = [line for line in found.cure.splitlines() if line.startswith("resolver.Add")]
        assert f"MicroMutableOpResolver<{len(calls)}>" in found.cure
        assert (calls, len(calls)) == (sorted(calls), 4)

    def test_the_resolver_serves_the_subgraph_that_variables_begin_with(self):
        def act(found):
            found.operatorCodes.append(schema.OperatorCodeT(builtinCode=schema.BuiltinOperator.FILL))
            found.operatorCodes[-1].deprecatedBuiltinCode = found.operatorCodes[-1].builtinCode
            found.subgraphs.append(found.subgraphs[0])

        model = changed(Net((1, 4)).accumulate().to_bytes(), act)
        (found,) = [one for one in lint_graph(read(model), notes=True) if one.id == "resolver"]
        assert "resolver.AddFill();" in found.cure
        assert "MicroMutableOpResolver<5>" in found.cure


class TestDiagnosis:
    def test_what_runs(self):
        found = diagnose(read(PLAIN))
        assert (found.refusal, found.reasons, found.causes) == ("", (), ())
        assert found.head_bytes > 0

    def test_without_the_interpreter_the_file_alone_answers(self):
        found = diagnose(read(hybrid()), use_engine=False)
        assert found.refusal.startswith("TFLM does not run this model: hybrid model")
        assert diagnose(read(PLAIN), use_engine=False).refusal == ""

    def test_where_it_runs_the_interpreter_knows_better(self, monkeypatch):
        monkeypatch.setattr("tinykit.predict.runtime.refusal._ask", lambda graph: ("", 64))
        assert diagnose(read(hybrid())).causes == ()

    def test_shapes_that_contradict_are_the_cause_of_a_refusal_too(self, monkeypatch):
        """TFLM looks at a few shapes itself, as at the elements of a reshape."""
        monkeypatch.setattr("tinykit.predict.runtime.refusal._ask", lambda graph: ("TFLM refused operator 1", None))
        found = diagnose(read(dilated()))
        assert [one.id for one in found.causes] == ["stored-shape"]
        assert found.refusal == "the TFLM interpreter refuses this model: TFLM refused operator 1"

    def test_a_quantisation_aware_model_converted_without_optimisations(self):
        """As the converter writes it: uint8, which TFLM's QUANTIZE does not make of floats, and shapes left out."""
        net = Net((1, 8), dtype="float32")
        weights = net.tensor((4, 8), data=np.ones((4, 8), np.float32))
        rounded, again = net.tensor((), dtype="int8", scale=0.1), net.tensor(())
        net.tensors[rounded].type = CODE.UINT8
        net.use("QUANTIZE", [weights], [rounded], OPTIONS.QuantizeOptions, schema.QuantizeOptionsT())
        net.use("DEQUANTIZE", [rounded], [again], OPTIONS.DequantizeOptions, schema.DequantizeOptionsT())
        out = net.tensor((1, 4))
        options = schema.FullyConnectedOptionsT()
        net.use("FULLY_CONNECTED", [0, again, -1], [out], OPTIONS.FullyConnectedOptions, options)
        graph = read(net.to_bytes())
        assert (graph.tensors[again].shape, graph.macs) == ((4, 8), 32)
        found = diagnose(graph)
        assert [one.id for one in found.causes] == ["fake-quantised"]
        assert "converter.optimizations = [tf.lite.Optimize.DEFAULT]" in found.cures[0]


class TestCommand:
    @pytest.fixture
    def tell(self, tmp_path, capsys):
        def run(verb: str, model: bytes, *options: str):
            path = tmp_path / "model.tflite"
            path.write_bytes(model)
            status = main([verb, str(path), *options])
            return status, capsys.readouterr().out

        return run

    def test_exit_status(self, tell):
        assert tell("lint", PLAIN)[0] == 0
        assert tell("lint", small_cnn("float32"))[0] == 0, "a warning does not keep it from running"
        assert tell("lint", hybrid())[0] == tell("lint", dilated())[0] == 1

    def test_json(self, tell):
        document = json.loads(tell("lint", hybrid(), "--json")[1])
        assert {"id", "severity", "where", "meaning", "cure", "fixable"} == set(document["findings"][0])
        assert document["findings"][0]["id"] == "hybrid"
        assert document["model"]["macs"] is None
        assert document["refusal"].startswith("the TFLM interpreter refuses this model")
        assert json.loads(tell("lint", PLAIN, "--json")[1])["refusal"] is None

    def test_lines_to_paste(self, tell):
        told = tell("lint", Net((1, 8)).custom("FlexTensorListReserve").to_bytes())[1]
        assert "error open-batch-loop, operators 0\n" in told
        assert "    fixed = tf.function(model).get_concrete_function(tf.TensorSpec([1, 8], tf.float32))\n" in told

    @pytest.mark.parametrize("model", [hybrid(), dilated()])
    def test_nothing_is_told_as_if_it_ran(self, tell, model):
        told = tell("inspect", model)[1]
        assert not {"MACs,", "starts"} & set(told.split())
        document = json.loads(tell("inspect", model, "--json")[1])
        assert (document["arena"], document["model"]["macs"]) == (None, None)
        assert "macs" not in document["operators"][0]
        for verb in ("fit", "compare"):
            document = json.loads(tell(verb, model, "--json")[1])
            assert document["model"]["macs"] is None
            for one in document["results"]:
                if one["runtime"].startswith("tflm-"):
                    figures = ("arena_bytes", "flash_bytes", "latency_s", "energy_per_inference_j")
                    assert ([one[figure] for figure in figures], one["regions"]) == ([None] * 4, [])
                    assert one["advice"]
            told = tell(verb, model)[1]
            assert "KiB" not in told
            assert told.count("get_concrete_function") + told.count("converter.representative_dataset = ") == 1

    def test_no_placement_of_it_fits(self, tell):
        document = json.loads(tell("fit", hybrid(), "--board", "nucleo-h743zi2", "--json")[1])
        assert "placements" not in document["results"][0]

    @pytest.mark.parametrize("verb", ["plan", "pack", "deploy"])
    def test_nothing_is_made_of_it(self, tell, tmp_path, capsys, verb):
        (tmp_path / "m.tflite").write_bytes(dilated())
        assert main([verb, str(tmp_path / "m.tflite"), "--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr().err
        assert "TFLM computes something else: operator 0 (SPACE_TO_BATCH_ND)" in said
        assert said.endswith("`tinykit lint` prints the lines to paste\n")
        assert not (tmp_path / "out").exists()

    def test_what_runs_is_told_as_before(self, tell):
        document = json.loads(tell("inspect", PLAIN, "--json")[1])
        assert document["model"]["macs"] == sum(one["macs"] for one in document["operators"]) > 0
        assert math.isfinite(document["arena"]["to_start_bytes"])
