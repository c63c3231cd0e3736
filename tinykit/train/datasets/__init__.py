"""Real data, split so that accuracy is that of people the network has never seen.

`load(task)` gives the shipped tasks, `read_folder` and `read_npz` your own data, `score_predictions` and
`paired_difference` the accuracy with its interval.
"""

from __future__ import annotations

from collections.abc import Callable

from tinykit.ground.errors import UnknownTaskError, name_nearest
from tinykit.train.datasets.breakdown import EVERYONE, Breakdown, break_down, deal_windows, parts_of, score_by_group
from tinykit.train.datasets.card import DataCard, card_names, read_card
from tinykit.train.datasets.dataset import Dataset, Normalisation, Split
from tinykit.train.datasets.digits import load_digits
from tinykit.train.datasets.faces import load_faces
from tinykit.train.datasets.own import read_folder, read_npz, read_samples
from tinykit.train.datasets.scoring import Accuracy, Difference, paired_difference, score_predictions, wilson_interval
from tinykit.train.datasets.vowels import load_vowels
from tinykit.train.datasets.watch import load_watch_exercises

_LOADERS: dict[str, Callable[[], Dataset]] = {
    "watch-exercises": load_watch_exercises,
    "digits": load_digits,
    "vowels": load_vowels,
    "faces": load_faces,
}


def load_dataset(task: str = "watch-exercises") -> Dataset:
    """A shipped task by its id.

    Raises
    ------
    UnknownTaskError : no such task.
    MissingPackageError : the package that holds the data is not installed.
    DataError : its file is not the one the task was built on.
    """
    if task not in _LOADERS:
        raise UnknownTaskError(f"no task {task!r}; {name_nearest(task, _LOADERS)}; or bring your own with read_npz")
    return _LOADERS[task]()


def tasks() -> tuple[str, ...]:
    """Ids of the shipped tasks."""
    return tuple(_LOADERS)


__all__ = [
    "EVERYONE",
    "Accuracy",
    "Breakdown",
    "DataCard",
    "Dataset",
    "Difference",
    "Normalisation",
    "Split",
    "break_down",
    "card_names",
    "deal_windows",
    "load_dataset",
    "paired_difference",
    "parts_of",
    "read_card",
    "read_folder",
    "read_npz",
    "read_samples",
    "score_by_group",
    "score_predictions",
    "tasks",
    "wilson_interval",
]
