"""A folder from which a firmware project for TensorFlow Lite Micro is built."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.datasets.scoring import Accuracy
from tinykit.deploy.manifests import write_manifests
from tinykit.codegen.names import to_comment, to_identifier
from tinykit.deploy.operators import add_methods
from tinykit.deploy.sources import Contents, write_sources
from tinykit.deploy.writing import MANIFEST, write_folder
from tinykit.errors import DataError, ModelError, ParameterError
from tinykit.graph import ModelGraph, read
from tinykit.quantity import Estimate
from tinykit.runtime import Session, to_input

ALIGNMENT_BYTES = 16
MARGIN = 0.05
"""Default margin on the arena: more than the widest miss of the 32-bit prediction, and than one more scratch buffer."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What was written.

    Parameters
    ----------
    folder, target, name : where, for which runtime, and the C++ namespace.
    files : relative paths.
    methods : the resolver's `Add…` calls, one for each operator.
    arena_bytes, needed_bytes : declared (with margin, a multiple of 16) and asked for.
    golden_vectors : number of inputs with their expected outputs.
    sha256 : of the model.
    """

    folder: Path
    target: str
    name: str
    files: tuple[str, ...]
    methods: tuple[str, ...]
    arena_bytes: int
    needed_bytes: int
    golden_vectors: int
    sha256: str

    def __str__(self) -> str:
        return (
            f"{self.folder}: {len(self.files)} files for {self.target}, {len(self.methods)} operators, "
            f"arena {self.arena_bytes:,} bytes, {self.golden_vectors} golden vectors"
        )


def deploy_tflm(
    model: ModelGraph | bytes | str | Path,
    folder: str | Path,
    *,
    arena: int | Estimate,
    accuracy: Accuracy | None = None,
    name: str = "",
    samples: ArrayLike | None = None,
    margin: float = MARGIN,
) -> Deployment:
    """Write C++, build files and golden vectors for TFLM; the whole folder or nothing.

    Parameters
    ----------
    model : a .tflite file, its bytes or its graph.
    folder : new, empty, or an earlier export nobody has changed.
    arena : bytes needed on the target to allocate; of an Estimate its high end.
    accuracy : as scored in TFLM, for the header comments.
    name : namespace, made a C++ identifier; default the file's name.
    samples : [n, *shape] real inputs for the golden vectors of a model of one input; three random ones if None.
    margin : 0–1, added to the arena.

    Raises
    ------
    ModelError : no .tflite, an operator TFLM lacks, several subgraphs, or none that runs.
    ParameterError : arena not positive, margin outside 0–1.
    DataError : samples of another shape, or NaN.
    OutputError : the folder cannot be written, or holds other files.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    _check(graph, margin)
    needed = _needed(arena)
    methods = add_methods(operator.name for operator in graph.operators)
    inputs, outputs = make_golden_vectors(graph.data, samples)
    said = to_comment(f"{accuracy}, in TFLM") if accuracy is not None else "not given"
    label = to_identifier(name or _file_name(graph))
    about = _about(graph, label, said)
    declared = math.ceil(needed * (1 + margin) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    contents = Contents(label, about, graph.data, methods, declared, needed, inputs, outputs)
    files = write_sources(contents)
    files |= write_manifests(contents, sha256=graph.sha256, accuracy=said, precision=to_comment(graph.precision))
    facts = {"target": "tflm", "name": label, "model_sha256": graph.sha256, "arena_bytes": declared}
    where = Path(os.path.abspath(folder))
    write_folder(where, files, facts)
    listed = tuple(sorted([*files, MANIFEST]))
    return Deployment(where, "tflm", label, listed, methods, declared, needed, len(inputs), graph.sha256)


def make_golden_vectors(model: bytes, samples: ArrayLike | None = None) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Inputs and TFLM's outputs as raw bytes [n, bytes], the tensors of a sample one after the other.

    Raises
    ------
    DataError : samples for a model of several inputs, of another shape, or NaN.
    ModelError, EngineError : TFLM does not run the model.
    """
    with Session(model) as session:
        if samples is None:
            rng = np.random.default_rng(0)
            given = tuple(_random(rng, info.dtype, (3, *info.sample_shape)) for info in session.inputs)
        elif len(session.inputs) == 1:
            given = (to_input(samples, session.inputs[0]),)
        else:
            raise DataError(f"samples for a model of {len(session.inputs)} inputs; leave them out to draw random ones")
        outputs = session.run_all(given)
    return _raw(given), _raw(outputs)


def _random(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
    if dtype.startswith("float"):
        return rng.normal(0, 1, shape).astype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def _raw(tensors: tuple[NDArray[np.generic], ...]) -> NDArray[np.uint8]:
    rows = [np.frombuffer(np.ascontiguousarray(one).tobytes(), np.uint8).reshape(len(one), -1) for one in tensors]
    return np.concatenate(rows, axis=1)


def _needed(arena: int | Estimate) -> int:
    value = arena.high if isinstance(arena, Estimate) else arena
    if isinstance(value, bool) or not math.isfinite(value) or value <= 0:
        raise ParameterError(f"arena is {value} bytes; pass what predict_arena says the model needs")
    return math.ceil(value)


def _check(graph: ModelGraph, margin: float) -> None:
    if not 0 <= margin <= 1:
        raise ParameterError(f"margin is {margin}; it is a fraction of the arena, 0 to 1")
    if graph.subgraphs != 1:
        raise ModelError(
            f"the model has {graph.subgraphs} subgraphs (IF or WHILE); only models of one can be exported so far"
        )


def _file_name(graph: ModelGraph) -> str:
    return Path(graph.path).stem if graph.path.endswith(".tflite") else "model"


def _about(graph: ModelGraph, label: str, accuracy: str) -> tuple[str, ...]:
    size = f"{graph.flatbuffer_bytes} flatbuffer bytes, {to_comment(graph.precision)}, {graph.macs} MACs"
    return (f"Model {label}: {size}.", f"sha256 {graph.sha256}", f"Accuracy: {accuracy}.", "Written by tinykit.")
