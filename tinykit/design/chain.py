"""The chain from data to an int8 model, each stage written to the record and taken from it when nothing changed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinykit.compress import RECIPE, Bar, History, evaluate, prune, quantise_aware, train
from tinykit.convert import convert_all, load_model, save_model
from tinykit.datasets import Dataset
from tinykit.design.goal import NETWORK_OF_TASK
from tinykit.recommend import accuracy_json
from tinykit.record import DesignRecord, Stage, hash_bytes
from tinykit.zoo import build

Say = Callable[[str], None]


class Chain:
    """The stages of one design, made in order or resumed.

    Parameters
    ----------
    record : where stages are written. data : the dataset. say : takes one line of progress.
    """

    def __init__(self, record: DesignRecord, data: Dataset, say: Say) -> None:
        self.record, self.data, self.say = record, data, say

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
        recipe = {"network": network, "seed": RECIPE.seed, **asdict(RECIPE.train)}

        def make() -> tuple[Any, dict[str, Any]]:
            shape, classes = self.data.input_shape, len(self.data.classes)
            model = build(network, input_shape=shape, classes=classes, seed=RECIPE.seed)
            trained = train(model, self.data, seed=RECIPE.seed, progress=Bar())
            return trained.model, _curves(trained.history)

        self._keras_stage("float", "", recipe, make)

    def _prune(self) -> None:
        recipe = {"sparsity": RECIPE.sparsity, "schedule": "polynomial", "seed": RECIPE.seed, **asdict(RECIPE.prune)}

        def make() -> tuple[Any, dict[str, Any]]:
            parent = load_model(self.record.path("float"))
            pruned = prune(parent, self.data, seed=RECIPE.seed, progress=Bar())
            return pruned.model, {**_curves(pruned.history), "sparsity": round(pruned.sparsity, 4)}

        self._keras_stage("pruned", "float", recipe, make)

    def _quantise(self) -> None:
        recipe = {"preserve_sparsity": True, "seed": RECIPE.seed, **asdict(RECIPE.quantise)}

        def make() -> tuple[Any, dict[str, Any]]:
            parent = load_model(self.record.path("pruned"))
            trained = quantise_aware(
                parent, self.data, preserve_sparsity=True, seed=RECIPE.seed, progress=Bar()
            )
            return trained.model, _curves(trained.history)

        self._keras_stage("pqat", "pruned", recipe, make)

    def _keras_stage(
        self, name: str, parent: str, recipe: Mapping[str, Any], make: Callable[[], tuple[Any, dict[str, Any]]]
    ) -> None:
        """Make a Keras model and record it as .h5, unless the record already has it."""
        recipe = self._with_origin(recipe, parent)
        if self._is_current(name, recipe):
            self.say(f"{name}: as recorded")
            return
        self.say(f"{name}: training ({recipe['epochs']} epochs)")
        model, results = make()
        with tempfile.TemporaryDirectory() as folder:
            saved = save_model(model, Path(folder) / f"{name}.h5")
            data = saved.read_bytes()
        results["accuracy"] = accuracy_json(evaluate(model, self.data.test))
        self.record = self.record.with_stage(Stage(name, f"{name}.h5", "", parent, recipe, results), data)
        self.say(f"{name}: accuracy on unseen groups {results['accuracy']['fraction']:.3f} in Keras")

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
            results = {"quantisation": made[precision].quantisation, "notes": list(made[precision].notes)}
            stage = Stage(name, f"{name}.tflite", "", parent, recipe, results)
            self.record = self.record.with_stage(stage, made[precision].model)

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


def _curves(history: History) -> dict[str, Any]:
    return {
        "steps": history.steps,
        "loss": [round(value, 5) for value in history.loss],
        "validation_accuracy": [round(value, 4) for value in history.validation_accuracy],
    }
