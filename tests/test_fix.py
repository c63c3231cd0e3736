"""What is mended in a finished file: each kind of step, its proof, and what is refused rather than handed out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tests.models import OPTIONS, Net, hybrid, schema, small_cnn
from tests.test_model_lint import CODE, behind_dequantise, dead_branch, unsigned_ends
from tests.test_shapes import dilated, reshaped_open_batch
from tinykit.ground.errors import ModelError
from tinykit.handover.fix import mend
from tinykit.model.graph.reading import read
from tinykit.model.graph.shapes import find_contradictions
from tinykit.model.lint import lint_graph
from tinykit.predict.runtime.refusal import diagnose
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.session import Session
from tinykit.show.cli.main import main


def open_batch(code: str) -> bytes:
    """A reshape whose target is computed by an operator that TFLM does not have, or that waits for a shape."""
    net = Net((1, 12), dtype="float32", batch=-1)

    def constant(values):
        return net.tensor(np.shape(values), dtype="int32", data=np.asarray(values, np.int32))

    values, sizes = net.last, net.tensor((2,), dtype="int32")
    net.use("SHAPE", [values], [sizes], OPTIONS.ShapeOptions, schema.ShapeOptionsT(outType=2))
    if code == "REDUCE_PROD":
        wanted = net.tensor((1,), dtype="int32")
        net.use(code, [sizes, constant([0])], [wanted], OPTIONS.ReducerOptions, schema.ReducerOptionsT(keepDims=True))
        net.use("RESHAPE", [values, wanted], [net.tensor((12,))], OPTIONS.ReshapeOptions, schema.ReshapeOptionsT())
    else:
        zeros, filled = net.tensor((), data=np.float32(2)), net.tensor((1, 12))
        net.use("FILL", [sizes, zeros], [filled], OPTIONS.FillOptions, schema.FillOptionsT())
        net.last = values
        net.add(filled)
    return net.unary("LOGISTIC").to_bytes()


def float_ends() -> bytes:
    return Net((1, 9), dtype="float32").quantise().dense(3).dequantise().to_bytes()


def two_float_outputs() -> bytes:
    net = Net((1, 9), dtype="float32").quantise().dense(4)
    inner, first = net.last, net.dequantise().last
    net.dtype, net.last = "int8", inner
    net.unary("LOGISTIC").dequantise()
    net.outputs = [first, net.last]
    return net.to_bytes()


def stateful() -> bytes:
    return Net((1, 6), dtype="float32").quantise().accumulate().dequantise().to_bytes()


CASES = {
    "shapes": (dilated(), "shapes of 2 tensors", "as LiteRT on the given one, 8 inputs, at most 0 apart"),
    "half": (behind_dequantise(CODE.FLOAT16, np.ones((4, 8), np.float16)), "1 float16 weight tensors", "as LiteRT"),
    "known shapes": (reshaped_open_batch(), "3 operators of known shapes folded", "equal codes in TFLM on 8 inputs"),
    "no kernel": (open_batch("REDUCE_PROD"), "2 operators of known shapes folded", "as LiteRT on the given one"),
    "waits": (open_batch("FILL"), "1 operators of known shapes folded", "as LiteRT on the given one"),
    "float ends": (float_ends(), "2 float or uint8 ends cut: QUANTIZE, DEQUANTIZE", "inputs quantised outside"),
    "uint8 ends": (unsigned_ends(), "2 float or uint8 ends cut: QUANTIZE, QUANTIZE", "inputs quantised outside"),
    "two outputs": (two_float_outputs(), "3 float or uint8 ends cut", "inputs quantised outside"),
    "state": (stateful(), "2 float or uint8 ends cut", "inputs quantised outside"),
    "unused": (dead_branch(), "2 operators dropped whose result nobody reads", "equal codes in TFLM on 8 inputs"),
}


class TestSteps:
    @pytest.mark.parametrize("name", CASES)
    def test_each(self, name):
        model, step, proof = CASES[name]
        found = mend(read(model))
        assert any(one.startswith(step) for one in found.steps)
        assert proof in found.proof
        assert not [one.id for one in lint_graph(found.graph, notes=True) if one.fixable]
        assert diagnose(found.graph).refusal == ""
        assert found.graph.flatbuffer_bytes < len(model)
        assert mend(found.graph).steps == ()

    def test_an_open_batch_frozen_wrongly_computes_what_it_was_made_for(self):
        """LiteRT infers the shapes of the file as it came: the oracle."""
        found = mend(read(dilated()))
        given = sample_inputs(dilated(), 1, seed=5)
        oracle = Interpreter(model_content=dilated(), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        oracle.allocate_tensors()
        oracle.set_tensor(oracle.get_input_details()[0]["index"], given)
        oracle.invoke()
        with Session(found.graph.data) as session:
            made = session.run_all((given,))[0]
        assert np.array_equal(made[0], oracle.get_tensor(oracle.get_output_details()[0]["index"])[0])
        assert find_contradictions(found.graph) == ()

    def test_ends_are_those_of_the_inside(self):
        graph = mend(read(float_ends())).graph
        assert [graph.tensors[one].dtype for one in (*graph.inputs, *graph.outputs)] == ["int8", "int8"]
        assert [one.name for one in graph.operators] == ["FULLY_CONNECTED"]
        assert len(graph.tensors) == 4

    def test_an_end_that_something_else_reads_stays(self):
        net = Net((1, 9), dtype="float32").quantise()
        first = net.dequantise().last
        net.outputs = [first, net.unary("LOGISTIC").last]
        assert mend(read(net.to_bytes())).steps == ("1 float or uint8 ends cut: QUANTIZE",)

    def test_an_end_that_scales_anew_stays(self):
        """QUANTIZE from one scale to another is a step of the computation."""
        assert mend(read(unsigned_ends(scale=1 / 40))).steps == ("1 float or uint8 ends cut: QUANTIZE",)

    def test_nothing_to_mend(self):
        graph = read(small_cnn())
        found = mend(graph)
        assert (found.graph, found.steps, found.proof) == (graph, (), "nothing to mend")


class TestRefusals:
    def test_what_only_the_converter_can_mend(self):
        with pytest.raises(ModelError, match="hybrid model: (.*)\nthat cannot be mended in the file: convert"):
            mend(read(hybrid()))

    def test_shapes_that_no_batch_makes_sound(self):
        net = Net((1, 6, 3), dtype="float32")
        block, ends = (net.tensor(np.shape(one), dtype="int32", data=np.int32(one)) for one in ([2], [[0, 0]]))
        net.use("BATCH_TO_SPACE_ND", [0, block, ends], [net.tensor((1, 12, 3))],
                OPTIONS.BatchToSpaceNDOptions, schema.BatchToSpaceNDOptionsT())  # fmt: skip
        with pytest.raises(ModelError, match="its shapes contradict each other whatever the batch"):
            mend(read(net.to_bytes()))

    def test_another_answer_is_not_handed_out(self, monkeypatch):
        monkeypatch.setattr("tinykit.predict.packing.ends._same", lambda *_: False)
        with pytest.raises(ModelError, match="TFLM answers differently, so it is not handed out"):
            mend(read(float_ends()))

    def test_another_answer_than_litert_is_not_handed_out(self, monkeypatch):
        monkeypatch.setattr("tinykit.handover.fix._distance", lambda *_: 9.0)
        with pytest.raises(ModelError, match="TFLM still differs from LiteRT by 9, so it is not handed out"):
            mend(read(dilated()))

    def test_an_output_of_another_shape_than_the_file_says(self, monkeypatch):
        def reshape(*_, **__):
            raise ValueError("cannot reshape array of size 24")

        monkeypatch.setattr(Session, "run_all", reshape)
        monkeypatch.setattr("tinykit.predict.runtime.refusal._ask", lambda graph: ("", 64))
        with pytest.raises(ModelError, match="an output changes its shape as it runs .*; convert it again"):
            mend(read(dilated()))

    def test_an_output_of_another_size_than_litert_makes(self, monkeypatch):
        made = iter([(np.zeros((8, 0, 7), np.int8),), (np.zeros((8, 2, 7), np.int8),)])
        monkeypatch.setattr(Session, "run_all", lambda *_, **__: next(made))
        monkeypatch.setattr("tinykit.predict.runtime.refusal._ask", lambda graph: ("", 64))
        with pytest.raises(ModelError, match=r"an output changes its shape as it runs \(operands could not be"):
            mend(read(dilated()))


class TestCommand:
    @pytest.fixture
    def model(self, tmp_path):
        path = tmp_path / "model.tflite"
        path.write_bytes(dilated())
        return path

    def test_written_and_told(self, model, tmp_path, capsys):
        better = tmp_path / "better.tflite"
        assert main(["lint", str(model), "--fix", "--out", str(better)]) == 0, "what came of it runs"
        told = capsys.readouterr().out
        assert "mended: shapes of 2 tensors as their operators make them\n" in told
        assert f"{better}: written; what is left:\n" in told
        assert main(["lint", str(better)]) == 0

    def test_json(self, model, tmp_path, capsys):
        main(["lint", str(model), "--fix", "--out", str(tmp_path / "b.tflite"), "--json"])
        document = json.loads(capsys.readouterr().out)
        assert document["fixed"]["sha256"] == document["model"]["sha256"] == read(tmp_path / "b.tflite").sha256
        assert document["refusal"] is None

    def test_nothing_written(self, tmp_path, capsys):
        path = tmp_path / "m.tflite"
        path.write_bytes(small_cnn())
        assert main(["lint", str(path), "--fix", "--out", str(tmp_path / "b.tflite")]) == 0
        assert "nothing to mend\nnothing written\n" in capsys.readouterr().out
        assert not (tmp_path / "b.tflite").exists()

    @pytest.mark.parametrize("options", [["--fix"], ["--out", "b.tflite"]])
    def test_both_or_none(self, model, options, capsys):
        assert main(["lint", str(model), *options]) == 2
        assert "--fix and --out go together" in capsys.readouterr().err
