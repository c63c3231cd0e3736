"""runtime.scoring and runtime.verify: rounding against TFLM's own kernel, accuracy, differences from LiteRT."""

from __future__ import annotations

import numpy as np
import pytest

import tinykit.predict as runtime
from tests.models import Net, autoencoder, identity_classifier, small_cnn
from tinykit.ground.errors import DataError, ModelError, ParameterError


class TestQuantise:
    @pytest.mark.parametrize(("scale", "zero_point"), [(0.5, 3), (1 / 50, -128), (0.0037, 17)])
    def test_as_the_quantize_kernel_rounds(self, scale, zero_point):
        halves = np.arange(-300, 300, dtype=np.float32) * np.float32(scale / 2)
        values = np.concatenate([halves, np.random.default_rng(0).normal(0, 60 * scale, 424)]).astype(np.float32)
        model = Net((1, 1024), dtype="float32").quantise(scale, zero_point).to_bytes()
        kernel = runtime.run_model(model, values[None])[0]
        assert np.array_equal(runtime.quantise_input(values, scale, zero_point), kernel)

    def test_by_hand(self):
        assert runtime.quantise_input([0.25, -0.25, 1e9, -1e9], 0.5, 3).tolist() == [4, 2, 127, -128]

    def test_round_trip_is_within_half_a_step(self):
        values = np.linspace(-2, 2, 101)
        back = runtime.dequantise(runtime.quantise_input(values, 0.05, 4), 0.05, 4)
        assert np.abs(back - values).max() <= 0.025 * (1 + 1e-5)

    def test_every_integer_survives(self):
        every = np.arange(-128, 128, dtype=np.int8)
        assert np.array_equal(runtime.quantise_input(runtime.dequantise(every, 0.0123, -7), 0.0123, -7), every)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_not_finite(self, bad):
        with pytest.raises(DataError, match="1 values that are NaN or infinite"):
            runtime.quantise_input([0.0, bad], 0.1, 0)

    @pytest.mark.parametrize(("scale", "dtype"), [(0.0, "int8"), (-1.0, "int8"), (0.1, "float32"), (np.nan, "int8")])
    def test_no_quantisation(self, scale, dtype):
        with pytest.raises(ModelError, match="no valid quantisation"):
            runtime.quantise_input([0.0], scale, 0, dtype)


class TestScore:
    def test_predictions_are_the_largest_output(self):
        x = np.eye(4, dtype=np.float32)[[2, 0, 3, 1]]
        assert runtime.predict_labels(identity_classifier(), x).tolist() == [2, 0, 3, 1]

    def test_axes_of_length_one_may_be_missing(self):
        assert runtime.predict_labels(small_cnn(), np.zeros((3, 8, 8))).shape == (3,)

    @pytest.mark.parametrize("shape", [(3, 8, 7), (3, 64), (0, 8, 8, 1), ()])
    def test_wrong_shape(self, shape):
        with pytest.raises(DataError, match="the model takes"):
            runtime.predict_labels(small_cnn(), np.zeros(shape))

    @pytest.mark.parametrize("dtype", ["int8", "float32"])
    def test_nan(self, dtype):
        with pytest.raises(DataError, match="NaN or infinite"):
            runtime.predict_labels(small_cnn(dtype), np.full((1, 8, 8, 1), np.nan))


class TestVerify:
    def test_convolutions_agree_with_the_reference_kernels(self):
        model = Net((1, 8, 8, 1)).conv(4).depthwise().to_bytes()
        checked = runtime.verify_model(model, runtime.sample_inputs(model, 8))
        same = checked["litert-reference"]
        assert same.histogram == {0: 8 * 8 * 8 * 4}
        assert (same.fraction_equal, same.max_difference, same.top1_agreement) == (1.0, 0, 1.0)
        assert same.explanation == "every output value is equal."
        assert checked.n == 8

    def test_dense_layers_differ_by_a_few_lsb_and_say_why(self):
        """Single against double rounding (facts of the firmware runs: 362 of 640 outputs of the MLPerf autoencoder)."""
        model = autoencoder(width=64)
        checked = runtime.verify_model(model, runtime.sample_inputs(model, 64))
        reference = checked["litert-reference"]
        assert 0 < reference.max_difference <= 4
        assert sum(reference.histogram.values()) == 64 * 64
        assert reference.fraction_equal == pytest.approx(reference.histogram[0] / 4096)
        assert "twice" in reference.explanation
        assert "XNNPACK" in checked["litert-xnnpack"].explanation
        assert [one.reference for one in checked.comparisons] == list(runtime.ENGINES[1:])
        assert "litert-optimised: " in str(checked)

    def test_integers_and_reals_are_the_same_question(self):
        model = small_cnn()
        reals = runtime.sample_inputs(model, 4)
        integers = runtime.quantise_input(reals, 1 / 64, -3)
        assert runtime.verify_model(model, reals) == runtime.verify_model(model, integers)

    def test_against_another_model(self):
        model, other = small_cnn(), small_cnn(seed=5)
        reals = runtime.sample_inputs(model, 8)
        assert runtime.verify_model(model, reals, other)["against"].max_difference > 1
        with pytest.raises(DataError, match="compare models of one task"):
            runtime.verify_model(model, reals, small_cnn(classes=3))

    def test_float_outputs_are_counted_in_epsilons(self):
        model = small_cnn("float32")
        checked = runtime.verify_model(model, runtime.sample_inputs(model, 4))
        assert checked.step < 1.3e-7
        assert checked["litert-reference"].max_difference < 64

    def test_wrong_integers(self):
        with pytest.raises(DataError, match="inputs are int32, which is not the model's dtype"):
            runtime.verify_model(small_cnn(), np.zeros((1, 8, 8, 1), np.int32))

    def test_unknown_reference(self):
        checked = runtime.Verification(1, 1.0, ())
        with pytest.raises(ParameterError, match="no comparison with 'tvm'"):
            checked["tvm"]
