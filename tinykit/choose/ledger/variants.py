"""A variant of a model: what it takes, and the accuracy it keeps.

The flatbuffer, the flash with its runtime, and how many bytes travel when compressed.
"""

import gzip
import os
from dataclasses import dataclass, field
from typing import Any

from tinykit.ground.caches import remember
from tinykit.ground.errors import DataError, UnknownRuntimeError
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.model.graph.kernels import list_kernels
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.predict.flash import predict_flash
from tinykit.predict.runtime.codes import predict_labels
from tinykit.target.boards.record import Board
from tinykit.target.target import Target, as_target
from tinykit.train.datasets.dataset import Split
from tinykit.train.datasets.scoring import Accuracy, score_predictions


@dataclass(frozen=True, slots=True)
class ModelSizes(Result):
    """Sizes of one variant of a model.

    Parameters
    ----------
    name : of the variant.
    flatbuffer_bytes : the file as it lies in flash, in bytes.
    flash_bytes : flatbuffer, runtime, kernels and tables together; None where unknown.
    gzip_bytes : the file compressed, in bytes: what travels, never what a board stores.
    """

    name: str
    flatbuffer_bytes: int
    flash_bytes: Estimate | None
    gzip_bytes: int


def measure_sizes(
    name: str, graph: ModelGraph, *, runtime: str = "tflm-cmsis-nn", core: str = "cortex-m4", build: str | None = None
) -> ModelSizes:
    """Sizes of a model under a name; its flash is that of a runtime, a core and a build (None: not known)."""
    try:
        flash = predict_flash(graph, runtime=runtime, core=core, build=build).total
    except UnknownRuntimeError:
        flash = None
    return ModelSizes(name, graph.flatbuffer_bytes, flash, count_gzip_bytes(graph))


@remember
def count_gzip_bytes(graph: ModelGraph) -> int:
    """Bytes of the file compressed: what travels, never what a board stores."""
    return len(gzip.compress(graph.data, compresslevel=9, mtime=0))


@dataclass(frozen=True, slots=True)
class Variant(Result):
    """One version of a model as a .tflite.

    Parameters
    ----------
    name, note : short name, and what was done to it.
    graph : the model.
    accuracy : in the TFLM interpreter on unseen groups, with its interval.
    sizes : flatbuffer, flash on the target, and gzip, which is for transport only.
    zeros : fraction of weights that are zero, 0–1.
    predicted : class per test sample, for paired comparisons.
    """

    name: str
    note: str
    graph: ModelGraph
    accuracy: Accuracy
    sizes: ModelSizes
    zeros: float
    predicted: tuple[int, ...] = field(repr=False)

    def __str__(self) -> str:
        accuracy, sizes = self.accuracy, self.sizes
        return (
            f"{self.name:<16} {accuracy.fraction:.3f} [{accuracy.low:.3f} … {accuracy.high:.3f}]"
            f"  {sizes.flatbuffer_bytes:>7,} flatbuffer bytes  {self.zeros:>4.0%} zeros"
            f"  flash {sizes.flash_bytes or 'unknown'}"
        )

    def to_json(self) -> dict[str, Any]:
        """Figures as plain JSON types."""
        return {
            "sha256": self.graph.sha256,
            "flatbuffer_bytes": self.sizes.flatbuffer_bytes,
            "gzip_bytes_transport_only": self.sizes.gzip_bytes,
            "zero_weights": round(self.zeros, 4),
            "macs": self.graph.macs,
            "accuracy": self.accuracy.to_json(),
            **({"flash_bytes": self.sizes.flash_bytes.to_json()} if self.sizes.flash_bytes else {}),
        }


def weigh_variant(
    graph: GraphOrFile, test: Split, board: Target | Board | str | os.PathLike[str], *, name: str, note: str
) -> Variant:
    """Score a model in TFLM and weigh it for a board.

    Parameters
    ----------
    graph : the model.
    test : samples of groups the model never saw; the interval is over their recordings.
    board : a target, or a board as it takes it.
    name, note : of the variant.

    Raises
    ------
    ModelError, EngineError : the interpreter refuses the model.
    DataError : a label beyond the outputs.
    """
    graph = as_graph(graph)
    classes = sum(graph.tensors[index].elements for index in graph.outputs[:1])
    if test.y.max() >= classes:
        raise DataError(
            f"label {test.y.max()} in the test samples, but {name} has {classes} outputs, 0 to {classes - 1}\n"
            "give labels as the positions of its outputs"
        )
    predicted, target = predict_labels(graph.data, test.x), as_target(board)
    return Variant(
        name=name,
        note=note,
        graph=graph,
        accuracy=score_predictions(predicted, test.y, test.recordings),
        sizes=measure_sizes(name, graph, runtime=target.runtime, core=target.core, build=target.build),
        zeros=count_zero_weights(graph),
        predicted=tuple(int(index) for index in predicted),
    )


def count_zero_weights(graph: ModelGraph) -> float:
    """Fraction of zeros among the kernels (constant tensors of rank 2 and more) of a model, 0–1."""
    kernels = list_kernels(graph)
    total = sum(kernel.values.size for kernel in kernels)
    return sum(kernel.zeros for kernel in kernels) / total if total else 0.0
