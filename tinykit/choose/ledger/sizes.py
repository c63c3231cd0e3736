"""What a model takes: the flatbuffer, the flash with its runtime, and how many bytes travel when compressed."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

from tinykit.ground.errors import UnknownRuntimeError
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.model.graph import ModelGraph
from tinykit.predict.flash import predict_flash


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
    """Sizes of a model on a core.

    Parameters
    ----------
    name : what to call the variant. graph : the model.
    runtime, core, build : what its flash is predicted for; None for a build that is not known.
    """
    try:
        flash = predict_flash(graph, runtime=runtime, core=core, build=build).total
    except UnknownRuntimeError:
        flash = None
    packed = len(gzip.compress(graph.data, compresslevel=9, mtime=0))
    return ModelSizes(name, graph.flatbuffer_bytes, flash, packed)
