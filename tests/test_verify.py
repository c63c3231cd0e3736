"""What `verify` says follows from size and place of a difference; the interpreters themselves are the oracle."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

import tinykit as tk
from tests.codegen_graphs import random_model
from tests.models import OPTIONS, Net, autoencoder, hybrid, residual, schema, small_cnn
from tests.verify_models import (
    float_ends,
    frozen_batch,
    looked_up,
    lstm,
    old_bias_axis,
    raw_integers,
    streaming,
    svdf,
    two_heads,
    wide_sum,
    wrong_tanh,
)
from tinykit.ground.errors import DataError, ModelError, ParameterError, TinykitError
from tinykit.handover.deployment.writing import make_golden_vectors
from tinykit.model.graph.schema import TYPE_NAMES
from tinykit.predict import Session, compare_layers, read_inputs, run_model, sample_inputs, verify_model
from tinykit.predict.runtime.agreement import EQUAL, judge, judge_network
from tinykit.predict.runtime.rounding import allow_steps, count_steps, find_step
from tinykit.predict.runtime.session import ENGINES
from tinykit.predict.runtime.verify import Answers, compare_answers
from tinykit.show.cli.main import main
from tinykit.show.cli.verifying import _ask_virtual_board

REFERENCE = ("litert-reference",)


def check(model, n=8, **options):
    return verify_model(model, sample_inputs(model, n), **options)


class TestVerdict:
    def test_nothing_differs(self):
        found = check(Net((1, 8, 8, 1)).conv(4).to_bytes(), references=REFERENCE)
        assert (found.same, found.verdict) == (True, EQUAL)
        assert found["litert-reference"].verdict.first is None

    def test_rounding_is_named_by_operator(self):
        """TFLM rounds a fully connected accumulator twice; no other operator of the network differs."""
        found = check(autoencoder(width=64), 32)["litert-reference"]
        assert (found.verdict.kind, found.verdict.same) == ("rounding", True)
        assert {one.name for one in found.verdict.operators} == {"FULLY_CONNECTED"}
        assert all(one.steps == one.allowed == 1 for one in found.verdict.operators)
        assert f"at most {found.max_difference} LSB" in found.explanation

    def test_an_operator_that_computes_something_else(self):
        """TFLM takes the output scale of TANH for 1/128, as the int8 specification has it, whatever the file says."""
        found = check(wrong_tanh())
        first = found.verdict.first
        assert (found.same, first.label, first.tensor) == (False, "TANH 1", "t4")
        assert first.steps > 10 * first.allowed
        tflm, other = first.exact
        assert (tflm > 10, other < 1) == (True, True)
        assert "these two do not compute the same: first at operator 1 TANH" in str(found)

    def test_the_other_may_be_wrong(self):
        """LiteRT's reference kernel of SUM is; its other two kernel sets, TFLM and exact arithmetic agree."""
        model = wide_sum()
        found = check(model)
        assert [one.verdict.kind for one in found.comparisons] == ["backed", "rounding", "rounding"]
        assert (found.same, found.verdict.first.label, found.verdict.first.backed) == (True, "SUM 0", True)
        assert str(found.verdict).startswith("TFLM computes right what the other does not: operator 0 SUM")
        assert len(make_golden_vectors(model)[0]) == 3

    def test_later_operators_do_not_hide_it(self):
        hidden = Net((1, 12)).dense(8)
        hidden.use("TANH", [hidden.last], [hidden.tensor(hidden.shape, scale=1 / 60)])
        hidden.unary("LOGISTIC").dense(4)
        assert check(hidden.to_bytes(), references=REFERENCE).verdict.first.label == "TANH 1"

    @pytest.mark.parametrize("dtype", ["float32", "int8"])
    def test_a_batch_frozen_wrongly(self, dtype):
        found = check(frozen_batch(dtype))
        assert not found.same
        assert found.verdict.first.label == "SPACE_TO_BATCH_ND 0"
        assert "of shape 1×4×1×4 in TFLM, 2×4×1×4 in the other" in str(found.verdict)

    def test_the_same_where_no_other_interpreter_runs_the_whole(self):
        found = check(frozen_batch(returned=False))
        assert (found.same, found.verdict.first.label) == (False, "SPACE_TO_BATCH_ND 0")
        assert found["litert-reference"].max_difference == np.inf
        assert found["litert-reference"].to_json()["max_difference"] is None
        assert len([note for note in found.notes if "gave no answer" in note]) == 3

    def test_what_no_other_interpreter_runs_is_named(self):
        """LiteRT takes no CONV_2D without a bias; what is left is compared."""
        net = Net((1, 8, 8, 2)).conv(4).conv(3).flatten()
        net.operators[0].inputs = net.operators[0].inputs[:2]
        found = check(net.dense(4).to_bytes())
        assert (found.verdict.kind, found.same) == ("partly", True)
        assert str(found.verdict).startswith("no other interpreter runs CONV_2D 0; the other operators, each alone")
        assert "litert-reference: no outputs to compare" in str(found)
        assert found["litert-reference"].to_json()["fraction_equal"] is None

    def test_nothing_to_compare_with(self):
        net = Net((1, 8, 8, 2)).conv(4)
        net.operators[0].inputs = net.operators[0].inputs[:2]
        with pytest.raises(ModelError, match="no other interpreter runs this model, so that nothing can be compared"):
            check(net.to_bytes())

    def test_a_third_opinion_takes_sides(self):
        def third(model, inputs):
            with Session(model) as session:
                return session.run_all(inputs)

        assert check(wrong_tanh(), third=third, references=REFERENCE).verdict.first.third == "TFLM"

        def refuses(model, inputs):
            raise ModelError("no such operator")

        assert check(wrong_tanh(), third=refuses, references=REFERENCE).verdict.first.third == ""

        def other(model, inputs):
            with Session(model, engine="litert-optimised") as session:
                return session.run_all(inputs)

        assert "a third opinion agrees with the other" in str(check(wrong_tanh(), third=other, references=REFERENCE))

    def test_the_kits_c_on_the_virtual_board_is_one(self):
        model = Net((1, 12)).dense(8).to_bytes()
        codes = np.random.default_rng(0).integers(-128, 128, (3, 1, 12)).astype(np.int8)
        assert np.array_equal(_ask_virtual_board(model, (codes,))[0], run_model(model, codes))
        with pytest.raises(TinykitError):
            _ask_virtual_board(hybrid(), (np.zeros((1, 1, 8), np.float32),))

    def test_what_the_board_cannot_hold_is_no_opinion(self, monkeypatch):
        monkeypatch.setattr("tinykit.handover.virtual_board.run", lambda *_: SimpleNamespace(outputs=None))
        with pytest.raises(ParameterError, match="the operator does not run on nucleo-h743zi2"):
            _ask_virtual_board(small_cnn(), ())

    def test_a_variable_is_no_number_to_hand_over(self):
        with Session(streaming()) as session, pytest.raises(ModelError, match="operator 1 reads or writes a variable"):
            session.isolate(1)

    def test_together_but_not_alone(self):
        assert "each operator alone gives the same, together they lie 7 LSB apart" in str(
            judge((), 7, stable=True, unit="LSB")
        )
        assert "TFLM's own answer changes with its arena" in str(judge((), 7, stable=False, unit="LSB"))

    def test_answers_nobody_judged(self):
        own = np.zeros((2, 3))
        answers = Answers((own,), (1.0,), ("LSB",), {"litert-reference": (own + 1,)})
        assert "was not looked for" in compare_answers(answers, "litert-reference").explanation


class TestNetwork:
    def test_quantisation_is_no_other_network(self):
        rng = np.random.default_rng(0)
        theirs = (rng.normal(0, 1, (32, 4)),)
        centred = theirs[0] - theirs[0].mean(axis=0)
        near = judge_network((theirs[0] + 0.01 * centred,), theirs)
        assert (near.kind, near.same) == ("network", True)
        assert "SQNR 40.0 dB" in near.text

    def test_another_network_is_not_the_same(self):
        rng = np.random.default_rng(0)
        mine, theirs = (rng.normal(0, 1, (32, 4)) for _ in range(2))
        assert not judge_network((mine,), (theirs,)).same
        assert judge_network((mine,), (mine,)) == EQUAL

    def test_the_mean_scores_nothing(self):
        theirs = np.array([[1.0], [3.0]])
        assert "SQNR 0.0 dB" in judge_network((np.full((2, 1), 2.0),), (theirs,)).text

    def test_one_sample_is_judged_by_its_own_values(self):
        assert judge_network((np.array([[1.0, 2.01]]),), (np.array([[1.0, 2.0]]),)).same
        assert judge_network((np.array([[2.01]]),), (np.array([[2.0]]),)).same


SEEDS = (0, 2, 4, 5, 7, 10, 12, 13)
"""Of random graphs; LiteRT does not take 11, which has a CONV_2D without a bias."""


class TestBounds:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_random_graphs_stay_within_them(self, seed):
        """Every operator the exporter knows, in odd sizes: no kernel set lies farther apart than rounding allows."""
        model = random_model(seed)
        assert all(one.verdict.same for one in check(model, 4).comparisons)

    @pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
    @pytest.mark.parametrize("code", ["LOGISTIC", "TANH", "SOFTMAX"])
    def test_nonlinear_kernels(self, dtype, code):
        scales = {"int16": (1 / 32768, 0), "int8": (1 / 128, 0) if code == "TANH" else (1 / 256, -128)}
        scale, zero = scales.get(dtype, (1.0, 0))
        net = Net((1, 200), dtype=dtype, scale=1 / 4096 if dtype == "int16" else 1 / 24, zero_point=0)
        out = net.tensor(net.shape, scale=scale, zero_point=zero)
        softmax = code == "SOFTMAX"
        net.use(code, [net.last], [out], OPTIONS.SoftmaxOptions if softmax else 0,
                schema.SoftmaxOptionsT(beta=1.0) if softmax else None)  # fmt: skip
        found = check(net.to_bytes(), 8)
        assert all(one.verdict.same for one in found.comparisons)

    def test_by_hand(self):
        graph = tk.read(Net((1, 4), dtype="float32").dense(2).to_bytes())
        operator, output = graph.operators[0], graph.tensors[graph.outputs[0]]
        values = {graph.inputs[0]: np.full((1, 4), 2.0), output.index: np.full((1, 2), 4.0)}
        largest = 2.0 * np.abs(graph.constant(operator.inputs[1])).sum(axis=1).max()
        assert allow_steps(graph, operator, output, values) == pytest.approx((4 + 8) * max(4.0, largest) / 4.0)
        assert count_steps(output, np.array([1.0, -2.0]), np.array([1.0, -2.0 + 2**-21])) == pytest.approx(2.0)

    def test_numbers_that_cannot_be_subtracted(self):
        tensor = tk.read(Net((1, 4), dtype="float32").dense(2).to_bytes()).tensors[0]
        assert count_steps(tensor, np.array([np.nan, 1]), np.array([np.nan, 1])) == 0
        assert count_steps(tensor, np.array([np.nan]), np.array([1.0])) == np.inf
        assert count_steps(tensor, np.zeros(2), np.zeros(3)) == np.inf


class TestUnits:
    def test_behind_a_dequantize(self):
        """A step of the output is that of the tensor which DEQUANTIZE took: 1/256, not a float's epsilon."""
        found = check(float_ends())
        assert found.step == 1 / 256
        assert [(one.unit, one.step) for one in found["litert-xnnpack"].outputs] == [("LSB", 1 / 256)]

    def test_behind_more_than_one_operator(self):
        graph = tk.read(Net((1, 8), dtype="float32").quantise().dense(4).dequantise().reshape((1, 2, 2)).to_bytes())
        assert find_step(graph, graph.outputs[0]) == pytest.approx(
            graph.tensors[graph.operators[1].outputs[0]].scales[0]
        )

    def test_floats_and_plain_integers(self):
        graph = tk.read(small_cnn("float32"))
        assert find_step(graph, graph.outputs[0]) is None
        assert check(raw_integers()).step == 1.0

    def test_each_output_has_its_own(self):
        found = check(two_heads())["litert-reference"]
        graph = tk.read(two_heads())
        assert [one.step for one in found.outputs] == pytest.approx(
            [graph.tensors[one].scales[0] for one in graph.outputs]
        )
        assert sum(found.histogram.values()) == 8 * (6 + 3)
        assert found.top1_agreement is None
        assert "output 1: 100.00% equal, max 0 LSB of" in str(found.outputs[1])

    def test_run_model_gives_every_output(self):
        inputs = tuple(np.zeros((2, 16), np.int8) for _ in range(2))
        assert [one.shape for one in run_model(two_heads(), inputs)] == [(2, 6), (2, 3)]


class TestState:
    def test_both_interpreters_start_anew(self):
        """The variable holds 9 from CALL_ONCE: 9 + 3 each time, or 9 + 3, + 3, + 3; a bare reset would lose the 9."""
        zeros = np.zeros((3, 8), np.int8)
        for engine in ENGINES:
            with Session(streaming(9), engine=engine) as session:
                assert session.keeps_state
                assert session.run(zeros)[:, 0].tolist() == [12, 12, 12]
                assert session.run_all(zeros, keep_state=True)[0][:, 0].tolist() == [12, 15, 18]
                assert session.run_tensors(zeros, [2])[0].reshape(3, 8)[:, 0].tolist() == [9, 9, 9]

    @pytest.mark.parametrize("seed", range(2))
    def test_a_fused_lstm_rounds(self, seed):
        verdict = check(lstm(seed), 16, references=REFERENCE).verdict
        assert (verdict.kind, verdict.first.label) == ("rounding", "UNIDIRECTIONAL_SEQUENCE_LSTM 0")

    def test_a_fused_lstm_whose_state_has_another_scale(self):
        """TFLM gives out codes of the state, LiteRT those of the output."""
        found = check(lstm(state_scale=1 / 60), 16, references=REFERENCE)
        first = found.verdict.first
        assert (found.same, first.label) == (False, "UNIDIRECTIONAL_SEQUENCE_LSTM 0")
        assert first.steps > 4 * first.allowed > 4

    def test_layers_of_a_model_with_operators_without_outputs(self):
        graph = tk.read(streaming())
        found = compare_layers(graph, graph, np.zeros((2, 8), np.int8))
        assert [one.name for one in found.layers] == ["READ_VARIABLE", "ADD"]
        assert all(one.largest_error == 0 for one in found.layers)

    @pytest.mark.parametrize("model", [streaming(), svdf()], ids=["variable", "tensor"])
    def test_reset_and_kept_are_both_shown(self, model):
        found = check(model)
        assert [one.state for one in found.comparisons] == ["reset"] * 3 + ["kept"] * 3
        assert found.same
        assert "litert-reference (kept): 100.00% equal" in str(found)

    def test_a_difference_in_a_sequence(self):
        net = Net((1, 6), scale=1 / 32).dense(6)
        net.use("TANH", [net.last], [net.tensor(net.shape, scale=1 / 60)])
        net.accumulate()
        net.outputs = [net.operators[-2].outputs[0]]
        found = check(net.to_bytes(), references=("litert-xnnpack",))
        assert [one.verdict.first.label for one in found.comparisons] == ["TANH 1", "TANH 1"]

    def test_a_variable_nobody_set(self):
        """TFLM starts it at zero; LiteRT's reference kernels refuse to read it."""
        net = Net((1, 6)).accumulate()
        net.outputs = [net.operators[2].outputs[0]]
        found = check(net.to_bytes(), references=REFERENCE)
        assert "no other interpreter runs READ_VARIABLE 1; the other" in str(found.verdict)

    def test_golden_vectors_pass_it_on(self):
        inputs, outputs = make_golden_vectors(streaming(9), np.zeros((3, 8)))
        assert inputs.view(np.int8)[:, 0].tolist() == [-3, -3, -3]
        assert outputs.view(np.int8)[:, 0].tolist() == [9, 9, 9]


class TestInputs:
    @pytest.mark.parametrize(("model", "low", "high"), [(float_ends(), 0, 255), (small_cnn(), -125 / 64, 130 / 64)])
    def test_real_numbers_span_what_the_quantisation_holds(self, model, low, high):
        drawn = sample_inputs(model, 200)
        assert (drawn.min(), drawn.max()) == pytest.approx((low, high))

    def test_plain_integers(self):
        drawn = sample_inputs(raw_integers(), 200)
        assert (drawn.dtype, drawn.min() < -30000, drawn.max() > 30000) == (np.int16, True, True)
        rows = sample_inputs(looked_up(7), 200)
        assert (rows.min(), rows.max()) == (0, 6)
        assert check(looked_up()).same

    def test_one_array_for_each_input(self):
        assert [one.shape for one in sample_inputs(two_heads(), 5)] == [(5, 16), (5, 16)]

    def test_old_converters_gave_a_bias_the_axis_of_its_weights(self):
        """LiteRT refuses the file, TFLM does not look."""
        assert check(old_bias_axis()).same

    def test_outputs_that_say_little_are_said(self):
        found = verify_model(Net((1, 8)).dense(3).to_bytes(), np.zeros((5, 8)))
        assert found.notes == ("output 0 is the same for all 5 inputs: little is compared, give samples of your own",)

    def test_saturated_outputs_are_said(self):
        found = verify_model(
            Net((1, 8), scale=1 / 4).unary("TANH").to_bytes(), np.random.default_rng(0).choice([-30.0, 30.0], (6, 8))
        )
        assert "output 0 is saturated, -1 or 0.992188 for all 6 inputs: little is compared" in found.notes[0]

    def test_time_is_bounded(self):
        found = check(small_cnn(), 8, within_s=1e-9)
        assert found.n == 1
        assert "1 of 8 inputs were compared: an inference is slow here" in found.notes

    def test_wrong_number(self):
        with pytest.raises(DataError, match="the model has 2 inputs, got 1"):
            verify_model(two_heads(), np.zeros((1, 16)))


class TestOwnSamples:
    @staticmethod
    def write(path, **arrays):
        np.savez(path, **arrays)
        return path

    def test_by_name_or_in_order(self, tmp_path):
        graph, rng = tk.read(two_heads()), np.random.default_rng(0)
        one, two = (rng.integers(-9, 9, (4, 16)).astype(np.int8) for _ in range(2))
        named = read_inputs(self.write(tmp_path / "a.npz", second=two, input=one), graph)
        ordered = read_inputs(self.write(tmp_path / "b.npz", a=one, b=two), graph)
        keras = {"second": two, "serving_default_input:0": one}
        served = read_inputs(self.write(tmp_path / "c.npz", **keras), graph)
        for first, second, third in zip(named, ordered, served, strict=True):
            assert np.array_equal(first, second)
            assert np.array_equal(first, third)

    def test_some_names_are_not_enough(self, tmp_path):
        """An array that is named as the second input is never given to the first."""
        path = self.write(tmp_path / "a.npz", second=np.zeros((4, 16)), zz=np.ones((4, 16)))
        with pytest.raises(DataError, match="has no array for input; name one for each input, or none"):
            read_inputs(path, tk.read(two_heads()))

    def test_real_numbers_are_for_quantised_inputs(self, tmp_path):
        graph = tk.read(small_cnn())
        assert read_inputs(self.write(tmp_path / "a.npz", x=np.zeros((2, 8, 8, 1))), graph).dtype == np.float32

    def test_a_test_set_is_samples_too(self, tmp_path):
        """x, y and groups, as the ledger takes them: labels are no input."""
        rows = {"x": np.ones((2, 8, 8, 1)), "y": np.zeros(2, int), "groups": np.zeros(2, int)}
        read = read_inputs(self.write(tmp_path / "a.npz", **rows), tk.read(small_cnn()))
        assert np.array_equal(read, rows["x"])
        with pytest.raises(DataError, match="holds 3 arrays"):
            read_inputs(self.write(tmp_path / "b.npz", **rows), tk.read(two_heads()))

    @pytest.mark.parametrize(
        ("arrays", "said"),
        [
            ({"a": np.zeros((1, 8, 8, 1)), "b": np.zeros(1)}, "holds 2 arrays"),
            ({"a": np.zeros((0, 8, 8, 1))}, "holds no sample"),
            ({"a": np.float32(1)}, "holds no sample"),
            ({"a": np.zeros((1, 8, 7, 1))}, "has shape"),
            ({"a": np.full((1, 8, 8, 1), 1e39)}, r"holds 1e\+39, beyond float32; scale it"),
            ({"a": np.zeros((1, 8, 8, 1), np.int32)}, "is int32, the model takes int8, real numbers where quantised"),
        ],
    )
    def test_what_does_not_fit(self, tmp_path, arrays, said):
        with pytest.raises(DataError, match=said):
            read_inputs(self.write(tmp_path / "a.npz", **arrays), tk.read(small_cnn()))

    def test_other_numbers_of_samples(self, tmp_path):
        path = self.write(tmp_path / "a.npz", a=np.zeros((1, 16)), b=np.zeros((2, 16)))
        with pytest.raises(DataError, match=r"have \[1, 2\] samples"):
            read_inputs(path, tk.read(two_heads()))

    def test_no_npz(self, tmp_path):
        (tmp_path / "a.npz").write_text("no")
        np.savez(tmp_path / "p.npz", a=np.array([{}], object))
        np.save(tmp_path / "n.npy", np.zeros(3))
        for name in ("a.npz", "p.npz", "n.npy", "none.npz"):
            with pytest.raises(DataError, match=r"not an \.npz of plain arrays"):
                read_inputs(tmp_path / name, tk.read(small_cnn()))

    def test_too_large(self, tmp_path, monkeypatch):
        path = self.write(tmp_path / "a.npz", a=np.zeros((1, 8, 8, 1)))
        monkeypatch.setattr("tinykit.ground.limits.FREE_BYTES", 100)
        monkeypatch.setattr("tinykit.ground.limits.RATIO", 0)
        with pytest.raises(DataError, match="more than 100 bytes of arrays"):
            read_inputs(path, tk.read(small_cnn()))


class TestGoldenVectors:
    @pytest.mark.parametrize("model", [wrong_tanh(), frozen_batch(), frozen_batch(returned=False)])
    def test_none_of_a_model_that_fails(self, model):
        with pytest.raises(ModelError, match="no golden vectors from this model: these two do not compute the same"):
            make_golden_vectors(model)

    def test_several_inputs(self):
        inputs, outputs = make_golden_vectors(two_heads(), (np.zeros((2, 16)), np.zeros((2, 16))))
        assert (inputs.shape, outputs.shape) == ((2, 32), (2, 9))


class TestCommand:
    @pytest.fixture
    def tell(self, tmp_path, capsys):
        def run(model, *options):
            path = tmp_path / "m.tflite"
            path.write_bytes(model)
            status = main(["verify", str(path), *map(str, options)])
            return status, capsys.readouterr().out

        return run

    def test_status_and_sentence(self, tell):
        status, out = tell(wrong_tanh())
        assert status == 1
        assert "verdict, by litert-reference: these two do not compute the same: first at operator 1 TANH" in out
        status, out = tell(residual())
        assert status == 0

    def test_json(self, tell):
        status, out = tell(wrong_tanh(), "--json")
        document = json.loads(out)
        assert (status, document["same"], document["against"]) == (1, False, "litert-reference")
        assert (document["first_difference"]["operator"], document["first_difference"]["tensor"]) == (1, "t4")
        assert [row["index"] for row in json.loads(tell(two_heads(), "--json")[1])["outputs"]] == [0, 1]
        assert {row["state"] for row in json.loads(tell(streaming(), "--json")[1])["outputs"]} == {"reset", "kept"}

    def test_samples(self, tell, tmp_path):
        np.savez(tmp_path / "own.npz", a=np.zeros((3, 16)), b=np.zeros((3, 16)))
        status, out = tell(two_heads(), "--samples", tmp_path / "own.npz")
        assert status == 0
        assert "TFLM against, 3 inputs of yours, one LSB = " in out
        assert "output 1: 100.00% equal" in out

    def test_many_sizes_are_summed_up(self, tell, tmp_path):
        other = tmp_path / "o.tflite"
        other.write_bytes(small_cnn("float32", seed=3))
        assert "different sizes, from -" in tell(small_cnn("float32"), "--against", other)[1]

    def test_state(self, tell):
        out = tell(streaming())[1]
        assert "state reset before each" in out
        assert "state kept from one to the next" in out


@pytest.mark.parametrize("dtype", ["resource", "string", "float16", "complex64", "variant"])
def test_inputs_that_nobody_can_make_numbers_of_are_refused(dtype):
    net = Net((1, 4)).dense(2)
    net.tensors[0].type = list(TYPE_NAMES).index(dtype)
    net.tensors[0].quantization = None
    with pytest.raises(
        ModelError, match=f"an input is of type {dtype}, of which nobody can make numbers; allowed: int8"
    ):
        sample_inputs(net.to_bytes())


def test_readers_are_looked_for_onward_only():
    """A change of shape that reads what it writes would be followed without end."""
    net = Net((1, 4))
    out = net.tensor((1, 4))
    net.use("RESHAPE", [0], [out], OPTIONS.ReshapeOptions, schema.ReshapeOptionsT())
    net.use("RESHAPE", [out], [0], OPTIONS.ReshapeOptions, schema.ReshapeOptionsT())
    assert sample_inputs(net.to_bytes(), 3).shape == (3, 4)
