"""Training and pruning on a few hundred real windows."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tinykit.train as datasets
from tinykit.ground.errors import DataError, EngineError, ModelError, ParameterError
from tinykit.model.graph.reading import read
from tinykit.train import zoo
from tinykit.train.compress.pruning import Pruned, count_zeros, prune
from tinykit.train.compress.quantising import _observe, quantise_aware
from tinykit.train.compress.recipe import RECIPE, Bar, Training
from tinykit.train.compress.support import unsupported_layers
from tinykit.train.compress.training import Trained, evaluate, predict, train
from tinykit.train.conversion.converting import convert
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.keras import load_keras, load_tfmot, quiet

QUICK = Training(2, 4e-3, 16)


@pytest.fixture(scope="module")
def keras() -> Any:
    return load_keras()


@pytest.fixture(scope="module")
def data() -> Dataset:
    whole = datasets.load_dataset()
    return replace(whole, train=whole.train.take(900), validation=whole.validation.take(100), test=whole.test.take(300))


@pytest.fixture(scope="module")
def trained(data: Dataset) -> Trained:
    return train(zoo.build_network("watch-cnn"), data, QUICK)


@pytest.fixture(scope="module")
def pruned(trained: Trained, data: Dataset) -> Pruned:
    return prune(trained.model, data, 0.75, fit=QUICK)


def small(keras: Any, *layers: Any, shape: tuple[int, ...] = (100, 1, 6)) -> Any:
    return keras.Sequential([keras.layers.Input(shape), *layers, keras.layers.Flatten(), keras.layers.Dense(7)])


def test_training_learns_and_tells_how(trained: Trained, data: Dataset) -> None:
    history = trained.history
    assert (history.stage, history.steps, history.seed) == ("train", 2 * 57, 0)
    assert len(history.loss) == len(history.validation_accuracy) == 2
    assert history.loss[1] < history.loss[0]
    accuracy = evaluate(trained.model, data.test)
    assert accuracy.fraction > 0.4  # chance is 1 in 7
    assert accuracy.n == 300
    assert accuracy.n_clusters == len(np.unique(data.test.recordings))
    assert accuracy.fraction == pytest.approx((predict(trained.model, data.test.x) == data.test.y).mean())


def test_same_seed_same_weights_and_the_model_given_is_untouched(data: Dataset) -> None:
    model = zoo.build_network("watch-cnn")
    before = model.get_weights()
    first, second = (train(model, data, Training(1, 1e-3, 128), seed=4).model.get_weights() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_progress_is_told_each_step(data: Dataset) -> None:
    seen: list[tuple[str, int, int, str]] = []
    train(zoo.build_network("watch-cnn"), data, Training(1, 1e-3, 128), progress=lambda *step: seen.append(step))
    assert [step[:3] for step in seen] == [("train", done, 8) for done in range(1, 9)]
    assert seen[0][3].startswith("loss ")


def test_bar_writes_nothing_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    bar = Bar()
    for step in (1, 2):
        bar("train", step, 2, "loss 1")
    bar("prune", 1, 2, "loss 1")
    bar.close()
    assert stream.getvalue() == ""


def test_data_that_does_not_fit_the_model(data: Dataset, keras: Any) -> None:
    with pytest.raises(DataError, match=r"samples of watch-exercises are \(100, 1, 6\), the model takes"):
        train(zoo.build_network("digits-cnn"), data)
    with pytest.raises(DataError, match="has 7 classes, the model gives"):
        train(zoo.build_network("watch-cnn", classes=5), data)


def test_an_autoencoder_learns_to_give_its_input_back(data: Dataset) -> None:
    model = zoo.build_network("fc-autoencoder", input_shape=(600,), classes=600)
    made = train(model, data, Training(2, 2e-3, 64))
    assert made.history.loss[1] < made.history.loss[0]
    assert (made.history.accuracy, made.history.validation_accuracy) == ((), ())
    x = data.test.x.reshape(len(data.test), -1)
    error = [float(((np.asarray(one(x, training=False)) - x) ** 2).mean()) for one in (model, made.model)]
    assert error[1] < error[0]
    with pytest.raises(DataError, match="samples of watch-exercises are 600 numbers, the model takes 640"):
        train(zoo.build_network("fc-autoencoder"), data)


def test_a_diverging_training_is_an_error(data: Dataset) -> None:
    model = zoo.build_network("watch-cnn")
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(EngineError, match="the loss became nan; lower the learning rate"):
        train(model, data, Training(1, 1e-3, 128))


def test_fit_faults() -> None:
    with pytest.raises(ParameterError, match="epochs 0: give a whole number from 1"):
        Training(0, 1e-3)
    with pytest.raises(ParameterError, match=r"learning_rate 10 is outside 0…1"):
        Training(1, 10)
    assert RECIPE.train.steps(2669) == RECIPE.train.epochs * 42


def test_every_kernel_reaches_the_sparsity(pruned: Pruned, trained: Trained) -> None:
    assert [layer.name for layer in pruned.layers] == ["conv_1", "conv_2", "conv_3", "dense_1"]
    for layer in pruned.layers:
        assert layer.sparsity == pytest.approx(0.75, abs=1 / layer.weights)
    assert pruned.sparsity == pytest.approx(0.75, abs=1e-3)
    assert (pruned.target, pruned.schedule, pruned.notes) == (0.75, "polynomial", ())
    assert not any("prune" in layer.name for layer in pruned.model.layers)
    assert sum(layer.zeros for layer in count_zeros(trained.model)) == 0


def test_pruned_model_still_knows_the_task(pruned: Pruned, data: Dataset) -> None:
    assert evaluate(pruned.model, data.test).fraction > 0.35


def test_constant_schedule_one_layer_few_steps(trained: Trained, data: Dataset) -> None:
    result = prune(trained.model, data, 0.5, schedule="constant", fit=Training(1, 1e-3, 128), layers=("conv_2",))
    assert [layer.name for layer in result.layers] == ["conv_2"]
    assert result.sparsity == pytest.approx(0.5, abs=1e-3)
    assert count_zeros(result.model, ("conv_1",))[0].zeros == 0
    assert result.notes[0].startswith("8 steps of pruning are few")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"sparsity": 80}, r"sparsity 80 is outside \[0, 1\).*write 0\.8"),
        ({"sparsity": 1.0}, r"sparsity 1 is outside \[0, 1\)"),
        ({"sparsity": -0.1}, r"sparsity -0\.1 is outside"),
        ({"sparsity": float("nan")}, "sparsity nan is outside"),
        ({"schedule": "cubic"}, "schedule 'cubic' is unknown; allowed: polynomial, constant"),
        ({"layers": ("norm_1",)}, "layer 'norm_1' cannot be pruned; allowed: conv_1"),
        ({"sparsity": {}}, "a sparsity for each layer that names none"),
        ({"sparsity": {"norm_1": 0.5}}, "layer 'norm_1' cannot be pruned; allowed: conv_1"),
        ({"sparsity": {"conv_1": 1.5}}, r"sparsity 1\.5 is outside \[0, 1\)"),
        ({"sparsity": "1:4"}, "sparsity '1:4' is unknown; allowed: a share 0–1, or '2:4'"),
        ({"sparsity": {"conv_1": 0.5}, "layers": ("conv_1",)}, "layers beside a sparsity for each layer"),
    ],
)
def test_pruning_requests(trained: Trained, data: Dataset, request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        prune(trained.model, data, **request_)


def test_models_that_cannot_be_pruned(keras: Any, data: Dataset, trained: Trained) -> None:
    layers = [keras.layers.Input((100, 1, 6)), keras.layers.DepthwiseConv2D((100, 1), depth_multiplier=7)]
    layers += [keras.layers.Reshape((6, 7)), keras.layers.GlobalAveragePooling1D()]
    with pytest.raises(ModelError, match="no layer to prune; prunable are Conv1D"):
        prune(keras.Sequential(layers), data)
    with quiet():
        wrapped = load_tfmot().sparsity.keras.prune_low_magnitude(keras.models.clone_model(trained.model))
    with pytest.raises(ModelError, match="already wrapped by tfmot"):
        prune(wrapped, data)


def test_sparsity_survives_qat_into_the_int8_tensors(pruned: Pruned, data: Dataset) -> None:
    result = quantise_aware(pruned.model, data, fit=QUICK)
    assert result.preserved == "sparsity"
    assert result.preserved_sparsity
    assert result.folded == ()
    converted = convert(result.model)
    assert (converted.precision, converted.quantisation, converted.samples) == ("int8", "qat", 0)
    graph = read(converted.model)
    assert graph.precision == "int8"
    kernels = [op for op in graph.operators if op.name in ("CONV_2D", "FULLY_CONNECTED")]
    assert len(kernels) == 4
    for operator in kernels:
        assert (graph.constant(operator.inputs[1]) == 0).mean() >= 0.745
    assert evaluate(result.model, data.test).fraction > evaluate(pruned.model, data.test).fraction - 0.1


def test_plain_qat_starts_near_its_float_parent(trained: Trained, data: Dataset) -> None:
    result = quantise_aware(trained.model, data, fit=Training(1, 1e-6, 128))
    assert result.notes[0].startswith("8 steps of QAT are few")
    assert "99% those of calibration" in result.notes[1]
    assert (result.preserved, result.preserved_sparsity) == ("none", False)
    same = predict(result.model, data.test.x) == predict(trained.model, data.test.x)
    assert same.mean() > 0.9


def test_ranges_come_from_the_float_model(trained: Trained, data: Dataset) -> None:
    x = data.train.x[:50]
    ranges = _observe(trained.model, x)
    assert ranges["dense_1"][1] <= 1 < ranges["dense_1 before activation"][1]
    assert ranges["relu_1"][0] == 0


def test_layers_qat_refuses_are_named_before_training(keras: Any, data: Dataset) -> None:
    layers = keras.layers
    sequence = keras.Sequential([layers.Input((100, 1, 6)), layers.Reshape((100, 6))])
    for layer in (layers.Conv1D(4, 3, name="wave"), layers.BatchNormalization(name="norm"), layers.PReLU(name="leak")):
        sequence.add(layer)
    sequence.add(layers.Flatten())
    sequence.add(layers.Dense(7))
    found = unsupported_layers(sequence)
    assert [layer.name for layer in found] == ["wave", "norm", "leak"]
    steps: list[Any] = []
    with pytest.raises(ModelError, match=r"cannot take 3 layers: Conv1D 'wave': rewrite the model with as_conv2d"):
        quantise_aware(sequence, data, progress=lambda *step: steps.append(step))
    assert steps == []


def test_more_that_qat_refuses(keras: Any, data: Dataset, trained: Trained) -> None:
    layers = keras.layers
    nested = small(keras, keras.Sequential([layers.Input((100, 1, 6)), layers.Conv2D(2, (3, 1))]))
    assert "outer one" in unsupported_layers(nested)[0].advice
    gate = small(keras, layers.Activation("hard_sigmoid"))
    assert unsupported_layers(gate)[0].advice == "use ReLU"
    scale = small(keras, layers.Rescaling(2.0), layers.Conv2D(2, (3, 1)), layers.LayerNormalization())
    assert [layer.kind for layer in unsupported_layers(scale)] == ["Rescaling", "LayerNormalization"]
    with quiet():
        wrapped = load_tfmot().quantization.keras.quantize_model(trained.model)
    with pytest.raises(ModelError, match="already wrapped by tfmot; give its float parent"):
        quantise_aware(wrapped, data)
    odd = small(keras, layers.Conv2D(2, (3, 1), activation="hard_sigmoid"))
    with pytest.raises(ModelError, match="quantisation-aware training cannot take the model"):
        quantise_aware(odd, data)


def test_the_zoo_is_fit_for_qat() -> None:
    for network in zoo.networks():
        assert unsupported_layers(zoo.build_network(network.name)) == ()
