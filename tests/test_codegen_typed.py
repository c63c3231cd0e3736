"""Exports of float32, int16x8 and operators with a state against TFLM's interpreter, to the last bit but for curves."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tflite_micro.python.tflite_micro import runtime

from tests.codegen_builds import WARNINGS, build, build_many, run_tool, tool
from tests.codegen_graphs import ask_interpreter
from tests.models import Net
from tests.typed_graphs import FLOAT_ANY, INT16_ANY, TypedNet, lstm_net, matrices_net, random_net, svdf
from tinykit.ground.errors import ModelError
from tinykit.handover.codegen.export import export_c
from tinykit.handover.codegen.writing import _SOURCES as SOURCES
from tinykit.model.graph.reading import read

CURVES = ["LOGISTIC", "TANH", "softmax", "EXP", "LOG", "ELU"]
LARGEST_DISTANCE = {"LOGISTIC": 4, "TANH": 4, "SOFTMAX": 6, "EXP": 2, "LOG": 2, "ELU": 4}
"""Units in the last place between the kit's curves and those of the interpreter's C library."""

ACCURACY = """
#include <stdint.h>
#include <stdio.h>
#include "floats.h"
int main(void)
{
    float x;
    while (fread(&x, 4, 1, stdin) == 1) {
        const float found[5] = {tk_exp_of(x), tk_tanh_of(x), tk_sigmoid_of(x), tk_log_of(x), tk_root_of(x)};
        (void)fwrite(found, 4, 5, stdout);
    }
    return 0;
}
"""


def export_all(models):
    return [export_c(read(model), name=f"g{index}") for index, model in enumerate(models)]


def compare(models, folder):
    """Outputs of the exports and of the interpreter, as int8 [n, bytes], for each model."""
    answers = ask_interpreter(models)
    found = build_many(export_all(models), folder / "many").run([inputs for inputs, _ in answers])
    return [(ours, theirs) for ours, (_, theirs) in zip(found, answers, strict=True)]


def distance(ours, theirs, smallest=1e-30):
    """Largest difference of float32 bytes in units in the last place of the larger one."""
    a, b = (np.ascontiguousarray(side).view(np.float32).astype(np.float64) for side in (ours, theirs))
    finite = np.isfinite(b)
    assert np.array_equal(a[~finite], b[~finite], equal_nan=True)
    return float(
        np.max(np.abs(a[finite] - b[finite]) / np.spacing(np.maximum(np.abs(b[finite]), smallest).astype(np.float32)))
    )


def keep_running(model, inputs):
    """TFLM's answers to inputs one after the other, its state kept."""
    interpreter, answers = runtime.Interpreter.from_bytes(model), []
    for one in inputs:
        interpreter.set_input(one, 0)
        interpreter.invoke()
        answers.append(interpreter.get_output(0))
    return np.stack(answers)


def run_sequence(net, folder, count=6, seed=0):
    """Outputs of the export and of TFLM for inputs one after the other, the state kept."""
    model = net.to_bytes()
    row = read(model).tensors[net.inputs[0]]
    rng = np.random.default_rng(seed)
    inputs = (
        rng.normal(0, 1, (count, *row.shape))
        if row.dtype == "float32"
        else rng.integers(-128, 128, (count, *row.shape))
    )
    inputs = inputs.astype(row.dtype)
    theirs = keep_running(model, inputs)
    ours = build(export_c(read(model)), folder).run([inputs.reshape(count, -1).view(np.int8)])[0]
    return ours.view(theirs.dtype).reshape(theirs.shape), theirs


class TestFloat:
    def test_random_graphs_are_equal_to_the_last_bit(self, tmp_path):
        nets = [random_net(seed, dtype="float32", more=FLOAT_ANY) for seed in range(36)]
        for ours, theirs in compare([net.to_bytes() for net in nets], tmp_path):
            assert (ours == theirs).all()

    @pytest.mark.parametrize("curve", CURVES)
    def test_curves_keep_their_bound(self, curve, tmp_path):
        nets = [random_net(seed, dtype="float32", steps=1, image=[], anywhere=[curve]) for seed in range(3)]
        for ours, theirs in compare([net.to_bytes() for net in nets], tmp_path):
            assert distance(ours, theirs) <= LARGEST_DISTANCE[curve.upper()]

    def test_a_logarithm_of_shares_keeps_its_bound(self, tmp_path):
        nets = [random_net(seed, dtype="float32", steps=1, image=[], anywhere=["LOG_SOFTMAX"]) for seed in range(3)]
        for both in compare([net.to_bytes() for net in nets], tmp_path):
            ours, theirs = (np.ascontiguousarray(side).view(np.float32) for side in both)
            np.testing.assert_allclose(ours, theirs, rtol=3e-7, atol=1e-6)

    def test_own_functions_are_as_accurate_as_they_say(self, tmp_path):
        (tmp_path / "main.c").write_text(ACCURACY)
        flags = ["-std=c11", "-O2", *WARNINGS, f"-I{SOURCES}"]
        run_tool([tool("gcc"), *flags, str(tmp_path / "main.c"), "-o", str(tmp_path / "main")])
        rng = np.random.default_rng(0)
        near = np.concatenate([rng.uniform(-20, 20, 200_000), rng.uniform(-1, 1, 100_000)]).astype(np.float32)
        samples = np.concatenate([rng.integers(0, 2**32, 100_000, np.uint32).view(np.float32), near])
        samples = samples[np.isfinite(samples)]
        (tmp_path / "in").write_bytes(samples.tobytes())
        run_tool(["sh", "-c", f"{tmp_path}/main < {tmp_path}/in > {tmp_path}/out"])
        found = np.fromfile(tmp_path / "out", np.float32).reshape(-1, 5).astype(np.float64)
        with np.errstate(all="ignore"):
            x = samples.astype(np.float64)
            tail = np.where(x < -9, np.exp(x), 1 / (1 + np.exp(-x)))
            wanted = [np.exp(x), np.tanh(x), np.where(x > 16.6190472, 1, tail), np.log(x)]
            wanted.append(np.sqrt(samples))
            for column, (true, bound) in enumerate(zip(wanted, (1.1, 1.4, 2.1, 1.0, 0), strict=True)):
                nearest = true.astype(np.float32)
                finite = np.isfinite(nearest)
                error = np.abs(found[finite, column] - (true if bound else nearest)[finite])
                assert (error / np.spacing(np.abs(nearest[finite]))).max() <= bound
                assert np.array_equal(found[~finite, column], nearest[~finite], equal_nan=True)

    def test_a_gesture_network_and_a_sine_model(self, tmp_path):
        gesture = Net((1, 714), dtype="float32").dense(50, "RELU").dense(15, "RELU").dense(2).softmax()
        sine = Net((1, 1), dtype="float32").dense(16, "RELU").dense(16, "RELU").dense(1)
        (ours, theirs), exact = compare([gesture.to_bytes(), sine.to_bytes()], tmp_path)
        assert distance(ours, theirs) <= LARGEST_DISTANCE["SOFTMAX"]
        assert (exact[0] == exact[1]).all()

    @pytest.mark.parametrize("code", ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"])
    def test_comparisons(self, code, tmp_path):
        nets = [TypedNet((1, 3, 4, 2), dtype="float32", seed=seed) for seed in range(4)]
        for ours, theirs in compare([net.compare(code).to_bytes() for net in nets], tmp_path):
            assert (ours == theirs).all()

    @pytest.mark.parametrize("shape", [(1, 3, 4, 2), (1, 1, 1, 2), (1, 1, 4, 1)])
    def test_choices(self, shape, tmp_path):
        net = TypedNet((1, 3, 4, 2), dtype="float32")
        start = net.last
        holds = net.compare("LESS").last
        net.use("SELECT_V2", [holds, net.tensor(shape, data=net.values(shape)), start], [net.tensor((1, 3, 4, 2))])
        ((ours, theirs),) = compare([net.to_bytes()], tmp_path)
        assert (ours == theirs).all()

    def test_bilinear_resizing(self, tmp_path):
        nets = [random_net(seed, dtype="float32", steps=1, image=["bilinear"], anywhere=[]) for seed in range(24)]
        for ours, theirs in compare([net.to_bytes() for net in nets], tmp_path):
            assert (ours == theirs).all()

    def test_products_and_sums_are_never_fused(self):
        text = (SOURCES / "floats.h").read_text()
        assert "FP_CONTRACT OFF" in text
        assert 'optimize("fp-contract=off")' in text
        for path in SOURCES.glob("*.c"):
            if re.search(r"\bfloat sum\b|SUM float", path.read_text()):
                assert '#include "floats.h"' in path.read_text(), path.name


class TestInt16:
    def test_random_graphs_are_equal(self, tmp_path):
        nets = [random_net(seed, dtype="int16", more=INT16_ANY) for seed in range(36)]
        for ours, theirs in compare([net.to_bytes() for net in nets], tmp_path):
            assert (ours == theirs).all()

    @pytest.mark.parametrize("code", ["LOGISTIC", "TANH"])
    @pytest.mark.parametrize("scale", [1 / 4096, 1 / 2048, 1 / 1024, 1 / 3000, 1 / 32768])
    def test_curves_of_every_code(self, code, scale, tmp_path):
        net = TypedNet((1, 1 << 15), dtype="int16", scale=scale)
        net.odd_curve(code)
        ((ours, theirs),) = compare([net.to_bytes()], tmp_path)
        assert (ours == theirs).all()

    @pytest.mark.parametrize("bias", ["int32", "int64", ""])
    def test_convolutions_by_the_type_of_their_bias(self, bias, tmp_path):
        net = TypedNet((1, 5, 6, 3), dtype="int16")
        net.bias = bias
        ((ours, theirs),) = compare([net.odd_conv(channels=4).to_bytes()], tmp_path)
        assert (ours == theirs).all()


class TestTransposed:
    @pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
    def test_one_compiles_by_itself(self, dtype, tmp_path):
        build(
            export_all([random_net(3, dtype=dtype, steps=1, image=["transposed"], anywhere=[]).to_bytes()])[0], tmp_path
        )

    @pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
    def test_random_shapes_are_equal(self, dtype, tmp_path):
        nets = [random_net(seed, dtype=dtype, steps=1, image=["transposed"], anywhere=[]) for seed in range(12)]
        for ours, theirs in compare([net.to_bytes() for net in nets], tmp_path):
            assert (ours == theirs).all()


MATRICES = [
    ((3, 4), (4, 5), (False, False)), ((2, 3, 4), (2, 4, 5), (False, False)), ((2, 4, 3), (2, 4, 5), (True, False)),
    ((1, 2, 3, 4), (1, 2, 5, 4), (False, True)), ((2, 1, 3, 4), (1, 3, 4, 5), (False, False)),
    ((3, 4), (2, 4, 2), (False, False)),
]  # fmt: skip


class TestMatrices:
    @pytest.mark.parametrize("dtype", ["int8", "float32"])
    @pytest.mark.parametrize("constant", [False, True])
    def test_products_are_equal(self, dtype, constant, tmp_path):
        nets = [matrices_net(dtype, a, b, adjoint=adjoint, constant=constant) for a, b, adjoint in MATRICES]
        for ours, theirs in compare([net.to_bytes() for net in nets], tmp_path):
            assert (ours == theirs).all()


LSTMS = {
    "one": {}, "batches": {"sizes": (3, 4, 5, 9), "seed": 3}, "time_major": {"sizes": (3, 4, 5, 9), "time_major": True},
    "clipped": {"cell_clip": 1.0}, "coarse": {"cell_power": -8}, "fine": {"cell_power": -15},
}  # fmt: skip


class TestStates:
    @pytest.mark.parametrize("case", LSTMS)
    def test_an_int8_lstm_is_equal_from_run_to_run(self, case, tmp_path):
        ours, theirs = run_sequence(lstm_net(dtype="int8", **LSTMS[case]), tmp_path)
        assert (ours == theirs).all()
        assert (theirs[0] != theirs[1]).any()

    @pytest.mark.parametrize("case", ["one", "batches", "time_major", "clipped"])
    def test_a_float_lstm_stays_within_its_bound(self, case, tmp_path):
        ours, theirs = run_sequence(lstm_net(dtype="float32", **LSTMS[case]), tmp_path)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)

    @pytest.mark.parametrize("dtype", ["int8", "float32"])
    def test_an_svdf_is_equal_from_run_to_run(self, dtype, tmp_path):
        net = svdf(svdf(Net((2, 6), dtype=dtype, seed=3), rank=1, memory=3), activation="RELU")
        ours, theirs = run_sequence(net, tmp_path)
        assert (ours.view(np.int8) == theirs.view(np.int8)).all()

    def test_whole_networks(self, tmp_path):
        rows = lstm_net(dtype="int8", sizes=(1, 28, 28, 20))
        rows.reshape((1, 560)).dense(10).softmax()
        speech = svdf(Net((1, 40), dtype="int8", scale=1 / 20), units=16, rank=2, memory=8).dense(4).softmax()
        for name, net in (("rows", rows), ("speech", speech)):
            ours, theirs = run_sequence(net, tmp_path / name, count=4)
            assert (ours == theirs).all()


def change(net, **options):
    for name, value in options.items():
        setattr(net.operators[0].builtinOptions, name, value)
    return net.to_bytes()


class TestRefusals:
    def test_an_lstm_that_tflm_does_not_compute(self):
        with pytest.raises(ModelError, match="without peepholes, projection or normalisation, with tanh"):
            export_c(read(change(lstm_net(dtype="int8"), fusedActivationFunction=1)))

    def test_an_int16_activation_with_a_zero_point(self):
        net = TypedNet((1, 4, 4, 2), dtype="int16")
        net.tensors[net.last].quantization.zeroPoint = np.array([3])
        with pytest.raises(ModelError, match=r"zero points \[3, 0\]"):
            export_c(read(net.odd_conv().to_bytes()))

    def test_a_depthwise_bias_that_tflm_would_misread(self):
        net = TypedNet((1, 4, 4, 2), dtype="int16")
        net.bias = "int32"
        with pytest.raises(ModelError, match="input 2 is int32; it has to be a constant of int64"):
            export_c(read(net.odd_depthwise().to_bytes()))

    def test_a_comparison_with_nothing(self):
        net = TypedNet((1, 4), dtype="float32").compare("LESS")
        net.operators[0].inputs = net.operators[0].inputs[:1]
        with pytest.raises(ModelError, match="1 inputs and 1 outputs"):
            export_c(read(net.to_bytes()))

    def test_a_curve_onto_another_scale(self):
        net = TypedNet((1, 4), dtype="int16")
        net.use("TANH", [net.last], [net.result((1, 4), 1 / 1000)])
        with pytest.raises(ModelError, match="the kernel writes"):
            export_c(read(net.to_bytes()))

    def test_a_rank_that_its_filters_contradict(self):
        with pytest.raises(ModelError, match="rank 3, filters"):
            export_c(read(change(svdf(Net((1, 6), dtype="int8")), rank=3)))
