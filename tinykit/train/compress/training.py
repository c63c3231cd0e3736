"""Training, and what every stage of training shares."""

import contextlib
import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinykit.ground.errors import DataError, EngineError, ModelError, ParameterError
from tinykit.ground.results import Result
from tinykit.train.compress.recipe import RECIPE, Progress, Rung, Training
from tinykit.train.compress.resuming import Epochs, drawn_on
from tinykit.train.datasets.dataset import Dataset, Split
from tinykit.train.datasets.scoring import Accuracy, score_predictions
from tinykit.train.keras import load_keras, quiet, require_model

MINIMUM_STEPS = 100
"""Of pruning and of QAT: after fewer of them the weights have hardly settled."""


@dataclass(frozen=True, slots=True)
class History(Result):
    """How a stage of training went, one figure an epoch; accuracies are 0–1, validation is on groups not trained on.

    An autoencoder has no accuracies: they are empty.
    """

    stage: str
    fit: Training
    seed: int
    steps: int
    loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    validation_accuracy: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Trained(Result):
    """A trained tf-keras model and its history; the model given to `train` is left as it was."""

    model: Any = field(repr=False)
    history: History


def train(
    model: Any, data: Dataset, fit: Training = RECIPE.train, *,
    seed: int = RECIPE.seed, progress: Progress | None = None, rung: Rung | None = None
) -> Trained:  # fmt: skip
    """Train a copy of a classifier, or of an autoencoder, on the training split.

    Parameters
    ----------
    model : tf-keras model, output [n, classes] (softmax, or logits); or one that takes vectors [n, features] and gives
        as many numbers: it learns to give each sample, flattened, back (mean squared error), labels unseen.
    data : the dataset; its training split teaches.
    fit : epochs, learning rate, batch size, patience.
    seed : of order and dropout; the same seed on the same machine gives the same weights to the bit.
    progress : called after each step.
    rung : asked after each epoch, those of a training that goes on included; True ends it with its best epoch.

    Raises
    ------
    DataError : the data's shape or classes are not the model's.
    KerasVersionError, ModelError : see `require_model`.
    EngineError : the loss became NaN or infinite.
    """
    check_fits(require_model(model), data)
    load_keras().utils.set_random_seed(seed)
    copy = clone(model)
    return Trained(copy, run_fit(copy, data, fit, stage="train", seed=seed, progress=progress, rung=rung))


def evaluate(model: Any, split: Split) -> Accuracy:
    """Accuracy of a Keras model on a split, its interval over recordings where there are several samples in one."""
    several = len(np.unique(split.recordings)) < len(split)
    return score_predictions(predict(model, split.x), split.y, split.recordings if several else None)


def predict(model: Any, x: Any) -> Any:
    """Class indices int64 [n] of samples [n, ...], by the Keras model."""
    with quiet():
        scores = require_model(model).predict(x, batch_size=256, verbose=0)
    return np.asarray(scores).argmax(axis=-1)


def clone(model: Any) -> Any:
    """A copy with its own layers and the same weights; tfmot's wrappers would otherwise change the original."""
    with quiet():
        copy = load_keras().models.clone_model(model)
        copy.set_weights(model.get_weights())
    return copy


def refuse_wrapped(model: Any, work: str) -> None:
    """`ModelError` for a model in the wrappers of tfmot, which cannot be worked on again."""
    if any(type(layer).__name__.startswith(("Prune", "Quantize", "Cluster")) for layer in model.layers):
        raise ModelError(f"the model is already wrapped by tfmot; {work} its float parent")


def is_autoencoder(model: Any) -> bool:
    """Whether a model takes vectors and gives vectors of the same length; samples of datasets have three axes."""
    shape = model.input_shape
    return isinstance(shape, tuple) and len(shape) == 2 and shape == model.output_shape


def to_samples(model: Any, x: Any) -> Any:
    """Samples [n, …] in the shape the model takes."""
    return np.asarray(x).reshape(-1, *model.input_shape[1:])


def check_fits(model: Any, data: Dataset) -> None:
    """`DataError` unless the data's samples and classes are those the model takes and gives."""
    takes, gives = model.input_shape, model.output_shape
    if is_autoencoder(model):
        if (size := math.prod(data.input_shape)) != takes[1]:
            raise DataError(f"samples of {data.name} are {size} numbers, the model takes {takes[1]}; build it to fit")
        return
    if not isinstance(takes, tuple) or not isinstance(gives, tuple) or takes[1:] != data.input_shape:
        raise DataError(f"samples of {data.name} are {data.input_shape}, the model takes {takes}; build it to fit")
    if len(gives) != 2 or gives[1] != len(data.classes):
        raise DataError(f"{data.name} has {len(data.classes)} classes, the model gives {gives}; build it to fit")


def run_fit(
    model: Any, data: Dataset, fit: Training, *,
    stage: str, seed: int, progress: Progress | None, callbacks: tuple[Any, ...] = (), choices: object = None,
    rung: Rung | None = None,
) -> History:  # fmt: skip
    """Fit in place with Adam, a cosine learning rate and the loss of its kind; the caller has seeded and cloned.

    `choices` are what besides the model decides its training. `TrainingStopped` where it is interrupted.
    """
    if fit.patience and stage == "prune":
        raise ParameterError(f"patience {fit.patience} in pruning, whose zeros grow to its last epoch: leave it None")
    steps, version = fit.steps(len(data.train)), load_keras().__version__
    (x, y), validation = (_pair(model, split) for split in (data.train, data.validation))
    decides = x, y, fit, seed, stage, choices, version
    epochs = Epochs(model, fit, *decides, last_is_best=stage == "prune", rung=rung)  # its zeros grow
    if not epochs.enough:
        going_on = drawn_on(model, len(x), fit.batch_size) if epochs.logs else contextlib.nullcontext()
        with quiet(), going_on:
            _compile(model, fit, steps)
            try:
                model.fit(
                    x, y, validation_data=validation, epochs=fit.epochs, batch_size=fit.batch_size, verbose=0,
                    callbacks=[*callbacks, epochs.callback(), _make_reporter(stage, steps, progress)],
                )  # fmt: skip
            except KeyboardInterrupt:
                raise epochs.stopped(stage) from None
    if progress is not None and len(epochs.logs) < fit.epochs:
        progress(stage, steps, steps, f"ended after epoch {len(epochs.logs)}")
    epochs.forget()
    curves = [tuple(one[name] for one in epochs.logs if name in one) for name in ("loss", "accuracy", "val_accuracy")]
    if not all(map(math.isfinite, curves[0])):
        raise EngineError(f"{stage}: the loss became {curves[0][-1]}; lower the learning rate ({fit.learning_rate})")
    return History(stage, fit, seed, steps * len(epochs.logs) // fit.epochs, *curves)


def _compile(model: Any, fit: Training, steps: int) -> None:
    keras = load_keras()
    loss, metrics = keras.losses.MeanSquaredError(), []
    if not is_autoencoder(model):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not _gives_probabilities(model))
        metrics = ["accuracy"]
    rate = keras.optimizers.schedules.CosineDecay(fit.learning_rate, steps)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=metrics)


def _pair(model: Any, split: Split) -> tuple[Any, Any]:
    """What the model is fed, and what it shall give."""
    x = to_samples(model, split.x)
    return x, x if is_autoencoder(model) else split.y


def _gives_probabilities(model: Any) -> bool:
    last = model.layers[-1].get_config()
    wrapped = last.get("layer", {}).get("config", last) if isinstance(last.get("layer"), dict) else last
    activation = wrapped.get("activation")
    if isinstance(activation, dict):  # as QAT wraps it
        activation = activation.get("config", {}).get("activation", activation)
    kinds = type(model.layers[-1]).__name__, last.get("layer", {}).get("class_name")
    return activation == "softmax" or "Softmax" in kinds


def _make_reporter(stage: str, steps: int, progress: Progress | None) -> Any:
    done = itertools.count(1)

    def report(batch: int, logs: dict[str, float] | None = None) -> None:
        loss, accuracy = ((logs or {}).get(name, 0) for name in ("loss", "accuracy"))
        if progress is not None:
            progress(stage, next(done), steps, f"loss {loss:.3f} accuracy {accuracy:.3f}")

    return load_keras().callbacks.LambdaCallback(on_train_batch_end=report)
