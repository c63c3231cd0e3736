"""The 2:4 pattern, and sparsity of its own for each layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tinykit.train as datasets
from tests.quantise_combinations import convert_here
from tinykit.ground.errors import ModelError, ParameterError
from tinykit.model.graph.reading import read
from tinykit.train import zoo
from tinykit.train.compress.pruning import Pruned, count_zeros, prune, refuse_pattern
from tinykit.train.compress.quantising import quantise_aware
from tinykit.train.compress.recipe import Training
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.keras import load_keras

QUICK = Training(1, 1e-3, 64)


def holds_pattern(stored: np.ndarray) -> bool:
    """At most two non-zeros in each block of four along the last axis, the last one filled up with zeros."""
    rows = np.asarray(stored).reshape(-1, np.shape(stored)[-1]) != 0
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    return bool((padded.reshape(-1, 4).sum(axis=1) <= 2).all())


@pytest.fixture(scope="module")
def data() -> Dataset:
    whole = datasets.load_dataset()
    return replace(whole, train=whole.train.take(400), validation=whole.validation.take(64), test=whole.test.take(100))


@pytest.fixture(scope="module")
def pruned(data: Dataset) -> Pruned:
    return prune(zoo.build_network("watch-cnn"), data, "2:4", fit=QUICK)


@pytest.mark.parametrize(
    ("kernel", "holds"),
    [
        ([[1, 0, 0, 2], [0, 3, 4, 0]], True),
        ([[1, 0, 5, 2]], False),
        ([[1, 0, 0, 2, 6, 7]], True),  # the last block is filled up
        ([[1, 0, 0, 2, 6, 7, 8]], False),
        ([[0, 0, 1, 1, 1, 1, 0, 0]], True),
        ([[0, 1, 1, 1, 1, 0, 0, 0]], False),
    ],
)
def test_a_block_is_four_consecutive_weights(kernel: list[list[int]], holds: bool) -> None:
    assert holds_pattern(kernel) is holds


def test_half_of_each_block_is_zero_in_keras(pruned: Pruned) -> None:
    assert (pruned.target, pruned.skipped) == ("2:4", ())
    for layer in pruned.layers:
        kernel = np.asarray(pruned.model.get_layer(layer.name).kernel)
        assert holds_pattern(np.moveaxis(kernel, -1, 0))
    zeros = {layer.name: layer.sparsity for layer in pruned.layers}
    assert zeros["conv_1"] == pytest.approx(1 / 3)  # six input channels: one block, and two that no block fills
    assert (zeros["conv_2"], zeros["conv_3"], zeros["dense_1"]) == (0.5, 0.5, 0.5)


def test_the_pattern_survives_into_the_int8_tensors(pruned: Pruned, data: Dataset) -> None:
    trained = quantise_aware(pruned.model, data, fit=QUICK)
    assert trained.preserved == "sparsity"
    graph = read(convert_here(trained.model, "int8"))
    kernels = [graph.constant(op.inputs[1]) for op in graph.operators if op.name in ("CONV_2D", "FULLY_CONNECTED")]
    assert len(kernels) == 4
    assert all(holds_pattern(kernel) for kernel in kernels)


def test_kernels_the_pattern_skips_are_named(data: Dataset) -> None:
    layers = load_keras().layers
    model = load_keras().Sequential([
        layers.Input((100, 1, 6)), layers.Conv2D(3, (3, 1), (2, 1), name="narrow"),
        layers.Conv2D(8, (3, 1), (4, 1), name="few"), layers.Conv2D(4, (3, 1), name="wide"), layers.Reshape((10, 4)),
        layers.Conv1D(4, 3, name="wave"), layers.Flatten(), layers.Dense(7, name="last"),
    ])  # fmt: skip
    made = prune(model, data, "2:4", fit=QUICK)
    assert made.skipped == ("few", "wave")
    assert made.notes[-1] == (
        "2:4 left few as it is (3 input channels are fewer than a block of 4); "
        "wave as it is (Conv1D has a kernel of rank 3; write it as Conv2D (as_conv2d))"
    )
    assert count_zeros(made.model, ("few",))[0].zeros == 0
    with pytest.raises(ParameterError, match="layer 'wave' cannot take 2:4: Conv1D has a kernel of rank 3"):
        prune(model, data, {"wave": "2:4"}, fit=QUICK)
    with pytest.raises(ModelError, match="no layer can take 2:4: few as it is"):
        prune(model, data, "2:4", layers=("few", "wave"), fit=QUICK)
    backwards = layers.Conv2DTranspose(4, 2)
    backwards.build((None, 4, 4, 8))
    assert "the other way round" in refuse_pattern(backwards)


@pytest.mark.parametrize("schedule", ["polynomial", "constant"])
def test_each_layer_its_own_sparsity(data: Dataset, schedule: str) -> None:
    wanted: dict[str, Any] = {"conv_1": 0.25, "conv_2": "2:4", "dense_1": 0.5}
    made = prune(zoo.build_network("watch-cnn"), data, wanted, schedule=schedule, fit=QUICK)
    assert made.target == wanted
    assert {layer.name: round(layer.sparsity, 3) for layer in made.layers} == {
        "conv_1": 0.25, "conv_2": 0.5, "dense_1": 0.5,
    }  # fmt: skip
    assert count_zeros(made.model, ("conv_3",))[0].zeros == 0
