"""Clusters and zeros that survive training, QAT and conversion: counted in the int8 tensors, not in Keras."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tinykit.train as datasets
from tests.quantise_combinations import convert_here
from tinykit.ground.errors import ModelError, ParameterError
from tinykit.model.graph.reading import read
from tinykit.train import zoo
from tinykit.train.compress.clustering import Clustered, cluster, count_clusters, find_centroids
from tinykit.train.compress.pruning import prune
from tinykit.train.compress.quantising import quantise_aware
from tinykit.train.compress.recipe import Training
from tinykit.train.compress.sharing import find_groups
from tinykit.train.compress.training import predict
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.keras import load_keras, load_tfmot, quiet

QUICK = Training(1, 2e-3, 64)


@pytest.fixture(scope="module")
def data() -> Dataset:
    whole = datasets.load_dataset()
    return replace(whole, train=whole.train.take(400), validation=whole.validation.take(64), test=whole.test.take(100))


@pytest.fixture(scope="module")
def sparse(data: Dataset) -> Any:
    return prune(zoo.build_network("watch-cnn"), data, 0.75, fit=Training(2, 2e-3, 64)).model


@pytest.fixture(scope="module")
def both(sparse: Any, data: Dataset) -> Clustered:
    return cluster(sparse, data, 8, fit=QUICK)


def int8_kernels(content: bytes) -> list[tuple[np.ndarray, int]]:
    """Kernels of convolutions and dense layers as stored, [out, …], and how many scales each has."""
    graph = read(content)
    found = [op.inputs[1] for op in graph.operators if op.name in ("CONV_2D", "FULLY_CONNECTED")]
    return [(graph.constant(index), len(graph.tensors[index].scales)) for index in found]


def most_values(kernel: np.ndarray, scales: int) -> int:
    rows = kernel.reshape(len(kernel), -1) if scales > 1 else kernel.reshape(1, -1)
    return max(len(np.unique(row)) for row in rows)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 2**16), st.integers(1, 300), st.integers(2, 20), st.booleans())
def test_centroids(seed: int, size: int, count: int, zero: bool) -> None:
    weights = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    weights[np.abs(weights) < 0.4] = 0
    centroids, places = find_centroids(weights, count, zero=zero)
    found = centroids[places]
    assert len(np.unique(found)) <= count
    assert found.min() >= weights.min()
    assert found.max() <= weights.max()
    if zero:
        assert np.array_equal(found == 0, weights == 0)
    nearest = centroids[np.abs(weights[:, None] - centroids).argmin(axis=1)]
    if not zero:
        np.testing.assert_allclose(np.abs(weights - found), np.abs(weights - nearest), atol=1e-6)


def test_centroids_by_hand() -> None:
    weights = np.array([-1.0, -0.9, 0.0, 0.0, 2.0, 2.2], np.float32)
    centroids, places = find_centroids(weights, 3)
    assert centroids == pytest.approx([-0.95, 0.0, 2.1])
    assert places.tolist() == [0, 0, 1, 1, 2, 2]
    assert find_centroids(np.zeros(3, np.float32), 4, zero=True)[0].tolist() == [0.0]


def test_groups_are_found_again_and_only_where_values_are_shared() -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 5)).astype(np.float32)
    assert find_groups(kernel, True) is None
    kernel[np.abs(kernel) < 1] = 0
    assert find_groups(kernel, True) is None  # sparse is not clustered
    shared = np.round(kernel)
    groups = find_groups(shared, True)
    assert groups is not None
    for channel in range(5):
        assert len(np.unique(groups[..., channel])) == len(np.unique(shared[..., channel]))
    assert len(np.unique(groups)) == sum(len(np.unique(shared[..., channel])) for channel in range(5))
    whole = find_groups(shared, False)
    assert whole is not None
    assert len(np.unique(whole)) == len(np.unique(shared))
    few = np.array([[1.0], [2.0], [3.0], [4.0], [4.0], [0.0]], np.float32)
    assert find_groups(few, False) is None  # four values for five weights may be chance
    held = find_groups(few, False, any_shared=True)
    assert held is not None
    assert held[:, 0].tolist() == [1, 2, 3, 4, 4, 0]
    assert find_groups(np.linspace(0, 1, 400, dtype=np.float32).reshape(4, 100), False) is None


def test_clusters_and_zeros_are_held_through_training(both: Clustered, sparse: Any, data: Dataset) -> None:
    assert both.sparse == ("conv_1", "conv_2", "conv_3", "dense_1")
    assert (both.skipped, both.folded, both.notes, both.clusters) == ((), (), (), 8)
    assert all(layer.most <= 8 for layer in both.layers)
    assert both.layers[-1].distinct <= 8  # dense: one scale, one set of values
    for before, after in zip(sparse.get_weights(), both.model.get_weights(), strict=True):
        if before.ndim > 1:
            assert np.array_equal(before == 0, after == 0)
            assert not np.array_equal(before, after)
    assert (predict(both.model, data.test.x) == predict(sparse, data.test.x)).mean() > 0.5


def test_a_table_for_the_whole_kernel_and_one_for_each_layer(data: Dataset) -> None:
    made = cluster(zoo.build_network("watch-cnn"), data, {"conv_2": 4, "conv_3": 16}, per_channel=False, fit=QUICK)
    assert [(layer.name, layer.distinct) for layer in made.layers] == [("conv_2", 4), ("conv_3", 16)]
    assert made.sparse == ()
    assert count_clusters(made.model, ("conv_1",))[0].distinct > 800


@pytest.mark.parametrize("preserve", ["clusters", "both"])
def test_they_survive_qat_into_the_int8_tensors(both: Clustered, data: Dataset, preserve: str) -> None:
    trained = quantise_aware(both.model, data, preserve=preserve, fit=QUICK)
    assert trained.preserved == preserve
    assert all(layer.most <= 8 for layer in count_clusters(trained.model))
    kernels = int8_kernels(convert_here(trained.model, "int8"))
    assert len(kernels) == 4
    assert all(most_values(kernel, scales) <= 8 for kernel, scales in kernels)
    if preserve == "both":
        zeros = [layer.zeros for layer in both.zeros]
        assert all((kernel == 0).sum() >= count for (kernel, _), count in zip(kernels, zeros, strict=True))


def test_they_survive_calibration_too_and_the_seed_gives_the_same_weights(
    both: Clustered, sparse: Any, data: Dataset
) -> None:
    again = cluster(sparse, data, 8, fit=QUICK)
    assert all(np.array_equal(a, b) for a, b in zip(both.model.get_weights(), again.model.get_weights(), strict=True))
    for kernel, _ in int8_kernels(convert_here(both.model, "int8", data.representative(50))):
        assert most_values(kernel, 2) <= 8
        assert (kernel == 0).mean() >= 0.74


def test_what_to_hold_is_read_from_the_model(both: Clustered, sparse: Any, data: Dataset) -> None:
    brief = Training(1, 1e-6, 400)
    assert quantise_aware(both.model, data, fit=brief).preserved == "both"
    shared = cluster(zoo.build_network("watch-cnn"), data, 8, fit=brief)
    assert quantise_aware(shared.model, data, fit=brief).preserved == "clusters"
    with pytest.raises(ParameterError, match="preserve 'both', but no kernel has shared values; cluster the model"):
        quantise_aware(sparse, data, preserve="both", fit=brief)
    with pytest.raises(ParameterError, match="preserve 'zeros' is unknown; allowed: none, sparsity, clusters, both"):
        quantise_aware(sparse, data, preserve="zeros", fit=brief)


def test_normalisation_behind_dense_is_folded_before_its_values_are_shared(data: Dataset) -> None:
    layers = load_keras().layers
    model = load_keras().Sequential([
        layers.Input((100, 1, 6)), layers.Flatten(), layers.Dense(8, name="hidden"),
        layers.BatchNormalization(name="norm"), layers.ReLU(), layers.Dense(7, name="last"),
    ])  # fmt: skip
    made = cluster(model, data, 16, preserve_sparsity=True, fit=QUICK)
    assert made.folded == ("norm",)
    assert all(layer.distinct <= 16 for layer in made.layers)
    trained = quantise_aware(made.model, data, fit=QUICK)
    assert all(layer.distinct <= 16 for layer in count_clusters(trained.model))


def test_small_kernels_are_left_and_named(data: Dataset) -> None:
    model = zoo.build_network("watch-cnn")
    made = cluster(model, data, {"conv_1": 60, "conv_2": 60}, fit=QUICK)
    assert made.skipped == ("conv_1",)
    assert made.notes == ("conv_1: not clustered, as few weights as clusters in each channel",)
    with pytest.raises(ModelError, match=r"too few weights for its clusters \(conv_1\); ask for fewer"):
        cluster(model, data, {"conv_1": 60}, fit=QUICK)


def test_zeros_of_layers_that_are_not_clustered_are_held_too(sparse: Any, data: Dataset) -> None:
    made = cluster(sparse, data, {"conv_1": 60, "conv_2": 8}, fit=QUICK)
    assert made.skipped == ("conv_1",)
    for name in ("conv_1", "conv_3"):
        before, after = (np.asarray(one.get_layer(name).kernel) for one in (sparse, made.model))
        assert np.array_equal(before == 0, after == 0)
        assert not np.array_equal(before, after)


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        (1, "1 clusters for 'conv_1'; allowed: whole numbers 2–128"),
        (200, "200 clusters for 'conv_1'"),
        (4.0, "4.0 clusters for 'conv_1'"),
        ({}, "clusters for each layer that name none"),
        ({"norm_1": 8}, "layer 'norm_1' cannot be clustered; allowed: conv_1"),
    ],
)
def test_requests_that_make_no_sense(data: Dataset, clusters: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        cluster(zoo.build_network("watch-cnn"), data, clusters)


def test_models_that_cannot_be_clustered(data: Dataset) -> None:
    layers = load_keras().layers
    bare = [layers.Input((100, 1, 6)), layers.DepthwiseConv2D((100, 1), depth_multiplier=7)]
    bare += [layers.Reshape((6, 7)), layers.GlobalAveragePooling1D()]
    with pytest.raises(ModelError, match="no layer to cluster; those that can be are Conv1D"):
        cluster(load_keras().Sequential(bare), data)
    with quiet():
        wrapped = load_tfmot().quantization.keras.quantize_model(zoo.build_network("watch-cnn"))
    with pytest.raises(ModelError, match="already wrapped by tfmot; cluster its float parent"):
        cluster(wrapped, data)
