"""What every target's export has in common: its result, label and golden vectors, and a folder written whole or not."""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground import limits
from tinykit.ground.errors import EngineError, ModelError, OutputError
from tinykit.ground.results import Result
from tinykit.ground.writing import refuse_other, write_folder
from tinykit.handover.codegen.filling import fill_all, to_comment, to_identifier
from tinykit.handover.readback.matching import digest_of
from tinykit.model.graph.model import ModelGraph
from tinykit.model.record import hash_bytes
from tinykit.predict.runtime.codes import to_codes
from tinykit.predict.runtime.reference import TFLM, find_reference, reference_engine
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.session import Session
from tinykit.predict.runtime.verify import verify_model
from tinykit.train.datasets.scoring import Accuracy

MANIFEST = "deployment.json"
_FOREIGN = "choose an empty folder, or move your files away"
_VERIFIED = 8
"""Samples on which LiteRT is asked too."""
TEMPLATES = Path(__file__).with_name("templates")
"""A folder of files for each target, and `both` for what every target has."""


@dataclass(frozen=True, slots=True)
class Deployment(Result):
    """What was written.

    Parameters
    ----------
    folder, target, name : where, for which runtime, and the C++ namespace or C prefix.
    files : relative paths.
    methods : the resolver's `Add…` calls, one a kind of operator; for C the functions, one an operator.
    arena_bytes, needed_bytes : declared (with margin, a multiple of 16) and asked for; for C the program's own arena,
        the largest of any core, twice; 0 where the runtime has none.
    golden_vectors : number of inputs with their expected outputs.
    sha256 : of the model.
    golden_engine : that made the expected outputs: "tflm", or "litert-reference" where TFLM is not installed.
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
    golden_engine: str = TFLM.engine

    def __str__(self) -> str:
        return (
            f"{self.folder}: {len(self.files)} files for {self.target}"
            + (f", {len(self.methods)} operators" if self.methods else "")
            + (f", arena {self.arena_bytes:,} bytes, {self.golden_vectors} golden vectors" if self.arena_bytes else "")
            + (f" from {find_reference(self.golden_engine).kernels}" if self.golden_engine != TFLM.engine else "")
        )


def label_model(graph: ModelGraph, name: str) -> str:
    """Identifier of an export, from the name that was asked for, else the file's; errors as `refuse_large`."""
    refuse_large(graph)
    file_name = Path(graph.path).stem if graph.path.endswith(".tflite") else "model"
    return to_identifier(name or file_name)


def refuse_large(graph: ModelGraph) -> None:
    """ModelError for a model that would fill memory as text, which the kit would not read again either."""
    if graph.flatbuffer_bytes > limits.UNPACKED_BYTES:
        most = f"allowed: {limits.UNPACKED_BYTES:,}; no microcontroller holds as much"
        raise ModelError(f"the model has {graph.flatbuffer_bytes:,} bytes, too many for a source of C; {most}")


def describe_accuracy(accuracy: Accuracy | None) -> str:
    """The accuracy as a line that is safe in a comment."""
    return to_comment(f"{accuracy}, in TFLM") if accuracy is not None else "not given"


def describe_model(graph: ModelGraph, label: str, accuracy: str) -> tuple[str, ...]:
    """Lines for the head of each file, safe in a comment."""
    size = f"{graph.flatbuffer_bytes} flatbuffer bytes, {to_comment(graph.precision)}, {graph.macs} MACs"
    return (f"Model {label}: {size}.", f"sha256 {graph.sha256}", f"Accuracy: {accuracy}.", "Written by tinykit.")


def make_golden_vectors(
    model: bytes, samples: ArrayLike | tuple[ArrayLike, ...] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Inputs and the outputs of `reference_engine` as raw bytes [n, bytes], a sample's tensors one after the other.

    State that the model keeps passes from one to the next, as on a device that runs them in order after power-up.

    Raises
    ------
    DataError : samples of another shape or number of inputs, or NaN.
    ModelError : the engine does not run the model, or TFLM does not compute what LiteRT's reference kernels compute.
    EngineError : as `Session`.
    """
    with Session(model, engine=reference_engine().engine) as session:
        given = to_codes(session, sample_inputs(model, 3) if samples is None else _as_arrays(samples))
        outputs = session.run_all(given, keep_state=True)
    refuse_unverified(model, given)
    return _raw(given, "input"), _raw(outputs, "output")


def refuse_unverified(model: bytes, given: tuple[NDArray[np.generic], ...]) -> None:
    """ModelError where TFLM does not compute what LiteRT's reference kernels compute: no golden vectors from there.

    A model that LiteRT cannot run, such as a packed one, is not held against it.
    """
    few = tuple(one[:_VERIFIED] for one in given)
    try:
        found = verify_model(model, few, references=("litert-reference",))
    except (ModelError, EngineError):
        return
    if not found.same:
        raise ModelError(
            f"no golden vectors from this model: {found.verdict}\nmend the model; `tinykit verify` says more"
        )


def _as_arrays(samples: ArrayLike | tuple[ArrayLike, ...]) -> NDArray[np.float64] | tuple[NDArray[np.float64], ...]:
    if isinstance(samples, tuple):
        return tuple(np.asarray(one, float) for one in samples)
    return np.asarray(samples, float)


def _raw(tensors: tuple[NDArray[np.generic], ...], ends: str) -> NDArray[np.uint8]:
    if not any(one.nbytes for one in tensors):
        raise ModelError(f"the model has no {ends} of any size, so there is no golden vector; convert it again")
    pairs = ((np.frombuffer(one.tobytes(), np.uint8), len(one)) for one in tensors)
    return np.concatenate([raw.reshape(n, raw.size // n) for raw, n in pairs], axis=1)


def name_golden(graph: ModelGraph, samples: ArrayLike | tuple[ArrayLike, ...] | None) -> dict[str, NDArray[Any]]:
    """The golden vectors as [n, *shape] arrays of the tensors' types, by the names that ST's tools give them."""
    found: dict[str, NDArray[Any]] = {}
    pairs = zip(
        ("inputs", "outputs"), (graph.inputs, graph.outputs), make_golden_vectors(graph.data, samples), strict=True
    )
    for ends, indices, rows in pairs:
        at = 0
        for place, tensor in enumerate((graph.tensors[index] for index in indices), 1):
            raw = np.ascontiguousarray(rows[:, at : at + tensor.nbytes])
            found[f"m_{ends}_{place}"] = raw.view(tensor.dtype).reshape(len(rows), *tensor.shape[1:])
            at += tensor.nbytes
    return found


def fill_target(
    target: str, graph: ModelGraph, label: str, accuracy: Accuracy | None, **values: object
) -> dict[str, str | bytes]:
    """The templates of a target, filled with what it tells and what every target does."""
    about = "\n".join(describe_model(graph, label, describe_accuracy(accuracy)))
    told = {"name": label, "about": about, "md5": digest_of(graph.data), "reference": reference_engine()}
    return {**fill_all(TEMPLATES / target, **told, **values)}


def finish(
    target: str, graph: ModelGraph, folder: str | Path, files: Mapping[str, str | bytes], *, label: str, arena: int,
    needed: int | None = None, methods: tuple[str, ...] = (), vectors: int = 0, **more: object
) -> Deployment:  # fmt: skip
    """Write the files of a target, with what its manifest tells besides, and say what was written."""
    engine = reference_engine().engine
    facts = {"target": target, "name": label, "model_sha256": graph.sha256, "arena_bytes": arena, **more}
    where, listed = write_export(folder, files, facts | {"golden_engine": engine}), tuple(sorted([*files, MANIFEST]))
    told = (arena, arena if needed is None else needed, vectors, graph.sha256, engine)
    return Deployment(where, target, label, listed, methods, *told)


def write_export(folder: str | Path, files: Mapping[str, str | bytes], about: Mapping[str, Any]) -> Path:
    """Write files and `deployment.json`, which lists their hashes, into a folder; its absolute path.

    An existing folder is replaced only if it is empty or holds an earlier export in which nobody has changed anything.
    `about` is kept in `deployment.json`.
    """
    folder = Path(os.path.abspath(folder))
    refuse_other(folder, stat.S_IFDIR)
    _refuse_foreign(folder)
    contents = {name: one.encode() if isinstance(one, str) else one for name, one in sorted(files.items())}
    listed = {name: hash_bytes(content) for name, content in contents.items()}
    manifest = json.dumps({**about, "files": listed}, indent=2) + "\n"
    write_folder(folder, {**contents, MANIFEST: manifest.encode()})
    return folder


def _refuse_foreign(folder: Path) -> None:
    own = _read_hashes(folder / MANIFEST)
    for place, folders, names in os.walk(folder):
        folders.sort()
        for path in sorted(Path(place, name) for name in (*names, *folders)):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_dir() or (name in own and _has_hash(path, own[name]))):
                raise OutputError(
                    f"{folder} holds {name}, which is not of an earlier export or was changed since\n{_FOREIGN}"
                )


def _read_hashes(path: Path) -> dict[str, str]:
    """Hashes of an earlier export by relative path, its own list's among them; empty where there was none."""
    try:
        text = limits.read_file(path, limits.SETTINGS_BYTES, OutputError, _FOREIGN)
        told = json.loads(text)
        return {**told["files"], MANIFEST: hash_bytes(text)} if told["model_sha256"] else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _has_hash(path: Path, expected: str) -> bool:
    try:
        return hash_bytes(limits.read_file(path, limits.WEIGHTS_BYTES, OutputError, _FOREIGN)) == expected
    except OSError:
        return False
