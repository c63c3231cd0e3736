"""Compression studies: variants of one model, each a node of a record, shipped as `.tflite` with their recipes.

Only the converted models lie beside the record; the Keras models between are named with recipe and hash, from which a
checkout makes them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinykit.choose.ledger import Ledger, Variant, count_zero_weights, fill_ledger, measure_sizes, weigh_variant
from tinykit.ground.caches import remember
from tinykit.ground.facts import shipped_path
from tinykit.ground.results import Result
from tinykit.model.graph import read
from tinykit.model.record import DesignRecord, open_record
from tinykit.target.boards import Board
from tinykit.target.target import Target, as_target
from tinykit.train.datasets import Accuracy, Difference, Split

BASELINE = "int8"


@dataclass(frozen=True, slots=True)
class Study(Result):
    """A model and the variants made of it.

    Parameters
    ----------
    name : id, and the folder's name. task : dataset. network : of the zoo.
    variants : what was done, by the name of the stage; the baseline first.
    """

    name: str
    task: str
    network: str
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

    def score(self, test: Split, board: Target | Board | str, *names: str) -> tuple[Variant, ...]:
        """Variants scored again in TFLM on the task's unseen samples; parameters and errors as `recall`."""
        target = as_target(board)
        return tuple(
            weigh_variant(known.graph, test, target, name=known.name, note=known.note) for known in self.recall(*names)
        )

    def ledger(self, board: Target | Board | str, *names: str, runtime: str | None = None) -> Ledger:
        """The ledger of variants on a board, with recorded accuracies; the baseline first, all if none is named.

        Raises
        ------
        UnknownStageError : no such variant. UnknownBoardError, UnknownRuntimeError : as `check_fit`.
        """
        chosen = tuple(dict.fromkeys((BASELINE, *(names or self.variants))))
        record = self.open()
        against = [_recall_difference(record, name) for name in chosen[1:]]
        return fill_ledger(self.recall(*chosen), against, as_target(board, runtime=runtime))


@remember
def _open_shipped(folder: Path, task: str) -> DesignRecord:
    return open_record(folder, task)


@remember
def _recall(folder: Path, task: str, name: str, note: str) -> Variant:
    record = _open_shipped(folder, task)
    graph = read(record.read(name), name=f"{name}.tflite")
    accuracy = Accuracy(**{"n_clusters": None, **record.stage(name).results["accuracy"]})
    return Variant(name, note, graph, accuracy, measure_sizes(name, graph), count_zero_weights(graph), ())


def _recall_difference(record: DesignRecord, name: str) -> Difference:
    known = {"n_clusters": None, **record.stage(name).results["against_baseline"]}
    return Difference(known.pop("fraction"), **known)
