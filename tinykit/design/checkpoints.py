"""The notebooks' checkpoints: the models of a design, so that any notebook can start in the middle."""

from __future__ import annotations

from pathlib import Path

from tinykit.design.goal import DesignGoal
from tinykit.design.run import Say, make_models


def write_checkpoints(goal: DesignGoal, folder: Path, *, progress: Say) -> None:
    """Train, prune, quantise and convert a task's network into `folder/<task>`, a record with its models.

    Parameters
    ----------
    goal : of which only the task counts.
    folder : such as data/checkpoints.
    progress : takes one line at a time.

    Raises
    ------
    OutputError : the folder cannot be written.
    """
    make_models(goal, folder / goal.task, progress=progress)
    progress(f"checkpoints of {goal.task} in {folder / goal.task}")
