"""runtime: TFLM against hand calculations and LiteRT, and what it makes of files that are no models."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import tinykit.predict as runtime
from tests.models import OPTIONS, Net, autoencoder, flip_bits, hybrid, residual, schema, small_cnn
from tinykit.ground.errors import DataError, EngineError, ModelError, ParameterError
from tinykit.predict.runtime import session as sessions
from tinykit.predict.runtime.child import pack_arrays, unpack_arrays

close_warm = sessions.WARM.close


@pytest.fixture(scope="module")
def cnn():
    return small_cnn()


@pytest.fixture(scope="module")
def session(cnn):
    with runtime.Session(cnn) as opened:
        yield opened


def crashing():
    """A depthwise convolution with bias index -1: TFLM follows a null pointer."""
    net = Net((1, 8, 8, 2)).depthwise()
    net.operators[0].inputs[2] = -1
    return net.to_bytes()


def litert(model, inputs):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    one = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    one.allocate_tensors()
    rows = []
    for sample in inputs:
        one.set_tensor(one.get_input_details()[0]["index"], sample[None])
        one.invoke()
        rows.append(one.get_tensor(one.get_output_details()[0]["index"])[0].copy())
    return np.stack(rows)


class TestRun:
    def test_dense_by_hand(self):
        """q = zp + round(s_in s_w / s_out * ((q_in - zp_in) . w + b)): 10*3 + -20*1 + 4 = 14 steps of 0.01, by 0.02."""
        net = Net((1, 2), scale=0.1, zero_point=5)
        weights = net.tensor((1, 2), data=np.array([[3, 1]], np.int8), scale=0.1)
        bias = net.tensor((1,), dtype="int32", data=np.array([4], np.int32), scale=[0.01])
        out = net.tensor((1, 1), scale=0.02, zero_point=-7)
        options = schema.FullyConnectedOptionsT()
        net.use("FULLY_CONNECTED", [net.last, weights, bias], [out], OPTIONS.FullyConnectedOptions, options, version=4)
        inputs = np.array([[15, -15]], np.int8)
        assert runtime.run_model(net.to_bytes(), inputs).tolist() == [[0]]

    @pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
    def test_convolutions_equal_litert_reference(self, dilation):
        net = Net((1, 9, 7, 2), seed=3).conv(5, (3, 2), dilation=dilation, padding="VALID").depthwise(multiplier=2)
        model = net.conv(3, (1, 1), stride=(1, 2)).to_bytes()
        inputs = np.random.default_rng(1).integers(-128, 128, (6, 9, 7, 2)).astype(np.int8)
        assert np.array_equal(runtime.run_model(model, inputs), litert(model, inputs))

    def test_residual_equals_litert_reference(self):
        inputs = np.random.default_rng(2).integers(-128, 128, (6, 6, 6, 4)).astype(np.int8)
        assert np.abs(runtime.run_model(residual(), inputs).astype(int) - litert(residual(), inputs)).max() <= 1

    def test_float_model_runs(self):
        inputs = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype(np.float32)
        model = small_cnn("float32")
        assert runtime.run_model(model, inputs) == pytest.approx(litert(model, inputs), rel=1e-5)

    def test_a_thousand_samples_in_one_call(self, session):
        inputs = np.random.default_rng(0).integers(-128, 128, (1000, 8, 8, 1)).astype(np.int8)
        outputs = session.run(inputs)
        assert outputs.shape == (1000, 4)
        assert np.array_equal(outputs[:3], session.run(inputs[:3]))

    def test_two_inputs(self):
        model = Net((1, 8)).second_input().to_bytes()
        one = np.zeros((3, 8), np.int8)
        assert runtime.run_model(model, (one, one)).shape == (3, 8)
        with pytest.raises(DataError, match="the model has 2 inputs, got 1"):
            runtime.run_model(model, one)
        with pytest.raises(DataError, match="shape"):
            runtime.run_model(model, (one, one[:2]))

    def test_two_outputs(self):
        net = Net((1, 8)).unary("LOGISTIC")
        first = net.last
        net.unary("TANH")
        net.outputs = [first, net.last]
        with runtime.Session(net.to_bytes()) as opened:
            assert [one.shape for one in opened.run_all(np.zeros((2, 8), np.int8))] == [(2, 8), (2, 8)]
            with pytest.raises(DataError, match="2 outputs; call run_all"):
                opened.run(np.zeros((2, 8), np.int8))

    def test_state_does_not_leak_between_samples(self):
        net = Net((1, 3), dtype="float32")
        feature = net.tensor((2, 3), data=np.ones((2, 3), np.float32))
        times = net.tensor((2, 4), data=np.ones((2, 4), np.float32))
        bias = net.tensor((2,), data=np.zeros(2, np.float32))
        state, out = net.tensor((1, 8), variable=True), net.tensor((1, 2))
        options = schema.SVDFOptionsT(rank=1)
        net.use("SVDF", [net.last, feature, times, bias, state], [out], OPTIONS.SVDFOptions, options)
        outputs = runtime.run_model(net.to_bytes(), np.ones((3, 3), np.float32))
        assert outputs == pytest.approx(np.full((3, 2), 3.0))

    def test_dynamic_batch_is_one_sample_at_a_time(self):
        model = Net((1, 8), batch=-1).dense(3).to_bytes()
        assert runtime.run_model(model, np.zeros((5, 8), np.int8)).shape == (5, 3)

    def test_large_activations_get_a_larger_arena(self):
        model = Net((1, 1200, 1200, 2)).unary("LOGISTIC").to_bytes()
        assert runtime.measure_arena(model, smallest=False).head_bytes == 2 * 1200 * 1200 * 2

    @pytest.mark.parametrize(
        ("inputs", "said"),
        [
            (np.zeros((2, 8, 8, 1), np.float32), "input is float32, the model takes int8"),
            (np.zeros((2, 8, 8), np.int8), r"shape \(2, 8, 8\), the model takes \[n, 8, 8, 1\]"),
            (np.zeros((0, 8, 8, 1), np.int8), "no sample"),
        ],
    )
    def test_bad_inputs(self, session, inputs, said):
        with pytest.raises(DataError, match=said):
            session.run(inputs)


class TestArena:
    def test_head_and_structures_by_hand(self):
        """Two inputs of 64 B and their sum live at once; 24 B an eval tensor, 64 B an operator on a 64-bit host."""
        recorded = runtime.measure_arena(Net((1, 8, 8, 1)).second_input().to_bytes())
        assert recorded.head_bytes == 3 * 64
        assert recorded.allocations["TfLiteEvalTensor data"] == 3 * 24
        assert recorded.allocations["NodeAndRegistration struct"] == 64
        assert recorded.counts["TfLiteEvalTensor data"] == 3
        assert recorded.requested["TfLiteEvalTensor data"] == 3 * 24
        assert recorded.total_bytes == recorded.head_bytes + recorded.tail_bytes

    def test_dense_nets_need_more_than_they_use(self):
        recorded = runtime.measure_arena(autoencoder())
        assert recorded.smallest_bytes > recorded.total_bytes

    def test_smallest_is_the_smallest(self):
        from tflite_micro.python.tflite_micro import runtime as tflm

        model = Net((1, 16, 16, 2)).conv(8).to_bytes()
        least = runtime.measure_arena(model).smallest_bytes
        tflm.Interpreter.from_bytes(model, arena_size=least)
        with pytest.raises(RuntimeError, match="allocate"):
            tflm.Interpreter.from_bytes(model, arena_size=least - 16)

    def test_without_smallest(self, session):
        assert session.measure_arena(smallest=False).smallest_bytes is None

    def test_invoking_changes_nothing(self, cnn):
        with runtime.Session(cnn) as opened:
            before = opened.measure_arena(smallest=False)
            opened.run(np.zeros((1, 8, 8, 1), np.int8))
            assert opened.measure_arena(smallest=False) == before

    def test_litert_has_none(self, cnn):
        with (
            runtime.Session(cnn, engine="litert-xnnpack") as opened,
            pytest.raises(ParameterError, match="'litert-xnnpack' has no arena"),
        ):
            opened.measure_arena()


class TestOperators:
    def test_none_missing(self, cnn):
        assert runtime.missing_operators(cnn) == ()

    def test_all_missing_ones_are_named(self):
        model = Net((1, 8)).unary("TANH").unary("GELU").custom("MyOp").to_bytes()
        assert runtime.missing_operators(model) == ("CUSTOM:MyOp", "GELU")
        with pytest.raises(ModelError, match="TFLM has no operator CUSTOM:MyOp, GELU"):
            runtime.measure_arena(model)

    def test_hybrid_is_refused_with_the_flag(self):
        with pytest.raises(ModelError, match=r"operator 0 \(FULLY_CONNECTED\) is hybrid(?s:.*)TFLITE_BUILTINS_INT8"):
            runtime.measure_arena(hybrid())

    def test_refusal_names_the_operator(self):
        net = Net((1, 8)).dense(2).softmax()
        net.tensors[net.last].quantization.scale = np.array([0.1], np.float32)
        with pytest.raises(ModelError, match=r"TFLM refused operator 1 \(SOFTMAX\): .*softmax"):
            runtime.measure_arena(net.to_bytes())


class TestHostile:
    @pytest.mark.parametrize("data", [b"", b"\0" * 10, bytes(range(256))], ids=["empty", "short", "random"])
    def test_no_model(self, data):
        for action in (runtime.measure_arena, runtime.missing_operators):
            with pytest.raises(ModelError, match="not a .tflite file"):
                action(data)

    @pytest.mark.parametrize("length", [24, 100, 1000, -100])
    def test_truncated(self, cnn, length):
        with pytest.raises(ModelError, match="truncated or damaged"):
            runtime.measure_arena(cnn[:length])

    def test_noise_after_the_mark(self, cnn):
        noise = cnn[:8] + np.random.default_rng(0).bytes(600)
        with pytest.raises(ModelError):
            runtime.measure_arena(noise)

    def test_path_instead_of_bytes(self):
        with pytest.raises(ModelError, match="model is str, not bytes"):
            runtime.measure_arena("model.tflite")

    def test_flipped_bits(self, cnn):
        outcomes = [self.use(flip_bits(cnn, seed, 1), smallest=seed % 4 == 0) for seed in range(12)]
        assert "" in outcomes
        assert any(outcomes)
        assert max(text.count("\n") for text in outcomes) < 3

    @staticmethod
    def use(model, *, smallest):
        """What goes wrong with a model that is measured and run, "" if nothing."""
        try:
            with runtime.Session(model, timeout_s=10) as opened:
                opened.measure_arena(smallest=smallest)
                info = opened.inputs[0]
                opened.run_all(np.zeros((1, *info.sample_shape), info.dtype))
        except (ModelError, EngineError, DataError) as error:
            return str(error)
        return ""

    def test_segfault_is_an_error_with_its_name(self):
        with pytest.raises(ModelError, match=r"crashed \(signal 11, SIGSEGV\) on this model"):
            runtime.run_model(crashing(), np.zeros((1, 8, 8, 2), np.int8))

    def test_time_limit(self, cnn):
        with pytest.raises(EngineError, match="TFLM was stopped after 0.001 s; allow more with timeout_s"):
            runtime.measure_arena(cnn, timeout_s=0.001)

    def test_tensor_names_do_no_harm(self):
        assert runtime.measure_arena(Net((1, 8), name="<script>\n'%s").dense(2).to_bytes()).head_bytes > 0

    def test_closed_session(self, cnn):
        opened = runtime.Session(cnn)
        opened.close()
        opened.close()
        with pytest.raises(EngineError, match="the session is closed"):
            opened.run(np.zeros((1, 8, 8, 1), np.int8))


class TestProcess:
    def test_nothing_of_the_interpreters_is_imported_here(self):
        program = "import sys, tinykit.predict.runtime; print({'tflite_micro', 'ai_edge_litert'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "set()"

    def test_works_from_any_folder_and_ignores_pythonpath(self, cnn, tmp_path, monkeypatch):
        (tmp_path / "numpy.py").write_text("raise SystemExit(9)")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        close_warm()
        assert runtime.missing_operators(cnn) == ()

    def test_no_interpreter_to_start(self, cnn, monkeypatch):
        close_warm()
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(EngineError, match="could not be started"):
            runtime.measure_arena(cnn)

    def test_child_that_cannot_run(self, cnn, monkeypatch, tmp_path):
        broken = tmp_path / "child.py"
        broken.write_text("raise SystemExit('no numpy here')")
        close_warm()
        monkeypatch.setattr(sessions, "_WORKER", broken)
        with pytest.raises(EngineError, match=r"ended \(status 1\): no numpy here"):
            runtime.measure_arena(cnn)

    def test_unknown_engine(self, cnn):
        with pytest.raises(ParameterError, match="engine 'onnx' is unknown; allowed: tflm"):
            runtime.Session(cnn, engine="onnx")

    @pytest.mark.parametrize(
        ("error", "kind", "said"),
        [
            ("ModuleNotFoundError: tflite_micro", EngineError, "TFLM is not installed"),
            ("MemoryError: std::bad_alloc", ModelError, "ran out of memory"),
            ("struct.error: short", ModelError, "not a readable .tflite file"),
            ("RuntimeError: TFLM failed", ModelError, "TFLM refused its operators: it gave no reason"),
        ],
    )
    def test_explanations(self, error, kind, said):
        with pytest.raises(kind, match=said):
            raise sessions.explain({"error": error}, "")

    def test_no_report_of_the_arena(self, cnn, monkeypatch):
        with runtime.Session(cnn) as opened:
            monkeypatch.setattr(sessions.Engine, "ask", lambda *_, **__: ({}, [], "nothing"))
            with pytest.raises(ModelError, match="did not report its arena"):
                opened.measure_arena()


class TestArrays:
    def test_round_trip(self):
        sent = [np.arange(6, dtype=np.int16).reshape(2, 3), np.zeros((0, 4), np.float32)]
        listed, parts = pack_arrays(sent)
        arrays = unpack_arrays(json.loads(json.dumps(listed)), [bytes(part) for part in parts])
        assert [one.tolist() for one in arrays] == [one.tolist() for one in sent]
        assert arrays[1].shape == (0, 4)

    @pytest.mark.parametrize(
        ("listed", "said"), [("object", "dtype 'object'"), ("int8", "shape"), ("int32", "frame array of 8 bytes")]
    )
    def test_hostile_arrays(self, listed, said):
        shape = {"object": [1], "int8": [-1], "int32": [2**30, 4]}[listed]
        with pytest.raises(ValueError, match=said):
            unpack_arrays([[listed, shape]], [bytes(8)])

    def test_an_answer_that_cannot_be_read(self, tmp_path, monkeypatch):
        worker = tmp_path / "child.py"
        worker.write_text("def answer(request, parts):\n    return {'arrays': [['object', [1]]]}, [bytes(8)]\n")
        monkeypatch.setattr(sessions, "_WORKER", worker)
        with sessions.Engine() as child, pytest.raises(EngineError, match="no answer that can be read: .* 'object'"):
            child.ask({}, timeout_s=20)


def test_memory_limit_holds():
    model = np.frombuffer(Net((1, 8000, 8000, 1)).unary("LOGISTIC").to_bytes(), np.uint8)
    child = sessions.Engine(memory_bytes=300 * 2**20)
    try:
        with pytest.raises(ModelError, match="ran out of memory"):
            child.ask({"do": "load", "engine": "tflm"}, model, timeout_s=20)
    finally:
        child.close()


def test_no_child_is_left_behind(cnn):
    close_warm()
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    runtime.missing_operators(cnn)
    close_warm()
    after = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    assert len(after) <= len(before)


class TestWarmChild:
    def test_one_child_answers_many_models(self, cnn, monkeypatch):
        close_warm()
        started = []
        monkeypatch.setattr(sessions.WARM, "_start", lambda: started.append(sessions.Engine()) or started[-1])
        first = runtime.measure_arena(cnn, smallest=False)
        assert runtime.measure_arena(autoencoder(), smallest=False) != first
        assert runtime.measure_arena(cnn, smallest=False) == first
        assert len(started) == 1
        close_warm()
        assert not started[0].alive

    def test_a_child_that_failed_is_not_kept(self, cnn, monkeypatch):
        close_warm()
        started = []
        monkeypatch.setattr(sessions.WARM, "_start", lambda: started.append(sessions.Engine()) or started[-1])
        with pytest.raises(ModelError, match="hybrid"):
            runtime.measure_arena(hybrid(), smallest=False)
        assert runtime.measure_arena(cnn, smallest=False).head_bytes > 0
        assert len(started) == 2

    def test_a_used_child_that_died_is_replaced(self, cnn):
        first = runtime.measure_arena(cnn, smallest=False)
        child = sessions.WARM._kept[0][0]
        asked = []

        def question(one):
            asked.append(one)
            if one is child:
                child.kill()
            return runtime.Session(cnn, child=one).measure_arena(smallest=False)

        assert sessions.WARM.ask(question) == first
        assert asked[0] is child
        assert asked[1] is not child
