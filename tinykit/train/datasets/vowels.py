"""`vowels`: which of nine men says /ae/, from the cepstra of one utterance (JapaneseVowels, as aeon 1.6.0 ships it).

640 utterances of two Japanese vowels in a row, 12 LPC cepstrum coefficients a frame, 7 to 29 frames: M. Kudo,
J. Toyama, M. Shimbo, "Multidimensional curve classification using passing-through regions", Pattern Recognition
Letters 20 (1999) 1103. The split is the published one: the first 270 train (the last five of each speaker validate
here), the other 370 test. Speakers are the classes, so no split by speaker exists; each utterance is its own group.

An utterance becomes a picture of 29 frames by 12 coefficients, each coefficient less its mean over the training
utterances and divided by its standard deviation, short ones filled up with zeros behind: what a front end on the
device would hand over. `Normalisation` has nothing left to do and holds mean and deviation of those pictures.
"""

from __future__ import annotations

import hashlib

import numpy as np

from tinykit.ground.errors import DataError
from tinykit.train.datasets.card import read_card
from tinykit.train.datasets.dataset import Dataset, Floats, Labels
from tinykit.train.datasets.packages import find_packaged_file, read_verified
from tinykit.train.datasets.windows import assemble

FILES = {
    "TRAIN": "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
    "TEST": "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
}
"""SHA-256 of each of the two files."""
SHA256 = "c755c99a2ac227123c34966a41b7940e802cdd6c360f7915e7c37cb8a781e821"
"""Of the two files, TRAIN then TEST, joined."""
FRAMES, COEFFICIENTS = 29, 12
SPEAKERS = tuple(f"speaker {number}" for number in range(1, 10))
VALIDATION_PER_SPEAKER = 5


def load_vowels() -> Dataset:
    """Pictures [n, 29, 12, 1] of 29 frames by 12 cepstrum coefficients.

    Raises
    ------
    MissingPackageError : aeon is not installed.
    DataError : a file is not the one this task was built on.
    """
    contents = [_read(name) for name in FILES]
    parts = [parse_utterances(content.decode()) for content in contents]
    utterances = [one for series, _ in parts for one in series]
    y = np.concatenate([labels for _, labels in parts])
    first = len(parts[0][1])
    rows = [*_hold_out(y[:first]), np.arange(first, len(y))]
    return assemble(
        "vowels",
        _draw_pictures(utterances, rows[0]),
        y,
        rows,
        groups=np.arange(len(y)),
        recordings=np.arange(len(y)),
        classes=SPEAKERS,
        rate_hz=None,
        sha256=hashlib.sha256(b"".join(contents)).hexdigest(),
        source="aeon 1.6.0, datasets/data/JapaneseVowels (Kudo, Toyama, Shimbo 1999)",
    )


def parse_utterances(text: str) -> tuple[list[Floats], Labels]:
    """Utterances [frames, 12] and labels 0–8 [n] of a `.ts` file: a line each, colons between coefficients and label.

    Raises
    ------
    DataError : a line that does not hold 12 equally long series of numbers and a speaker 1–9.
    """
    series: list[Floats] = []
    labels: list[int] = []
    for line in text.partition("@data")[2].split():
        *columns, label = line.split(":")
        try:
            frames = np.array([[float(value) for value in column.split(",")] for column in columns], np.float32).T
            speaker = int(label)
        except ValueError as error:
            raise DataError(f"utterance {len(labels) + 1} cannot be read ({error}); reinstall aeon 1.6.0") from error
        if frames.ndim != 2 or frames.shape[1] != COEFFICIENTS or not 1 <= speaker <= len(SPEAKERS):
            raise DataError(f"utterance {len(labels) + 1} is {frames.shape} of speaker {speaker}; expected 12 a frame")
        series.append(frames)
        labels.append(speaker - 1)
    return series, np.asarray(labels, np.int64)


def _read(name: str) -> bytes:
    parts = ("datasets", "data", "JapaneseVowels", f"JapaneseVowels_{name}.ts")
    return read_verified(find_packaged_file("aeon", *parts, carrier=read_card("vowels").carrier), FILES[name])


def _hold_out(y: Labels) -> list[Labels]:
    """Rows for training and for validation: the last utterances of each speaker validate."""
    held = np.sort(np.concatenate([np.flatnonzero(y == speaker)[-VALIDATION_PER_SPEAKER:] for speaker in np.unique(y)]))
    return [np.setdiff1d(np.arange(len(y)), held), held]


def _draw_pictures(utterances: list[Floats], training: Labels) -> Floats:
    frames = np.concatenate([utterances[row] for row in training])
    mean, std = frames.mean(axis=0), frames.std(axis=0)
    pictures = np.zeros((len(utterances), FRAMES, COEFFICIENTS, 1), np.float32)
    for picture, utterance in zip(pictures, utterances, strict=True):
        picture[: len(utterance), :, 0] = (utterance - mean) / std
    return pictures
