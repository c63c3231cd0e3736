"""Real data, split so that accuracy is that of people the network has never seen.

`load_dataset(task)` gives the shipped tasks, `read_folder` and `read_npz` your own data, `score_predictions` and
`paired_difference` the accuracy with its interval.
"""

from __future__ import annotations

from tinykit.train.datasets.card import DataCard, card_names, read_card
from tinykit.train.datasets.dataset import Dataset, Normalisation, Split
from tinykit.train.datasets.own import read_folder, read_npz, read_samples
from tinykit.train.datasets.scoring import (
    EVERYONE,
    Accuracy,
    Breakdown,
    Difference,
    break_down,
    deal_windows,
    paired_difference,
    parts_of,
    score_by_group,
    score_predictions,
    wilson_interval,
)
from tinykit.train.datasets.shipped import load_dataset, tasks

__all__ = [
    "EVERYONE", "Accuracy", "Breakdown", "DataCard", "Dataset", "Difference", "Normalisation", "Split", "break_down",
    "card_names", "deal_windows", "load_dataset", "paired_difference", "parts_of", "read_card", "read_folder",
    "read_npz", "read_samples", "score_by_group", "score_predictions", "tasks", "wilson_interval",
]  # fmt: skip
