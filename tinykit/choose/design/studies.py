"""Compression studies: variants of one model, each a node of a record, shipped as `.tflite` with their recipes.

Only the converted models lie beside the record; the Keras models between are named with recipe and hash, from which a
checkout makes them again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinykit.choose.ledger.table import Ledger, fill_ledger
from tinykit.choose.ledger.variants import Variant, count_zero_weights, measure_sizes, weigh_variant
from tinykit.ground.caches import remember
from tinykit.ground.errors import ParameterError, UnknownTaskError, look_up
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.results import Result
from tinykit.model.graph.reading import read
from tinykit.model.record import DesignRecord, open_record
from tinykit.target.boards.record import Board
from tinykit.target.target import Target, as_target
from tinykit.train.datasets.dataset import Split
from tinykit.train.datasets.scoring import Accuracy, Difference

BASELINE = "int8"
SPARSITIES = (0.0, 0.5, 0.75, 0.9)
CLUSTERS = (0, 16)
"""Values a channel may have left, 0 for as many as there are."""
PRECISIONS = ("int8", "int8 QAT", "int16x8")
GRID = "watch-grid"
_SHIPPED = read_toml(shipped_path("data", "studies.toml"))


@dataclass(frozen=True, slots=True)
class CompressionStudy(Result):
    """A model and the variants made of it.

    Parameters
    ----------
    name : id, and the folder's name.
    task : dataset.
    network : of the zoo.
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

        Raises UnknownStageError: no such variant. RecordError: a file that is not the recorded one.
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


def studies() -> Mapping[str, CompressionStudy]:
    """The studies this kit ships, by name."""
    shipped = (CompressionStudy(name, **row) for name, row in _SHIPPED.items())
    return {study.name: study for study in (*shipped, _grid())}


def find_study(name: str) -> CompressionStudy:
    """A study by its name.

    Raises
    ------
    UnknownTaskError : there is none; the message names the nearest.
    """
    return look_up(name, studies(), f"no study {name!r}", UnknownTaskError)


def name_point(sparsity: float, clusters: int, precision: str) -> str:
    """Name of the grid's variant.

    >>> name_point(0.0, 0, "int8"), name_point(0.75, 16, "int8 QAT")
    ('int8', 's75-c16-qat-int8')

    Raises
    ------
    ParameterError : no such point on the grid.
    """
    if sparsity not in SPARSITIES or clusters not in CLUSTERS or precision not in PRECISIONS:
        raise ParameterError(
            f"sparsity {sparsity}, clusters {clusters}, {precision!r} is not on the grid; sparsities "
            f"{SPARSITIES}, clusters {CLUSTERS}, {PRECISIONS}"
        )
    parent = name_parent(sparsity, clusters)
    start = "" if parent == "float" else f"{parent}-"
    return f"{start}qat-int8" if precision == PRECISIONS[1] else f"{start}{precision}"


def name_parent(sparsity: float, clusters: int) -> str:
    """Name of the Keras model that a point of the grid was converted from."""
    parts = ([f"s{100 * sparsity:.0f}"] if sparsity else []) + ([f"c{clusters}"] if clusters else [])
    return "-".join(parts) or "float"


def _grid() -> CompressionStudy:
    points = {
        name_point(sparsity, clusters, precision): f"{sparsity:.0%} zeros, {clusters or 'no'} clusters, {precision}"
        for sparsity in SPARSITIES
        for clusters in CLUSTERS
        for precision in PRECISIONS
    }
    return CompressionStudy(GRID, "watch-exercises", "watch-cnn", points)
