"""Compression studies: variants of one model, each a node of a record, shipped as `.tflite` with their recipes.

Only the converted models lie beside the record; the Keras models between are named with recipe and hash, and `rebuild`
makes them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tinykit.choose.design.steps import Say, Step, follow
from tinykit.choose.ledger import Ledger, Target, Variant, count_zero_weights, fill_ledger, measure_sizes, weigh_variant
from tinykit.ground.caches import remember
from tinykit.ground.facts import shipped_path
from tinykit.ground.results import Result
from tinykit.model.graph import read
from tinykit.model.record import DesignRecord, open_record, tool_versions
from tinykit.predict.runtime import predict_labels
from tinykit.target.boards import Board, find_board
from tinykit.train.datasets import Accuracy, Dataset, Difference, Split, paired_difference, score_predictions

BASELINE = "int8"


@dataclass(frozen=True, slots=True)
class Study(Result):
    """A model and the variants made of it.

    Parameters
    ----------
    name : id, and the folder's name. task : dataset. network : of the zoo. steps : every stage, each after its parent.
    variants : what was done, by the name of the stage; the baseline first.
    """

    name: str
    task: str
    network: str
    steps: tuple[Step, ...] = field(repr=False)
    variants: Mapping[str, str]

    def open(self) -> DesignRecord:
        """The shipped record of the study, read once in a process."""
        return _open_shipped(shipped_path("data", "studies", self.name), self.task)

    def recall(self, *names: str) -> tuple[Variant, ...]:
        """Variants as shipped, with the accuracy in TFLM that was recorded when they were made; all if none is named.

        Raises
        ------
        UnknownStageError : no such variant. RecordError : a file that is not the recorded one.
        """
        folder = shipped_path("data", "studies", self.name)
        return tuple(_recall(folder, self.task, name, self.variants.get(name, "")) for name in names or self.variants)

    def score(self, test: Split, board: Board | str, *names: str) -> tuple[Variant, ...]:
        """Variants scored again in TFLM on the task's unseen samples; parameters and errors as `recall`."""
        target = find_board(board)
        return tuple(
            weigh_variant(known.graph, test, target, name=known.name, note=known.note) for known in self.recall(*names)
        )

    def ledger(self, board: Board | str, *names: str, runtime: str | None = None) -> Ledger:
        """The ledger of variants on a board, with recorded accuracies; the baseline first, all if none is named.

        Raises
        ------
        UnknownStageError : no such variant. UnknownBoardError, UnknownRuntimeError : as `check_fit`.
        """
        chosen = tuple(dict.fromkeys((BASELINE, *(names or self.variants))))
        record = self.open()
        against = [_recall_difference(record, name) for name in chosen[1:]]
        return fill_ledger(self.recall(*chosen), against, Target.of(find_board(board), runtime))


def make_study(study: Study, folder: Path, data: Dataset, *, say: Say) -> DesignRecord:
    """Train, compress, convert and score every variant into a folder, resuming what is there.

    Raises
    ------
    OutputError : the folder cannot be written. RecordError : it holds another task's record.
    """
    record = open_record(folder, study.task, data_sha256=data.sha256, tools=tool_versions())
    record = follow(record, study.steps, data, say=say)
    say(f"{study.name}: scoring {len(study.variants)} variants in TFLM")
    return score_stages(record, tuple(study.variants), data.test)


def ship_study(record: DesignRecord, study: Study, folder: Path) -> None:
    """Copy the record and the models of the variants into a folder; Keras models stay behind, `rebuild` makes them.

    Raises
    ------
    OutputError : the folder cannot be written.
    """
    kept = {step.name: record.stage(step.name) for step in study.steps}
    copy = replace(record, folder=folder, stages=kept)
    for name in study.variants:
        copy = copy.with_stage(record.stage(name), record.read(name))


def score_stages(record: DesignRecord, names: tuple[str, ...], test: Split) -> DesignRecord:
    """The record with each converted stage's accuracy in TFLM, and its difference to that of the first, paired.

    Parameters
    ----------
    names : of stages with a `.tflite`, the baseline first. test : samples of groups never trained on.

    Raises
    ------
    UnknownStageError : no such stage. EngineError : the interpreter refuses a model.
    """
    first = None
    for name in names:
        stage = record.stage(name)
        predicted = predict_labels(record.read(name), test.x)
        first = predicted if first is None else first
        found = {"accuracy": score_predictions(predicted, test.y, test.recordings).to_json()}
        if name != names[0]:
            difference = paired_difference(first, predicted, test.y, test.recordings)
            found["against_baseline"] = _keep_difference(difference)
        record = record.with_stage(replace(stage, results={**stage.results, **found}))
    return record


@remember
def _open_shipped(folder: Path, task: str) -> DesignRecord:
    return open_record(folder, task)


@remember
def _recall(folder: Path, task: str, name: str, note: str) -> Variant:
    record = _open_shipped(folder, task)
    graph = read(record.read(name), name=f"{name}.tflite")
    accuracy = Accuracy(**{"n_clusters": None, **record.stage(name).results["accuracy"]})
    return Variant(name, note, graph, accuracy, measure_sizes(name, graph), count_zero_weights(graph), ())


def _keep_difference(difference: Difference) -> dict[str, Any]:
    """As plain values, without what is None, which TOML does not know."""
    known = asdict(difference)
    kept = {"fraction": known.pop("value"), **known}
    return {name: value for name, value in kept.items() if value is not None}


def _recall_difference(record: DesignRecord, name: str) -> Difference:
    known = {"n_clusters": None, **record.stage(name).results["against_baseline"]}
    return Difference(known.pop("fraction"), **known)
