"""4-bit weights that survive training and conversion: counted in the int8 tensors, not in Keras."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tinykit.train as datasets
from tests.quantise_combinations import convert_here
from tinykit.choose.design.steps import Step, follow
from tinykit.ground.errors import ModelError
from tinykit.model.graph.reading import read
from tinykit.model.record import open_record
from tinykit.predict.packing.decoding import code_weights
from tinykit.predict.packing.gridding import LEVELS
from tinykit.train import zoo
from tinykit.train.compress.gridding import grid
from tinykit.train.compress.pruning import count_zeros, prune
from tinykit.train.compress.quantising import quantise_aware
from tinykit.train.compress.recipe import Training
from tinykit.train.compress.training import Trained, predict, train
from tinykit.train.conversion.keras_file import load_model
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.keras import load_keras

QUICK = Training(1, 2e-3, 64)


@pytest.fixture(scope="module")
def data() -> Dataset:
    whole = datasets.load_dataset()
    return replace(whole, train=whole.train.take(400), validation=whole.validation.take(64), test=whole.test.take(100))


@pytest.fixture(scope="module")
def made(data: Dataset) -> Trained:
    return grid(zoo.build_network("watch-cnn"), data, fit=QUICK)


def kernels(content: bytes) -> dict[str, np.ndarray]:
    graph = read(content)
    names = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    return {f"{op.name} {op.index}": graph.constant(op.inputs[1]) for op in graph.operators if op.name in names}


def test_every_kernel_of_the_file_has_the_same_fifteen_numbers(made: Trained, data: Dataset) -> None:
    content = convert_here(made.model, "int8", data.test.x)
    found = kernels(content)
    assert len(found) == 4
    assert all(np.isin(values, LEVELS).all() for values in found.values())
    coded = code_weights(content)
    assert coded.equal
    assert [(one.bits, one.tables) for one in coded.coded] == [(4, 1)] * 4
    assert coded.flatbuffer_bytes <= 7_500


def test_the_model_is_plain_again_and_the_given_one_as_it_was(made: Trained, data: Dataset) -> None:
    model = zoo.build_network("watch-cnn")
    before = [one.copy() for one in model.get_weights()]
    grid(model, data, fit=QUICK)
    assert all(map(np.array_equal, before, model.get_weights()))
    assert all("call" not in vars(layer) for layer in made.model.layers)
    assert {type(layer).__module__.partition(".")[0] for layer in made.model.layers} == {"tf_keras"}
    trained = train(made.model, data, QUICK)  # weights leave the grid where nothing rounds them
    kernel = np.asarray(trained.model.get_layer("conv_2").kernel)
    assert max(len(np.unique(kernel[..., channel])) for channel in range(kernel.shape[-1])) > 15
    assert predict(made.model, data.test.x).shape == (100,)


def test_normalisation_folds_and_keeps_the_grid(data: Dataset) -> None:
    layers = load_keras().layers
    start = x = layers.Input(data.input_shape)
    x = layers.BatchNormalization()(layers.Conv2D(6, (5, 1), use_bias=False, name="first")(x))
    x = layers.ReLU()(layers.BatchNormalization()(layers.DepthwiseConv2D((3, 1), depth_multiplier=2)(layers.ReLU()(x))))
    x = layers.SeparableConv2D(8, (3, 1), activation="relu")(x)
    x = layers.BatchNormalization()(layers.Dense(12)(layers.GlobalAveragePooling2D()(x)))
    model = load_keras().Model(start, layers.Dense(len(data.classes), activation="softmax")(x))
    made = grid(model, data, fit=QUICK)
    found = kernels(convert_here(made.model, "int8", data.test.x))
    assert len(found) == 6
    assert all(np.isin(values, LEVELS).all() for values in found.values())


def test_zeros_are_held(data: Dataset) -> None:
    sparse = prune(zoo.build_network("watch-cnn"), data, 0.75, fit=Training(2, 2e-3, 64)).model
    held = grid(sparse, data, fit=QUICK)
    zeros = {one.name: one.zeros for one in count_zeros(sparse)}
    assert all(one.zeros >= zeros[one.name] for one in count_zeros(held.model))


def test_what_cannot_go_on_a_grid(data: Dataset) -> None:
    model = zoo.build_network("watch-cnn")
    layers = load_keras().layers
    start = layers.Input(data.input_shape)
    bare = load_keras().Model(
        start, layers.Softmax()(layers.GlobalAveragePooling2D()(layers.Conv2DTranspose(7, 1)(start)))
    )
    with pytest.raises(ModelError, match="the model has no layer to put on a grid; of use are Conv1D, Conv2D, Dense"):
        grid(bare, data)
    wrapped = quantise_aware(model, data, fit=QUICK).model
    with pytest.raises(ModelError, match="the model is already wrapped by tfmot; grid its float parent"):
        grid(wrapped, data)


def test_as_steps_of_a_design(data: Dataset, tmp_path: Any) -> None:
    seed = {"seed": 0, "epochs": 1, "learning_rate": 2e-3, "batch_size": 64}
    steps = (
        Step("float", "train", "", {"network": "watch-cnn", **seed}),
        Step("on-grid", "grid", "float", seed),
        Step("int8", "convert", "on-grid", {"precision": "int8", "representative": 64}),
        Step("packed", "decode", "int8"),
    )
    said: list[str] = []
    record = follow(open_record(tmp_path, data.name), steps, data, say=said.append)
    assert record.stages["packed"].results["equal"]
    grown = predict(load_model(record.path("on-grid")), data.test.x)
    assert grown.shape == (100,)
    assert record.stages["on-grid"].recipe["action"] == "grid"
    again = follow(record, steps, data, say=said.append)
    assert said[-1] == "packed: as recorded"
    assert {name: one.sha256 for name, one in again.stages.items()} == {
        name: one.sha256 for name, one in record.stages.items()
    }
