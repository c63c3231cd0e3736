"""The design record: what was done to get from data to a model, step by step, so that any step can be resumed.

A record is a folder with `record.toml` and the artefact of each stage. Every stage names its parent, its recipe, its
seed and the SHA-256 of its artefact; it is written atomically, so an interrupted run leaves the last good state.
Notebooks leave and find stages in the workspace, with the shipped checkpoints behind it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

from tinykit.ground import limits
from tinykit.ground.errors import FactError, RecordError, UnknownStageError, look_up, name_nearest
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.results import Result
from tinykit.ground.writing import write_atomically

_FILE = "record.toml"
_FORMAT = 1
_PARTS = {"artefact": str, "sha256": str, "parent": str, "recipe": dict, "results": dict}
_PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "tflite-micro", "ai-edge-litert", "numpy")


@dataclass(frozen=True, slots=True)
class Stage(Result):
    """One step of a design.

    Parameters
    ----------
    name : "float", "pruned", "int8" …
    artefact : file name inside the record's folder, "" for a stage that made none.
    sha256 : of the artefact, "" without one.
    parent : stage it was made from, "" for the first.
    recipe : choices and seeds, plain values.
    results : figures found, plain values; an estimate as the dict of its fields.
    """

    name: str
    artefact: str = ""
    sha256: str = ""
    parent: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DesignRecord(Result):
    """A design as it stands: its folder, task, data hash, tool versions and stages.

    Parameters
    ----------
    folder : where `record.toml` and the artefacts lie.
    task, data_sha256 : dataset id and hash.
    tools : package name → version used.
    stages : by name, in the order made.
    """

    folder: Path
    task: str
    data_sha256: str = ""
    tools: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, Stage] = field(default_factory=dict)

    def stage(self, name: str) -> Stage:
        """The stage of that name; `UnknownStageError` where there is none."""
        told = f"the record in {self.folder} has no stage {name!r}"
        return look_up(name, self.stages, told, UnknownStageError, "; run the step that makes it")

    def read(self, name: str) -> bytes:
        """The artefact of a stage, its hash checked.

        Raises
        ------
        UnknownStageError : no such stage. RecordError : missing file, or content that is not what was recorded.
        """
        stage = self.stage(name)
        path = self.path(name)
        try:
            data = limits.read_file(path, limits.WEIGHTS_BYTES, RecordError, "run that step again")
        except OSError as error:
            raise RecordError(f"{path}: the artefact of stage {name!r} cannot be read ({error.strerror})") from error
        if hash_bytes(data) != stage.sha256:
            raise RecordError(f"{path}: content differs from what stage {name!r} recorded; run that step again")
        return data

    def path(self, name: str) -> Path:
        """Where the artefact of a stage lies; `RecordError` where it made none."""
        stage = self.stage(name)
        if not stage.artefact:
            raise RecordError(f"stage {name!r} made no file; ask for its results instead")
        return self.folder / stage.artefact

    def with_stage(self, stage: Stage, data: bytes | None = None) -> DesignRecord:
        """The record with a stage added or replaced, written to disk; its `sha256` is computed from `data`.

        `data` is the content of `stage.artefact`, None where the stage makes no file. Raises OutputError: the folder
        cannot be written. RecordError: a value that a record cannot hold, or an artefact outside its folder.
        """
        if data is not None:
            if not stage.artefact:
                raise RecordError(f"stage {stage.name!r} has content but no file name; give it an artefact")
            stage = replace(stage, sha256=hash_bytes(data))
        later = {name: old for name, old in self.stages.items() if name != stage.name}
        _check_artefact(stage)
        record = replace(self, stages=MappingProxyType({**later, stage.name: stage}))
        text = _to_toml(record)
        if data is not None:
            write_atomically(self.folder / stage.artefact, data)
        write_atomically(self.folder / _FILE, text.encode())
        return record


def open_record(folder: str | Path, task: str = "watch-exercises", **changes: Any) -> DesignRecord:
    """The record in a folder, or a new one that is written with its first stage.

    Parameters
    ----------
    folder : of the record.
    task : dataset id; a record of another task is refused.
    changes : `data_sha256` and `tools` of a new record.

    Raises
    ------
    RecordError : the file is damaged, of a later format, or of another task.
    """
    folder = Path(folder)
    if not (folder / _FILE).exists():
        return DesignRecord(folder, task, **changes)
    record = _from_toml(folder)
    if record.task != task:
        raise RecordError(f"{folder}: a record of task {record.task!r}, not {task!r}; choose another folder")
    return replace(record, **changes)


def workspace(task: str = "watch-exercises") -> DesignRecord:
    """The record that notebooks share, in the `workspace_folder`."""
    return open_record(Path(workspace_folder()) / task, task)


def workspace_folder() -> str:
    """Where records and own rows lie: what TINYKIT_WORKSPACE names, else `build/workspace` below the current folder."""
    return os.environ.get("TINYKIT_WORKSPACE") or os.path.join("build", "workspace")


def resume(stage: str, task: str = "watch-exercises") -> DesignRecord:
    """The record that holds a stage: the workspace if it was made there, else the shipped checkpoint.

    Raises
    ------
    UnknownStageError : neither has it.
    """
    own = workspace(task)
    if stage in own.stages:
        return own
    shipped = open_record(shipped_path("data", "checkpoints", task), task)
    if stage not in shipped.stages:
        raise UnknownStageError(
            f"no stage {stage!r} of task {task!r}, neither in {own.folder} nor among the checkpoints; "
            f"{name_nearest(stage, [*own.stages, *shipped.stages])}"
        )
    return shipped


def tool_versions() -> dict[str, str]:
    """Versions of the installed packages that decide what a model becomes."""
    found = {}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _from_toml(folder: Path) -> DesignRecord:
    path = folder / _FILE
    try:
        table = read_toml(path)
    except FactError as error:
        raise RecordError(f"{path}: not a readable record ({error}); remove it to start again") from error
    if table.get("format") != _FORMAT:
        raise RecordError(f"{path}: record format {table.get('format')!r}, this tinykit reads {_FORMAT}")
    try:
        stages = {name: _to_stage(name, values) for name, values in table.get("stages", {}).items()}
        tools = {str(package): str(version) for package, version in table["tools"].items()}
        return DesignRecord(folder, table["task"], table["data_sha256"], tools, MappingProxyType(stages))
    except (KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{path}: damaged record ({error}); remove it to start again") from error


def _to_stage(name: str, values: dict[str, Any]) -> Stage:
    stage = Stage(name=name, **values)
    for part, kind in _PARTS.items():
        if not isinstance(getattr(stage, part), kind):
            raise TypeError(f"{part} of stage {name!r} is {getattr(stage, part)!r}")
    _check_artefact(stage)
    return stage


def _check_artefact(stage: Stage) -> None:
    """Refuse a file name that leads out of the record's folder, or that would overwrite the record itself."""
    name = stage.artefact
    if name in ("..", _FILE) or "\\" in name or "\0" in name or Path(name).name != name:
        raise RecordError(
            f"stage {stage.name!r} names the file {name!r}; artefacts lie in the record's own folder beside {_FILE}"
        )


def _to_toml(record: DesignRecord) -> str:
    table = {"format": _FORMAT, "task": record.task, "data_sha256": record.data_sha256, "tools": dict(record.tools)}
    try:
        stages = {
            stage.name: {part: kind(getattr(stage, part)) for part, kind in _PARTS.items()}
            for stage in record.stages.values()
        }
        text = tomli_w.dumps({**table, "stages": stages})
        text.encode()
        return text
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise RecordError(f"a value cannot be recorded ({error}); use numbers, text, lists and tables") from error


def hash_bytes(data: bytes) -> str:
    """SHA-256 of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
