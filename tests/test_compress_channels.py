"""Structured pruning: the slim network is the wide one with those channels at zero, whatever the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.compress_graphs import build_random, recipes
from tinykit.ground.errors import ModelError, ParameterError
from tinykit.model.graph.reading import read
from tinykit.train import zoo
from tinykit.train.compress.channels.choosing import choose_channels, count_kept, group_channels, rate_channels
from tinykit.train.compress.channels.slimming import blank_weights, prune_channels, rebuild
from tinykit.train.compress.channels.tracing import trace_channels
from tinykit.train.compress.channels.wiring import count_macs, read_wiring
from tinykit.train.conversion.converting import convert
from tinykit.train.keras import load_keras, load_tfmot, quiet

X = np.random.default_rng(5).normal(size=(4, 6, 5, 2)).astype(np.float32)
property_test = settings(
    max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)


def outputs(model: Any, x: np.ndarray = X) -> np.ndarray:
    return np.asarray(model(x, training=False))


def close(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(other).max())))


def blanked(model: Any, kept: dict[str, tuple[int, ...]]) -> Any:
    """The wide model with every filter at zero that `kept` leaves out, on the side that makes it and that uses it."""
    wires, _ = read_wiring(model)
    channels = trace_channels(model)
    gone = np.zeros(len(channels.held), dtype=bool)
    for name, indices in kept.items():
        gone[np.delete(channels.outputs[name], indices)] = True
    copy = load_keras().models.clone_model(model)
    for wire in wires:
        if wire.layer.weights:
            copy.get_layer(wire.name).set_weights(blank_weights(wire, channels, gone))
    return copy


@property_test
@given(recipes)
def test_with_nothing_removed_nothing_changes(recipe: Any) -> None:
    model = build_random(recipe)
    slim = prune_channels(model, 0.0)
    assert slim.model is not model
    assert (slim.macs_after, slim.parameters_after) == (slim.macs_before, slim.parameters_before)
    assert np.array_equal(outputs(slim.model), outputs(model))


@property_test
@given(recipes, st.floats(0.05, 0.95), st.sampled_from([1, 2, 4]), st.sampled_from(["l1", "l2"]))
def test_the_slim_network_computes_what_the_wide_one_does_without_those_channels(
    recipe: Any, fraction: float, multiple: int, norm: str
) -> None:
    model = build_random(recipe)
    before = model.get_weights()
    slim = prune_channels(model, fraction, importance=norm, multiple_of=multiple)
    assert slim.model.output_shape == model.output_shape
    assert slim.model.input_shape == model.input_shape
    assert [layer.name for layer in slim.model.layers] == [layer.name for layer in model.layers]
    assert slim.macs_after <= slim.macs_before
    assert slim.parameters_after == slim.model.count_params()
    for layer in slim.channels:
        assert slim.model.get_layer(layer.name).output_shape[-1] == len(layer.kept) >= 1
    close(outputs(slim.model), outputs(blanked(model, slim.kept)))
    assert all(np.array_equal(one, two) for one, two in zip(before, model.get_weights(), strict=True))


@property_test
@given(recipes, st.integers(0, 2**16))
def test_dead_channels_go_first_and_take_nothing_with_them(recipe: Any, seed: int) -> None:
    model = build_random(recipe)
    channels = trace_channels(model)
    groups = group_channels(channels)
    rng = np.random.default_rng(seed)
    dead = np.zeros(len(channels.held), dtype=bool)
    for classes in groups.values():
        dead[rng.permutation(classes)[: len(classes) // 2]] = True
    silence(model, channels, dead)
    fractions = {makers: (len(classes) // 2) / len(classes) for makers, classes in groups.items()}
    wires, _ = read_wiring(model)
    gone = choose_channels(groups, rate_channels(wires, channels), fractions, 1)
    assert np.array_equal(gone, dead)
    close(outputs(rebuild(model, wires, channels, gone)), outputs(model))


def silence(model: Any, channels: Any, dead: np.ndarray) -> None:
    """Zero in all that makes a dead channel: kernels, biases, scale and offset; those that use it stay."""
    for layer in model.layers:
        zero = dead[channels.outputs[layer.name]]
        changed = []
        for weight, values in zip(layer.weights, layer.get_weights(), strict=True):
            name = weight.name.rsplit("/", maxsplit=1)[-1]
            if name == "kernel:0" and "transpose" in layer.name:
                values[..., zero, :] = 0
            elif name == "depthwise_kernel:0" and "separable" not in layer.name:
                values[..., dead[channels.inputs[layer.name]], :] = 0
            elif name in ("kernel:0", "pointwise_kernel:0", "bias:0", "gamma:0", "beta:0"):
                values[..., zero] = 0
            changed.append(values)
        layer.set_weights(changed)


@pytest.mark.parametrize("name", [network.name for network in zoo.networks()])
def test_the_zoo_loses_macs_and_keeps_its_form(name: str) -> None:
    network = next(one for one in zoo.networks() if one.name == name)
    model = zoo.build_network(name)
    assert count_macs(model) == network.macs
    slim = prune_channels(model, 0.5, multiple_of=4)
    assert slim.macs_saved > 0.5
    assert slim.model.output_shape == model.output_shape
    movable = {maker for makers in group_channels(trace_channels(model)) for maker in makers}
    assert all(len(layer.kept) % 4 == 0 for layer in slim.channels if layer.name in movable)
    assert f"{slim.macs_before:,} → {slim.macs_after:,}" in str(slim)
    assert slim.notes == ()


def test_residual_layers_are_coupled() -> None:
    slim = prune_channels(zoo.build_network("resnet8"), {"conv_3": 0.25, "conv_8": 0.5})
    assert slim.coupled == (("conv_1", "conv_3"), ("conv_5", "conv_6"), ("conv_8", "conv_9"))
    kept = slim.kept
    assert kept["conv_1"] == kept["conv_3"]
    assert len(kept["conv_1"]) == 12
    assert kept["conv_8"] == kept["conv_9"]
    assert len(kept["conv_8"]) == 32
    assert len(kept["conv_2"]) == 16
    assert [str(layer) for layer in slim.channels][:2] == ["conv_1: 12 of 16", "conv_2: 16 of 16"]
    assert slim.channels[0].before - len(slim.channels[0].kept) == 4


def test_a_sequential_model_and_its_converted_file() -> None:
    layers = load_keras().layers
    model = load_keras().Sequential([
        layers.Input((8, 8, 1)), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(),
        layers.Dense(8, activation="relu"), layers.Dense(3),
    ])  # fmt: skip
    slim = prune_channels(model, 0.5)
    wide, narrow = (convert(one, precision="float32") for one in (model, slim.model))
    assert read(wide.model).macs == slim.macs_before
    assert read(narrow.model).macs == slim.macs_after
    assert narrow.flatbuffer_bytes < wide.flatbuffer_bytes


def test_importance_by_hand() -> None:
    layers = load_keras().layers
    start = layers.Input((4, 4, 1))
    x = layers.BatchNormalization(epsilon=0.0)(layers.Conv2D(2, (1, 2), use_bias=False)(start))
    model = load_keras().Model(start, layers.Dense(1)(layers.GlobalAveragePooling2D()(x)))
    model.layers[1].set_weights([np.array([[[[3.0, 0.0]], [[4.0, 1.0]]]])])
    model.layers[2].set_weights([np.array([1.0, -8.0]), np.zeros(2), np.zeros(2), np.array([1.0, 4.0])])
    channels = trace_channels(model)
    wires, _ = read_wiring(model)
    classes = channels.outputs[model.layers[1].name]
    # L1 7 and 1, L2 5 and 1; folded scale 1 and 8/2 = 4; over their mean.
    assert rate_channels(wires, channels, "l1")[classes] == pytest.approx([7 / 5.5, 4 / 5.5])
    assert rate_channels(wires, channels, "l2")[classes] == pytest.approx([5 / 4.5, 4 / 4.5])


@pytest.mark.parametrize(
    ("count", "fraction", "multiple", "stay"),
    [
        (16, 0.5, 1, 8),
        (16, 0.5, 8, 8),
        (16, 0.7, 4, 8),
        (10, 0.3, 1, 7),
        (6, 0.5, 4, 4),
        (6, 0.1, 8, 6),
        (3, 0.99, 1, 1),
    ],
)
def test_how_many_stay(count: int, fraction: float, multiple: int, stay: int) -> None:
    assert count_kept(count, fraction, multiple) == stay


def test_what_it_cannot_cut_is_left_whole_and_named() -> None:
    layers = load_keras().layers
    start = layers.Input((8, 4))
    x = layers.Conv1D(6, 3, name="wave")(layers.Conv1D(4, 3, name="first")(start))
    x = layers.LSTM(3, name="memory")(x)
    model = load_keras().Model(start, layers.Dense(2)(layers.Dense(8, name="hidden")(x)))
    slim = prune_channels(model, 0.5)
    assert {name: len(kept) for name, kept in slim.kept.items()}["wave"] == 6
    assert (len(slim.kept["first"]), len(slim.kept["hidden"])) == (2, 4)
    assert slim.notes == ("memory: left whole with all channels they take and give, for how to cut them is not known",)
    x = np.ones((1, 8, 4), np.float32)
    close(outputs(slim.model, x), outputs(blanked(model, slim.kept), x))


@pytest.mark.parametrize(
    ("fraction", "options", "message"),
    [
        (50, {}, r"fraction 50 is outside \[0, 1\).*write 0\.5"),
        (1.0, {}, r"fraction 1 is outside \[0, 1\)"),
        (float("nan"), {}, "fraction nan is outside"),
        ("0.3", {}, r"fraction '0\.3' is no number; give a share of the channels"),
        ({"conv_9": 0.5, "dense_1": 0.5}, {}, "no channel of layer 'dense_1' can be removed; allowed: conv_1, conv_2"),
        ({"conv_1": 0.5, "conv_3": 0.25}, {}, "conv_1 and conv_3 share their channels; give them one fraction"),
        (0.5, {"importance": "l3"}, "importance 'l3' is unknown; allowed: l1, l2"),
        (0.5, {"multiple_of": 0}, "multiple_of 0: give a whole number from 1, such as 4 or 8"),
    ],
)
def test_requests_that_make_no_sense(fraction: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        prune_channels(zoo.build_network("resnet8", input_shape=(8, 8, 3)), fraction, **options)


def test_models_without_anything_to_remove() -> None:
    keras = load_keras()
    layers = keras.layers
    with pytest.raises(ModelError, match="no channel that could be removed"):
        prune_channels(keras.Sequential([layers.Input((4,)), layers.Dense(3)]), 0.5)
    start = layers.Input((4,))
    shared = layers.Dense(4, name="twice")
    with pytest.raises(ModelError, match="layer 'twice' is used 2 times; give each use its own"):
        prune_channels(keras.Model(start, shared(shared(start))), 0.5)

    class Own(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    own = Own()
    own.build((None, 4))
    with pytest.raises(ModelError, match="Own describes no graph; build it with the functional API"):
        prune_channels(own, 0.5)
    with quiet():
        wrapped = load_tfmot().quantization.keras.quantize_model(zoo.build_network("watch-cnn"))
    with pytest.raises(ModelError, match="is wrapped by tfmot; remove the channels of its float parent"):
        prune_channels(wrapped, 0.5)
