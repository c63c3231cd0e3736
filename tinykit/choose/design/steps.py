"""Steps of a design: each is a node of the record, with its parent, its recipe, its seed and its hash.

An action takes the parent's file, the data and the choices of its recipe, and nothing else, so that the same recipe on
the same parent makes the same bytes again on the same machine.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from tinykit.ground.errors import ParameterError, RecordError, name_nearest
from tinykit.ground.facts import without_none
from tinykit.ground.results import Result
from tinykit.ground.writing import refuse_other
from tinykit.model.graph.reading import read
from tinykit.model.record import DesignRecord, Stage, hash_bytes
from tinykit.predict.packing.decoding import code_weights
from tinykit.predict.packing.leaning import Packed, lean
from tinykit.train.architecture.building import build_architecture
from tinykit.train.architecture.value import Architecture
from tinykit.train.compress.channels.slimming import prune_channels
from tinykit.train.compress.clustering import Clustered, cluster
from tinykit.train.compress.gridding import grid
from tinykit.train.compress.pruning import Pruned, prune
from tinykit.train.compress.quantising import Quantised, quantise_aware
from tinykit.train.compress.recipe import RECIPE, Bar, Recipe, Training
from tinykit.train.compress.resuming import after_stop
from tinykit.train.compress.staging import keep_conversion, keep_model
from tinykit.train.compress.training import Trained, train
from tinykit.train.conversion.converting import convert_all
from tinykit.train.conversion.keras_file import load_model
from tinykit.train.datasets.card import read_card
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.zoo import build_network

Choices = Mapping[str, Any]
Made = Trained | Pruned | Clustered | Quantised
Trainer = Callable[[Path, Dataset, Choices], Made]
Packer = Callable[[Path], Packed]

CONVERT = "convert"
"""The action in neither table below: conversions of one parent share a child process (see `_convert`)."""


def read_fit(choices: Choices) -> Training:
    """Epochs, learning rate, batch size and patience of a recipe."""
    known = int(choices["epochs"]), float(choices["learning_rate"]), int(choices["batch_size"])
    return Training(*known, patience=choices.get("patience"))


def _train(parent: Path, data: Dataset, choices: Choices) -> Made:
    """From drawn weights where a network is named, whose path is not looked at; else on from the parent's."""
    shape, classes, seed = data.input_shape, len(data.classes), choices["seed"]
    if name := choices.get("network"):
        model = build_network(name, input_shape=shape, classes=classes, seed=seed)
    elif "architecture" in choices:
        own = Architecture.from_json(choices["architecture"])
        model = build_architecture(own, input_shape=shape, classes=classes, seed=seed)
    else:
        model = load_model(parent)
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


def _grid(parent: Path, data: Dataset, choices: Choices) -> Made:
    return grid(load_model(parent), data, **_settings(choices))


def _quantise(parent: Path, data: Dataset, choices: Choices) -> Made:
    return quantise_aware(load_model(parent), data, preserve=choices.get("preserve"), **_settings(choices))


TRAINERS: dict[str, Trainer] = {
    "train": _train,
    "slim": _slim,
    "prune": _prune,
    "cluster": _cluster,
    "grid": _grid,
    "quantise": _quantise,
}
"""Actions that make a Keras model, by name."""

PACKERS: dict[str, Packer] = {"lean": lambda path: lean(read(path)), "decode": lambda path: code_weights(read(path))}
"""Actions that make a smaller `.tflite` of a `.tflite`, by name."""


Say = Callable[[str], None]
_ORIGIN = ("action", "made_from", "made_with")


@dataclass(frozen=True, slots=True)
class Step(Result):
    """One step: what to do to which stage, under which name to keep it.

    Parameters
    ----------
    name : of the stage.
    action : "train", "prune", "quantise", "convert", "lean" …
    parent : stage it is made from, "" for the first.
    choices : of the action, seed included; plain values.
    """

    name: str
    action: str
    parent: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        allowed = (*TRAINERS, CONVERT, *PACKERS)
        if self.action not in allowed:
            raise ParameterError(f"step {self.name!r} has action {self.action!r}; {name_nearest(self.action, allowed)}")


def follow(
    record: DesignRecord, steps: Sequence[Step], data: Dataset, *, say: Say, stopped: str = "go on"
) -> DesignRecord:
    """The record with every step made, in order, unless it is there already with the same recipe, parent and tools.

    Parameters
    ----------
    record : of the design, with the steps made so far.
    steps : each after its parent.
    data : what models are trained on.
    say : takes one line of progress.
    stopped : what to do with a training that was interrupted or killed, as `after_stop` takes it.

    Raises
    ------
    UnknownStageError : a step before its parent. OutputError : the record cannot be written.
    """
    for (action, parent), several in groupby(steps, key=lambda step: (step.action, step.parent)):
        group = tuple(several)
        if action == CONVERT:
            record = _convert(record, parent, group, data, say)
            continue
        with after_stop(stopped, record.folder / ".training.npz"):
            for step in group:
                record = _make(record, step, data, say)
    return record


def read_steps(record: DesignRecord, name: str) -> tuple[Step, ...]:
    """The steps that led to a stage, the first first, as the record tells them.

    Raises UnknownStageError: no such stage, or a parent that is missing. ParameterError: a stage whose recipe names no
    action that can be done again.
    """
    stage = record.stage(name)
    before = read_steps(record, stage.parent) if stage.parent else ()
    choices = {key: value for key, value in stage.recipe.items() if key not in _ORIGIN}
    return (*before, Step(name, str(stage.recipe.get("action", "")), stage.parent, choices))


def _make(record: DesignRecord, step: Step, data: Dataset, say: Say) -> DesignRecord:
    recipe = _with_origin(record, step, data)
    if _is_current(record, step.name, recipe):
        say(f"{step.name}: as recorded")
        return record
    parent = record.path(step.parent) if step.parent else record.folder
    if step.action in PACKERS:
        say(f"{step.name}: packing")
        return _keep_packed(record, step, PACKERS[step.action](parent), recipe)
    refuse_other(record.folder / f"{step.name}.h5")  # before an hour of work, not after it
    say(f"{step.name}: training ({step.choices['epochs']} epochs)")
    made = TRAINERS[step.action](parent, data, step.choices)
    record = keep_model(record, step.name, made, data, parent=step.parent, recipe=recipe)
    accuracy = record.stage(step.name).results["accuracy"]
    say(f"{step.name}: accuracy on unseen groups {accuracy['fraction']:.3f} in Keras")
    return record


def _keep_packed(record: DesignRecord, step: Step, packed: Packed, recipe: Mapping[str, Any]) -> DesignRecord:
    results = {name: value for name, value in packed.to_json().items() if value is not None and name != "cost"}
    return record.with_stage(Stage(step.name, f"{step.name}.tflite", "", step.parent, recipe, results), packed.data)


def _convert(record: DesignRecord, parent: str, steps: Sequence[Step], data: Dataset, say: Say) -> DesignRecord:
    """Convert one Keras stage to .tflite, all its precisions by one child process."""
    names = ", ".join(step.name for step in steps)
    recipes = {step.name: _with_origin(record, step, data) for step in steps}
    if all(_is_current(record, name, recipe) for name, recipe in recipes.items()):
        say(f"{names}: as recorded")
        return record
    say(f"{names}: converting")
    made = convert_all(
        record.path(parent),
        [step.choices["precision"] for step in steps],
        representative=data.representative(steps[0].choices["representative"]),
        training=data.train.x,
    )
    for step in steps:
        found = made[step.choices["precision"]]
        record = keep_conversion(record, step.name, found, parent=parent, recipe=recipes[step.name])
    return record


def _with_origin(record: DesignRecord, step: Step, data: Dataset) -> dict[str, Any]:
    origin = record.stage(step.parent).sha256 if step.parent else data.sha256
    tools = hash_bytes(repr(sorted(record.tools.items())).encode())
    return {"action": step.action, **step.choices, "made_from": origin, "made_with": tools[:16]}


def _is_current(record: DesignRecord, name: str, recipe: Mapping[str, Any]) -> bool:
    stage = record.stages.get(name)
    if stage is None or dict(stage.recipe) != dict(recipe):
        return False
    try:
        record.read(name)
    except RecordError:
        return False
    return True


def convert_steps(parent: str, names: Mapping[str, str]) -> Iterable[Step]:
    """Steps that convert a stage: name of the new stage by precision."""
    for precision, name in names.items():
        yield Step(name, CONVERT, parent, {"precision": precision, "representative": 200})


RECIPES = {
    "vowels": Recipe(Training(60, 3e-3, 32), Training(40, 2e-3, 32), Training(16, 1e-3, 32)),
    "faces": Recipe(Training(60, 2e-3, 16), Training(40, 2e-3, 16), Training(20, 1e-3, 16)),
    "keyword": Recipe(Training(14, 4e-3, 32), Training(5, 2e-3, 32), Training(2, 1e-3, 32)),
    "doorbell": Recipe(Training(8, 2e-3, 16), Training(3, 1e-3, 16), Training(2, 5e-4, 16)),
}
"""Tasks that learn in more, or smaller, steps than the default's, which leave their networks at chance."""


def recipe_of(task: str) -> Recipe:
    """How long each stage trains on a task, where its user does not say.

    >>> recipe_of("vowels").train.epochs, recipe_of("digits") == RECIPE
    (60, True)
    """
    return RECIPES.get(task, RECIPE)


def chain_steps(
    task: str, recipe: Recipe, start: Mapping[str, Any] | None = None, parent: str = ""
) -> tuple[Step, ...]:
    """Train the task's own network, prune, train on with int8 rounding; convert the float and the last model.

    Of data of one's own `start` is what the first step is told in place of the network, and `parent` a given one.
    """
    start = {"network": read_card(task).network} if start is None else start
    seed, sparse = {"seed": recipe.seed}, {"sparsity": recipe.sparsity, "schedule": "polynomial"}
    return (
        Step("float", "train", parent, {**start, **seed, **without_none(recipe.train.to_json())}),
        Step("pruned", "prune", "float", {**sparse, **seed, **without_none(recipe.prune.to_json())}),
        Step("pqat", "quantise", "pruned", {"preserve": "sparsity", **seed, **without_none(recipe.quantise.to_json())}),
        *convert_steps("float", {"float32": "float32", "int8": "int8-ptq"}),
        *convert_steps("pruned", {"float32": "pruned-float32"}),
        *convert_steps("pqat", {"int8": "int8"}),
    )
