"""Where notebooks leave and find stages: the workspace, and the shipped checkpoints behind it."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

from tinykit.ground.errors import UnknownStageError, name_nearest
from tinykit.ground.facts import shipped_path
from tinykit.model.record.design import DesignRecord, open_record

_PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "tflite-micro", "ai-edge-litert", "numpy")


def workspace(task: str = "watch-exercises") -> DesignRecord:
    """The record that notebooks share.

    It lies in the folder that the environment variable TINYKIT_WORKSPACE names, else in `build/workspace`
    below the current folder.
    """
    folder = os.environ.get("TINYKIT_WORKSPACE") or Path("build") / "workspace"
    return open_record(Path(folder) / task, task)


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
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
