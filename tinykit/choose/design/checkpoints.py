"""What the kit ships: models of a design, so that any notebook can start in the middle, and the compression studies."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tinykit.choose.design.goal import DesignGoal
from tinykit.choose.design.run import make_models
from tinykit.choose.design.steps import Say
from tinykit.choose.design.studies import studies
from tinykit.choose.design.study import make_study, ship_study
from tinykit.train.datasets import load_dataset


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


def write_studies(folder: Path, *, progress: Say) -> None:
    """Make every shipped study anew: `folder/<study>` with record and converted models; about 20 minutes on two cores.

    Parameters
    ----------
    folder : such as data/studies. progress : takes one line at a time.

    Raises
    ------
    OutputError : the folder cannot be written.
    """
    for study in studies().values():
        with tempfile.TemporaryDirectory(prefix="tinykit-study-") as workshop:
            made = make_study(study, Path(workshop), load_dataset(study.task), say=progress)
            ship_study(made, study, folder / study.name)
