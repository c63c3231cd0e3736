"""Trained and converted models kept as stages of a design record, by notebooks and the headless chain alike."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tinykit.ground.errors import RecordError
from tinykit.ground.facts import without_none
from tinykit.ground.writing import scratch
from tinykit.model.record import DesignRecord, Stage, tool_versions
from tinykit.train.compress.clustering import Clustered
from tinykit.train.compress.pruning import Pruned
from tinykit.train.compress.quantising import Quantised
from tinykit.train.compress.training import Trained, evaluate
from tinykit.train.conversion.converting import Conversion
from tinykit.train.conversion.keras_file import save_model
from tinykit.train.datasets.dataset import Dataset


def keep_model(
    record: DesignRecord, name: str, made: Trained, data: Dataset, *,
    parent: str = "", recipe: Mapping[str, Any] | None = None
) -> DesignRecord:  # fmt: skip
    """The record with a Keras model as stage `name`, its file `name.h5` written.

    Parameters
    ----------
    record : where it is kept.
    name : of the stage.
    made : what `train`, `prune`, `cluster`, `grid` or `quantise_aware` returned.
    data : what it was trained on; the accuracy on its test split becomes a result.
    parent : the stage it was made from, "" for the first.
    recipe : the choices; those its history knows if None.

    Raises
    ------
    RecordError : the record is of another task or other data. OutputError : its folder cannot be written.
    """
    record = _own(record, data)
    with scratch("tinykit-stage-") as folder:
        content = save_model(made.model, folder / f"{name}.h5").read_bytes()
    results: dict[str, Any] = {
        "steps": made.history.steps,
        "loss": [round(value, 5) for value in made.history.loss],
        "validation_accuracy": [round(value, 4) for value in made.history.validation_accuracy],
        "accuracy": evaluate(made.model, data.test).to_json(),
    }
    if len(made.history.loss) < made.history.fit.epochs:
        results["stopped"] = f"after {len(made.history.loss)} of {made.history.fit.epochs} epochs, the best kept"
    if isinstance(made, Pruned):
        results["sparsity"] = round(made.sparsity, 4)
    if isinstance(made, Clustered):
        results["distinct"] = {layer.name: layer.most for layer in made.layers}
    choices = _choices(made) if recipe is None else recipe
    return record.with_stage(Stage(name, f"{name}.h5", "", parent, choices, results), content)


def keep_conversion(
    record: DesignRecord, name: str, made: Conversion, *, parent: str, recipe: Mapping[str, Any] | None = None
) -> DesignRecord:
    """The record with a `.tflite` as stage `name`, its file `name.tflite` written.

    Parameters
    ----------
    record : where it is kept.
    name : of the stage.
    made : of `convert`.
    parent : the stage whose model it was.
    recipe : the choices; those `made` knows if None.

    Raises
    ------
    OutputError : the record's folder cannot be written.
    """
    choices = {"precision": made.precision, "representative": made.samples} if recipe is None else recipe
    results = {"quantisation": made.quantisation, "notes": list(made.notes)}
    record = replace(record, tools=record.tools or tool_versions())
    return record.with_stage(Stage(name, f"{name}.tflite", "", parent, choices, results), made.model)


def _own(record: DesignRecord, data: Dataset) -> DesignRecord:
    """The record, held against the data; a new one takes over its hash and the tools' versions."""
    if record.task != data.name or record.data_sha256 not in ("", data.sha256):
        raise RecordError(
            f"{record.folder} records {record.task!r}, data {record.data_sha256[:12] or 'unknown'}; "
            f"this is {data.name!r}, {data.sha256[:12]}: choose another folder"
        )
    return replace(record, data_sha256=data.sha256, tools=record.tools or tool_versions())


def _choices(made: Trained) -> dict[str, Any]:
    known: dict[str, Any] = {"seed": made.history.seed, **without_none(made.history.fit.to_json())}
    if isinstance(made, Pruned):
        return {"sparsity": _plain(made.target), "schedule": made.schedule, **known}
    if isinstance(made, Clustered):
        shared = {"clusters": _plain(made.clusters), "per_channel": made.per_channel, "sparse": list(made.sparse)}
        return shared | known
    return {"preserve": made.preserved, **known} if isinstance(made, Quantised) else known


def _plain(choice: Any) -> Any:
    return dict(choice) if isinstance(choice, Mapping) else choice
