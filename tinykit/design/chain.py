"""The chain from data to an int8 model, each stage written to the record and taken from it when nothing changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from tinykit.compress import (
    RECIPE,
    Bar,
    Pruned,
    Quantised,
    Recipe,
    Trained,
    keep_conversion,
    keep_model,
    prune,
    quantise_aware,
    train,
)
from tinykit.convert import convert_all, load_model
from tinykit.datasets import Dataset
from tinykit.design.goal import NETWORK_OF_TASK
from tinykit.record import DesignRecord, hash_bytes
from tinykit.zoo import build

Say = Callable[[str], None]
Made = Trained | Pruned | Quantised


class Chain:
    """The stages of one design, made in order or resumed.

    Parameters
    ----------
    record : where stages are written. data : the dataset. say : takes one line of progress.
    recipe : how long and how hard each stage trains.
    """

    def __init__(self, record: DesignRecord, data: Dataset, say: Say, recipe: Recipe = RECIPE) -> None:
        self.record, self.data, self.say, self.recipe = record, data, say, recipe

    def run(self) -> DesignRecord:
        """Make every stage that is not there yet, or whose recipe or parent changed."""
        self._train()
        self._prune()
        self._quantise()
        self._convert("float", ("float32", "int8"), {"float32": "float32", "int8": "int8-ptq"})
        self._convert("pruned", ("float32",), {"float32": "pruned-float32"})
        self._convert("pqat", ("int8",), {"int8": "int8"})
        return self.record

    def _train(self) -> None:
        network = NETWORK_OF_TASK[self.data.name]
        recipe = {"network": network, "seed": self.recipe.seed, **asdict(self.recipe.train)}

        def make() -> Made:
            shape, classes = self.data.input_shape, len(self.data.classes)
            model = build(network, input_shape=shape, classes=classes, seed=self.recipe.seed)
            return train(model, self.data, self.recipe.train, seed=self.recipe.seed, progress=Bar())

        self._keras_stage("float", "", recipe, make)

    def _prune(self) -> None:
        own = self.recipe
        recipe = {"sparsity": own.sparsity, "schedule": "polynomial", "seed": own.seed, **asdict(own.prune)}

        def make() -> Made:
            parent = load_model(self.record.path("float"))
            return prune(
                parent, self.data, self.recipe.sparsity, fit=self.recipe.prune, seed=self.recipe.seed, progress=Bar()
            )

        self._keras_stage("pruned", "float", recipe, make)

    def _quantise(self) -> None:
        recipe = {"preserve_sparsity": True, "seed": self.recipe.seed, **asdict(self.recipe.quantise)}

        def make() -> Made:
            parent = load_model(self.record.path("pruned"))
            fit, seed = self.recipe.quantise, self.recipe.seed
            return quantise_aware(parent, self.data, preserve="sparsity", fit=fit, seed=seed, progress=Bar())

        self._keras_stage("pqat", "pruned", recipe, make)

    def _keras_stage(self, name: str, parent: str, recipe: Mapping[str, Any], make: Callable[[], Made]) -> None:
        """Make a Keras model and record it as .h5, unless the record already has it."""
        recipe = self._with_origin(recipe, parent)
        if self._is_current(name, recipe):
            self.say(f"{name}: as recorded")
            return
        self.say(f"{name}: training ({recipe['epochs']} epochs)")
        self.record = keep_model(self.record, name, make(), self.data, parent=parent, recipe=recipe)
        accuracy = self.record.stage(name).results["accuracy"]
        self.say(f"{name}: accuracy on unseen groups {accuracy['fraction']:.3f} in Keras")

    def _convert(self, parent: str, precisions: tuple[str, ...], names: Mapping[str, str]) -> None:
        """Convert one Keras stage to .tflite, all its precisions by one child process."""
        recipe = self._with_origin({"precisions": list(precisions), "representative": 200}, parent)
        if all(self._is_current(name, recipe) for name in names.values()):
            self.say(f"{', '.join(names.values())}: as recorded")
            return
        self.say(f"{', '.join(names.values())}: converting")
        made = convert_all(
            self.record.path(parent),
            precisions,
            representative=self.data.representative(),
            training=self.data.train.x,
        )
        for precision, name in names.items():
            self.record = keep_conversion(self.record, name, made[precision], parent=parent, recipe=recipe)

    def _with_origin(self, recipe: Mapping[str, Any], parent: str) -> dict[str, Any]:
        origin = self.record.stage(parent).sha256 if parent else self.data.sha256
        tools = hash_bytes(repr(sorted(self.record.tools.items())).encode())
        return {**recipe, "made_from": origin, "made_with": tools[:16]}

    def _is_current(self, name: str, recipe: Mapping[str, Any]) -> bool:
        stage = self.record.stages.get(name)
        if stage is None or dict(stage.recipe) != dict(recipe):
            return False
        path = self.record.path(name)
        return path.exists() and hash_bytes(path.read_bytes()) == stage.sha256
