"""What a step of a design can do to the stage before it: each action makes one artefact from a recipe.

An action takes the parent's file, the data and the choices of its recipe, and nothing else, so that the same recipe on
the same parent makes the same bytes again on the same machine.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tinykit.model.graph.reading import read
from tinykit.predict.packing.decoding import code_weights
from tinykit.predict.packing.leaning import Packed, lean
from tinykit.train.compress.channels.slimming import prune_channels
from tinykit.train.compress.clustering import Clustered, cluster
from tinykit.train.compress.pruning import Pruned, prune
from tinykit.train.compress.quantising import Quantised, quantise_aware
from tinykit.train.compress.recipe import Bar, Training
from tinykit.train.compress.training import Trained, train
from tinykit.train.conversion.keras_file import load_model
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.zoo import build_network

Choices = Mapping[str, Any]
Made = Trained | Pruned | Clustered | Quantised
Trainer = Callable[[Path, Dataset, Choices], Made]
Packer = Callable[[Path], Packed]

CONVERT = "convert"
"""The action that is not here: conversions of one parent share a child process (see `steps`)."""


def read_fit(choices: Choices) -> Training:
    """Epochs, learning rate and batch size of a recipe."""
    return Training(int(choices["epochs"]), float(choices["learning_rate"]), int(choices["batch_size"]))


def _train(parent: Path, data: Dataset, choices: Choices) -> Made:
    """From drawn weights: a first step has no parent, and its path is not looked at."""
    shape, classes, seed = data.input_shape, len(data.classes), choices["seed"]
    model = build_network(choices["network"], input_shape=shape, classes=classes, seed=seed)
    return train(model, data, read_fit(choices), seed=seed, progress=Bar())


def _slim(parent: Path, data: Dataset, choices: Choices) -> Made:
    """Whole channels removed, then trained on."""
    chosen = {name: choices[name] for name in ("importance", "multiple_of") if name in choices}
    slim = prune_channels(load_model(parent), choices["fraction"], **chosen)
    return train(slim.model, data, read_fit(choices), seed=choices["seed"], progress=Bar())


def _settings(choices: Choices) -> dict[str, Any]:
    """What every action that trains on takes."""
    return {"fit": read_fit(choices), "seed": choices["seed"], "progress": Bar()}


def _prune(parent: Path, data: Dataset, choices: Choices) -> Made:
    chosen = {name: choices[name] for name in ("schedule",) if name in choices}
    return prune(load_model(parent), data, choices["sparsity"], **_settings(choices), **chosen)


def _cluster(parent: Path, data: Dataset, choices: Choices) -> Made:
    return cluster(load_model(parent), data, choices["clusters"], **_settings(choices))


def _quantise(parent: Path, data: Dataset, choices: Choices) -> Made:
    return quantise_aware(load_model(parent), data, preserve=choices.get("preserve"), **_settings(choices))


TRAINERS: dict[str, Trainer] = {
    "train": _train,
    "slim": _slim,
    "prune": _prune,
    "cluster": _cluster,
    "quantise": _quantise,
}
"""Actions that make a Keras model, by name."""

PACKERS: dict[str, Packer] = {"lean": lambda path: lean(read(path)), "decode": lambda path: code_weights(read(path))}
"""Actions that make a smaller `.tflite` of a `.tflite`, by name."""
