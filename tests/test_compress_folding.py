"""Batch normalisation folded into Dense: the same function, and an int8 file that is still right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tinykit.train import zoo
from tinykit.train.compress.quantising import _wrap, calibrate_ranges
from tinykit.train.compress.support import fold_batchnorm
from tinykit.train.conversion.converting import convert
from tinykit.train.keras import load_keras

WIDTH = 32
X = np.random.default_rng(1).standard_normal((64, WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def keras() -> Any:
    return load_keras()


@pytest.fixture(scope="module")
def autoencoder() -> Any:
    model = zoo.build_network("fc-autoencoder", input_shape=(WIDTH,), classes=WIDTH)
    rng = np.random.default_rng(2)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            gamma, beta, mean, variance = (np.asarray(weight) for weight in layer.weights)
            layer.set_weights([
                rng.uniform(0.5, 2, gamma.shape), rng.normal(0, 0.3, beta.shape),
                rng.normal(0, 0.5, mean.shape), rng.uniform(0.3, 2, variance.shape),
            ])  # fmt: skip
    return model


def test_functional_model(autoencoder: Any) -> None:
    folded, names = fold_batchnorm(autoencoder)
    assert len(names) == 9
    assert not [layer for layer in folded.layers if type(layer).__name__ == "BatchNormalization"]
    np.testing.assert_allclose(folded(X), autoencoder(X), rtol=1e-4, atol=1e-4)


def test_sequential_model_without_bias_scale_or_centre(keras: Any) -> None:
    layers = [keras.layers.Input((WIDTH,)), keras.layers.Dense(8, use_bias=False, name="first")]
    layers += [keras.layers.BatchNormalization(scale=False, center=False, name="norm"), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    model.get_layer("norm").set_weights([np.linspace(-1, 1, 8), np.linspace(0.5, 2, 8)])
    folded, names = fold_batchnorm(model)
    assert names == ("norm",)
    assert folded.get_layer("first").use_bias
    np.testing.assert_allclose(folded(X), model(X), rtol=1e-4, atol=1e-5)


def test_what_must_not_be_folded_is_left(keras: Any) -> None:
    start = keras.layers.Input((WIDTH,))
    active = keras.layers.Dense(8, activation="relu")(start)
    shared = keras.layers.Dense(8)(active)
    normal = keras.layers.BatchNormalization()(shared)
    model = keras.Model(start, keras.layers.Add()([shared, normal, keras.layers.BatchNormalization()(active)]))
    folded, names = fold_batchnorm(model)
    assert names == ()
    assert folded is not model
    np.testing.assert_array_equal(folded(X), model(X))


def test_a_normalisation_at_the_end(keras: Any) -> None:
    start = keras.layers.Input((WIDTH,))
    model = keras.Model(start, keras.layers.BatchNormalization()(keras.layers.Dense(3)(start)))
    folded, names = fold_batchnorm(model)
    assert len(names) == 1
    np.testing.assert_allclose(folded(X), model(X), rtol=1e-4, atol=1e-5)


def run_int8(content: bytes, x: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    start, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for sample in x:
        scale, zero = start["quantization"]
        interpreter.set_tensor(
            start["index"], np.clip(np.round(sample[None] / scale + zero), -128, 127).astype(np.int8)
        )
        interpreter.invoke()
        scale, zero = end["quantization"]
        outputs.append((interpreter.get_tensor(end["index"])[0].astype(np.float32) - zero) * scale)
    return np.array(outputs)


def test_int8_of_the_folded_qat_model_follows_its_float_parent(autoencoder: Any) -> None:
    folded, _ = fold_batchnorm(autoencoder)
    wrapped = _wrap(folded, False)
    calibrate_ranges(wrapped, folded, X)
    wanted = np.asarray(autoencoder(X))
    fake, real = np.asarray(wrapped(X)), run_int8(convert(wrapped).model, X)
    spread = wanted.var()
    assert ((fake - wanted) ** 2).mean() < 0.02 * spread
    assert ((real - wanted) ** 2).mean() < 0.02 * spread
