"""`watch-exercises`: seven shoulder exercises from a smartwatch, ten subjects.

140 recordings (ten subjects, seven exercises, both arms) of a wrist-worn accelerometer [g] and gyroscope [rad/s] at
50 Hz, from D. Burns et al., "Shoulder physiotherapy exercise recognition: machine learning the inertial signals from
a smartwatch", Physiological Measurement 39 (2018) 075007 (arXiv:1802.01489), as the package seglearn 1.2.5 ships them.

Windows are 2 s (100 samples) every 1 s (half overlap): 4,677 in all. They overlap only within a recording, and a
recording lies in one split, so no sample is in two splits; but neighbouring windows are not independent, which is why
accuracy intervals are taken over recordings. Subjects 1–6 train, 7 validates, 8–10 test: by number, not by result.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from tinykit.train.datasets.card import read_card
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.packages import find_packaged_file, read_verified
from tinykit.train.datasets.windows import assemble, stack_windows

SHA256 = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
CHANNELS = ("ax", "ay", "az", "wx", "wy", "wz")
RATE_HZ = 50.0
WINDOW_SAMPLES = 100
STEP_SAMPLES = 50
SUBJECTS = {"train": (1, 2, 3, 4, 5, 6), "validation": (7,), "test": (8, 9, 10)}


def load_watch_exercises() -> Dataset:
    """Windows [n, 100, 1, 6] with groups = subject and recordings 0…139.

    Raises
    ------
    MissingPackageError : seglearn is not installed.
    DataError : the file is not the one this task was built on.
    """
    content = _read_recordings()
    subjects = np.asarray(content["subject"], np.int64)
    raw, owner = stack_windows(content["X"], WINDOW_SAMPLES, STEP_SAMPLES)
    groups = subjects[owner]
    return assemble(
        "watch-exercises",
        raw,
        np.asarray(content["y"], np.int64)[owner],
        [np.flatnonzero(np.isin(groups, part)) for part in SUBJECTS.values()],
        groups=groups,
        recordings=owner,
        classes=tuple(str(name) for name in content["y_labels"]),
        rate_hz=RATE_HZ,
        sha256=SHA256,
        source="seglearn 1.2.5, data/watch_dataset.npy (Burns et al. 2018, arXiv:1802.01489)",
    )


def _read_recordings() -> dict[str, Any]:
    carrier = read_card("watch-exercises").carrier
    content = read_verified(find_packaged_file("seglearn", "data", "watch_dataset.npy", carrier=carrier), SHA256)
    # The file is a pickled dict: safe to open because its hash is the known one.
    recordings: dict[str, Any] = np.load(io.BytesIO(content), allow_pickle=True).item()
    return recordings
