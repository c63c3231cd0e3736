"""Networks over time as Conv2D: the same function with the same weights, and QAT takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import tinykit.train as datasets
from tests.compress_graphs import draw_weights
from tests.quantise_combinations import convert_here
from tinykit.ground.errors import ModelError
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.codes import predict_labels
from tinykit.train.compress.pruning import prune
from tinykit.train.compress.quantising import quantise_aware
from tinykit.train.compress.recipe import Training
from tinykit.train.compress.rewriting import as_conv2d
from tinykit.train.compress.support import unsupported_layers
from tinykit.train.compress.training import train
from tinykit.train.keras import load_keras

X = np.random.default_rng(0).normal(size=(3, 24, 5)).astype(np.float32)
BLOCKS = (
    "conv", "strided", "causal", "dilated", "depthwise", "separable", "transpose", "pool", "average", "pad", "crop",
    "enlarge", "normal", "prelu", "shared", "add", "concatenate", "dense", "drop",
)  # fmt: skip


def draw(model: Any, seed: int = 0) -> Any:
    draw_weights(model, np.random.default_rng(seed))
    return model


def same(one: Any, other: Any, x: np.ndarray = X) -> None:
    wide = x.reshape(len(x), *other.input_shape[1:])
    wanted = np.asarray(one(x, training=False))
    found = np.asarray(other(wide, training=False))
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(wanted).max())))


def grow(layers: Any, x: Any, block: str) -> Any:
    made = {
        "conv": lambda: layers.Conv1D(4, 3, padding="same", activation="relu")(x),
        "strided": lambda: layers.Conv1D(4, 4, strides=2, padding="same")(x),
        "causal": lambda: layers.Conv1D(4, 3, padding="causal", dilation_rate=2)(x),
        "dilated": lambda: layers.Conv1D(3, 2, dilation_rate=3)(x),
        "depthwise": lambda: layers.DepthwiseConv1D(3, strides=2, depth_multiplier=2, padding="same")(x),
        "separable": lambda: layers.SeparableConv1D(4, 3, padding="same", depth_multiplier=2)(x),
        "transpose": lambda: layers.Conv1DTranspose(3, 3, strides=2, padding="same")(x),
        "pool": lambda: layers.MaxPooling1D(2, padding="same")(x),
        "average": lambda: layers.AveragePooling1D(3, 2, padding="same")(x),
        "pad": lambda: layers.ZeroPadding1D((1, 2))(x),
        "crop": lambda: layers.Cropping1D((1, 0))(x),
        "enlarge": lambda: layers.UpSampling1D(2)(x),
        "normal": lambda: layers.ReLU()(layers.BatchNormalization()(x)),
        "prelu": lambda: layers.PReLU()(x),
        "shared": lambda: layers.PReLU(shared_axes=[1])(x),
        "add": lambda: layers.Add()([x, layers.Conv1D(int(x.shape[-1]), 1)(x)]),
        "concatenate": lambda: layers.Concatenate()([x, layers.Conv1D(2, 3, padding="same")(x)]),
        "dense": lambda: layers.Dense(4, activation="tanh")(x),
        "drop": lambda: layers.SpatialDropout1D(0.3)(x),
    }
    return made[block]()


@settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=4), st.sampled_from(["flat", "mean", "most", "open"]))
def test_any_network_over_time_computes_the_same(blocks: list[str], end: str) -> None:
    layers = load_keras().layers
    start = x = layers.Input((24, 5))
    for block in blocks:
        x = grow(layers, x, block)
    ends = {"flat": layers.Flatten, "mean": layers.GlobalAveragePooling1D, "most": layers.GlobalMaxPooling1D}
    x = layers.Dense(3, activation="softmax")(ends[end]()(x)) if end in ends else x
    model = draw(load_keras().Model(start, x))
    wide = as_conv2d(model)
    assert wide.input_shape == (None, 24, 1, 5)
    assert not [layer for layer in wide.layers if type(layer).__name__.endswith("1D")]
    assert wide.count_params() == model.count_params()
    same(model, wide)


@pytest.mark.parametrize("block", BLOCKS)
def test_each_layer_by_itself(block: str) -> None:
    layers = load_keras().layers
    start = layers.Input((24, 5))
    model = draw(load_keras().Model(start, grow(layers, start, block)))
    same(model, as_conv2d(model, keep_input=True))


def test_a_sequential_model_keeps_its_input_on_request_and_its_names() -> None:
    layers = load_keras().layers
    model = draw(load_keras().Sequential([
        layers.Input((24, 5), name="wave"), layers.Conv1D(4, 3, name="first"),
        layers.BatchNormalization(axis=2, name="norm"),
        layers.Reshape((11, 8), name="fold"), layers.Conv1D(2, 3, name="second"), layers.Flatten(), layers.Dense(2),
    ]))  # fmt: skip
    kept = as_conv2d(model, keep_input=True)
    assert kept.input_shape == (None, 24, 5)
    same(model, kept)
    assert type(kept.get_layer("second")).__name__ == "Conv2D"
    assert kept.get_layer("fold").output_shape == (None, 11, 1, 8)


def test_a_reshape_into_time_and_channels_falls_away() -> None:
    layers = load_keras().layers
    model = draw(load_keras().Sequential([
        layers.Input((24, 1, 5)), layers.Reshape((24, 5)), layers.Conv1D(2, 3), layers.Flatten(), layers.Dense(2),
    ]))  # fmt: skip
    wide = as_conv2d(model)
    assert "Reshape" not in [type(layer).__name__ for layer in wide.layers]
    np.testing.assert_allclose(wide(X[:, :, None]), model(X[:, :, None]), rtol=1e-5, atol=1e-5)


def test_a_network_of_two_dimensions_comes_back_as_a_copy() -> None:
    layers = load_keras().layers
    model = draw(load_keras().Sequential([
        layers.Input((6, 6, 2)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2),
    ]))  # fmt: skip
    x = np.ones((1, 6, 6, 2), np.float32)
    copy = as_conv2d(model)
    assert copy is not model
    np.testing.assert_array_equal(copy(x), model(x))


def test_then_pruning_to_a_pattern_and_qat_work() -> None:
    whole = datasets.load_dataset()
    data = replace(whole, train=whole.train.take(500), validation=whole.validation.take(64), test=whole.test.take(60))
    layers = load_keras().layers
    model = load_keras().Sequential([
        layers.Input((100, 1, 6)), layers.Reshape((100, 6)), layers.Conv1D(8, 9, strides=2, use_bias=False),
        layers.BatchNormalization(momentum=0.9), layers.ReLU(), layers.MaxPooling1D(4),
        layers.Conv1D(8, 5, padding="causal", activation="relu"), layers.GlobalAveragePooling1D(),
        layers.Dense(7, activation="softmax"),
    ])  # fmt: skip
    assert {layer.kind for layer in unsupported_layers(model)} == {"Conv1D", "BatchNormalization", "MaxPooling1D"}
    trained = train(model, data, Training(3, 4e-3, 32)).model
    wide = as_conv2d(trained)
    assert unsupported_layers(wide) == ()
    sparse = prune(wide, data, "2:4", fit=Training(1, 1e-3, 64))
    assert sparse.skipped == ()
    made = quantise_aware(sparse.model, data, fit=Training(1, 1e-3, 64))
    content = convert_here(made.model, "int8")
    graph = read(content)
    assert graph.precision == "int8"
    assert "RESHAPE" not in [operator.name for operator in graph.operators]
    float_answers = np.asarray(sparse.model(data.test.x, training=False)).argmax(axis=1)
    assert (predict_labels(content, data.test.x) == float_answers).mean() > 0.8


def test_layers_without_a_form_are_named() -> None:
    layers = load_keras().layers
    start = layers.Input((24, 5))
    with pytest.raises(ModelError, match=r"LSTM 'memory' works on \(time, channels\) and has no 2-D form here"):
        as_conv2d(load_keras().Model(start, layers.LSTM(3, name="memory")(start)))
    word = layers.Input((9,))
    with pytest.raises(ModelError, match=r"Embedding 'words' works on \(time, channels\)"):
        as_conv2d(load_keras().Model(word, layers.Embedding(5, 3, name="words")(word)))
    odd = layers.MaxPooling1D(2, data_format="channels_first", name="odd")(start)
    with pytest.raises(ModelError, match="MaxPooling1D 'odd' has its channels first; build it with channels last"):
        as_conv2d(load_keras().Model(start, odd))
