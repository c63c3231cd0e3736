"""Bring your own data: a folder of CSV or WAV recordings or of pictures by class, or arrays in one `.npz`."""

import csv
import hashlib
import math
import struct
import wave
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinykit.ground import limits
from tinykit.ground.errors import DataError, ParameterError, name_nearest
from tinykit.ground.quantity import is_number
from tinykit.train.datasets.arrays import read_arrays
from tinykit.train.datasets.dataset import Dataset, Floats, Labels, Split, assemble, deal_groups, frame_signals, widen
from tinykit.train.datasets.images import SUFFIXES, read_images
from tinykit.train.fronts.front import Front

_FRACTIONS, _MINIMUM_SAMPLES = (0.6, 0.15, 0.25), 20
_LARGEST_LABEL = 2**31 - 1
_CURE = "give recordings of some minutes, as .csv or .wav"
_SPLIT_NAMES = ("train", "validation", "test")
_RECORDINGS = (".csv", ".wav")
_MOST_NAMES, _LONGEST_NAME = 1000, 100
_TIME_COLUMNS = {"t": 1.0, "time": 1.0, "time_s": 1.0, "timestamp_s": 1.0, "time_ms": 1e-3, "timestamp_ms": 1e-3}
_RATE_TOLERANCE = 0.02
_Fractions = tuple[float, float, float]
_Grouping = Callable[[Path], str] | str
_Taken = tuple[Floats, Labels, list[str], Labels, Front | None, tuple[int, ...] | None]
"""Samples; of each recording its file and its group; of each sample its recording; the whole front, and the shape of a
window before it, None of pictures."""


def group_by_prefix(path: Path) -> str:
    """Whose recording it is: the file name up to the first underscore, as in `anna_03.csv`."""
    return path.stem.split("_")[0]


def read_folder(
    folder: str | Path, *,
    rate_hz: float | None = None, window_s: float = 2.0, step_s: float | None = None, front: Front | None = None,
    group_of: _Grouping = group_by_prefix, classes: Sequence[str] | None = None,
    fractions: _Fractions = _FRACTIONS, seed: int = 0
) -> Dataset:  # fmt: skip
    """Files in `folder/<class>/<group>_<anything>`: recordings (`.csv`, `.wav`), cut into windows, or pictures.

    Parameters
    ----------
    folder : one folder a class.
    rate_hz : sampling rate; held against the time column of a CSV and the header of a WAV. None for pictures (`.png`,
        `.jpg`, `.pgm`, `.ppm`), which have neither rate nor window.
    window_s, step_s : length of a window and from one to the next, in s; `step_s` None is half a window.
    front : what is done to recordings or pictures; its window and step come before these.
    group_of : says whose recording a file is; a group lies in one split. With `lambda path: path.stem` every
        file stands for itself, which is right only if no two files are of one person or device. Or "name" for its
        name up to the first underscore, "file" for every file by itself, or the name of a column of each CSV that says
        it row by row; where it changes, another recording begins.
    classes : names of the sub-folders to take, in this order; every one, sorted, if None.
    fractions, seed : of the groups for train, validation, test; see `deal_groups`.

    Raises
    ------
    DataError : no such folder, one class only, an empty class, unreadable file, wrong rate, NaN, different numbers of
        channels, recordings shorter than a window, pictures of several sizes, too few groups or samples.
    ParameterError : rate, window or step not above zero, a front that does not suit, pictures by a column.
    """
    step_s = window_s / 2 if step_s is None else step_s
    _check_times(rate_hz=rate_hz, window_s=window_s, step_s=step_s)
    files, group_of = _files_by_class(Path(folder), _RECORDINGS if rate_hz else SUFFIXES, classes), _name_whom(group_of)
    paths = [path for members in files.values() for path in members]
    if rate_hz is not None:
        taken = _take_recordings(paths, rate_hz, group_of, front, (window_s, step_s))
    elif isinstance(group_of, str):
        raise ParameterError(f"groups by the column {group_of!r}: pictures have none; group them by name or file")
    else:
        names, own = [str(group_of(path)) for path in paths], np.arange(len(paths))
        taken = read_images(paths, front), own, names, own, front, None
    raw, file_of, names, owner, front, recorded = taken
    groups = np.unique(names, return_inverse=True)[1]
    y = np.repeat(np.arange(len(files)), [len(members) for members in files.values()])[file_of[owner]]
    if len(raw) < _MINIMUM_SAMPLES:
        told = f"windows of {window_s:g} s; record more, or cut shorter windows" if rate_hz else "pictures; take more"
        raise DataError(f"{folder}: {len(raw)} {told}")
    return assemble(
        Path(folder).resolve().name, raw, y, deal_groups(y, groups[owner], fractions, seed), groups=groups[owner],
        recordings=owner, classes=tuple(files), rate_hz=rate_hz and float(rate_hz), sha256=_hash_arrays([raw, y]),
        source=f"folder {Path(folder).resolve().name}", front=front, recorded=recorded,
    )  # fmt: skip


def _name_whom(group_of: _Grouping) -> _Grouping:
    known: dict[str, _Grouping] = {"name": group_by_prefix, "file": str}
    return known.get(group_of, group_of) if isinstance(group_of, str) else group_of


def read_classes(path: str | Path) -> tuple[str, ...]:
    """Names of classes out of a text file, a line each, in the order of the labels.

    Raises
    ------
    DataError : it cannot be read, or holds less than two names, one twice, or a longer one than a name is.
    """
    names = tuple(line.strip() for line in limits.read_lines(Path(path), "give a name a line") if line.strip())
    return _check_names(path, names, "a line each")


def _check_names(path: str | Path, names: tuple[str, ...], told: str) -> tuple[str, ...]:
    """Names of classes that can be shown and written anywhere; DataError where they are none."""
    odd = [one for one in names if not (isinstance(one, str) and 0 < len(one) <= _LONGEST_NAME and one.isprintable())]
    if not 2 <= len(names) <= _MOST_NAMES or odd or len(set(names)) < len(names):
        different = len({*map(repr, names)})
        said = f"{len(names)} names, {different} different" + (f", one of them {odd[0]!r:.40}" if odd else "")
        raise DataError(f"{path}: {said}; {told}, 2 to {_MOST_NAMES}, of {_LONGEST_NAME} letters at most")
    return names


def _check_times(**values: float | None) -> None:
    """ParameterError for a rate or time that is given and is not above zero and finite."""
    for name, value in values.items():
        if value is not None and not 0 < value < math.inf:
            raise ParameterError(f"{name} {value} must be above 0, and finite")


def read_npz(
    path: str | Path, *, classes: Iterable[str] | None = None, rate_hz: float | None = None, front: Front | None = None,
    fractions: _Fractions = _FRACTIONS, seed: int = 0,
) -> Dataset:  # fmt: skip
    """Arrays of an `.npz`: x, y and groups, optionally split and recordings; pickles are never opened.

    x : [n, h, w, c], or [n, samples, channels] (becomes [n, samples, 1, channels]), or [n, features].
    y : [n] class indices from 0. groups : [n] who each sample is from. recordings : [n], as groups if absent.
    split : [n] "train", "validation" or "test"; if absent whole groups are dealt out by `fractions` and `seed`.

    Parameters
    ----------
    path : of the file.
    classes : names, "0", "1", … if None.
    rate_hz : samples a second [Hz].
    front : what is done to windows [n, samples, 1, channels] where a rate is given, else to images; a full scale left
        at 1 that windows exceed becomes the next power of two.
    fractions, seed : as `read_folder`.

    Raises
    ------
    DataError : not an `.npz`, keys missing, wrong shape or type, NaN, one class only, a group in two splits, too few
        samples or groups.
    """
    _check_times(rate_hz=rate_hz)
    given = None if classes is None else _check_names(path, tuple(classes), "classes are texts")
    (raw, y, groups, recordings), split = _load_arrays(Path(path))
    if given is None and int(y.max()) >= len(y):
        raise DataError(f"{path}: y names the class {y.max()} among {len(y)} samples; number the classes from 0 on")
    sha256, recorded = _hash_arrays([raw, y]), raw.shape[1:] if rate_hz else None
    if front is not None:
        front = front if rate_hz is None else widen(front, [raw])
        raw = front.apply(raw, rate_hz)
    names = given or tuple(str(index) for index in range(int(y.max()) + 1))
    if split is None:
        rows = deal_groups(y, groups, fractions, seed)
    else:
        rows = [np.flatnonzero(split == name) for name in _SPLIT_NAMES]
        if sum(map(len, rows)) != len(y):
            raise DataError(f"{path}: split holds {np.unique(split).tolist()}; allowed: {_SPLIT_NAMES}")
    return assemble(
        Path(path).stem, raw, y, rows, groups=groups, recordings=recordings, classes=names,
        rate_hz=rate_hz, sha256=sha256, source=f"file {Path(path).name}", front=front, recorded=recorded,
    )  # fmt: skip


def read_samples(path: str | Path) -> Split:
    """Samples to score on from an `.npz`: x as the network takes it, never normalised again, and all of them.

    Parameters
    ----------
    path : x, y, groups and optionally recordings as for `read_npz`. split : if there, the rows "test" alone.

    Raises
    ------
    DataError : not an `.npz`, keys missing, wrong shape or type, too few samples, or none of them "test".
    """
    (x, y, groups, recordings), split = _load_arrays(Path(path))
    rows = np.arange(len(y)) if split is None else np.flatnonzero(split == "test")
    if not len(rows):
        raise DataError(f"{path}: no sample of split 'test'; leave split out to score on all {len(y)}")
    if not np.isfinite(x[rows]).all():
        raise DataError(f"{path}: samples hold NaN or infinity; drop or repair them first")
    return Split(x[rows], y[rows], groups[rows], recordings[rows])


def _files_by_class(folder: Path, suffixes: Sequence[str], classes: Sequence[str] | None) -> dict[str, list[Path]]:
    try:
        files = _list_classes(folder, suffixes, classes)
        nbytes = sum(path.stat().st_size for members in files.values() for path in members)
    except OSError as error:  # a link to nothing or to itself, a folder that is not one's own, a name beyond all length
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}); mend it, or take it away") from error
    if nbytes > limits.WEIGHTS_BYTES:
        raise DataError(f"{folder}: more than {limits.WEIGHTS_BYTES:,} bytes of recordings; give fewer of them")
    return files


def _list_classes(folder: Path, suffixes: Sequence[str], classes: Sequence[str] | None) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one with a sub-folder of recordings for each class")
    found = {
        inner.name: sorted(path for path in inner.iterdir() if path.suffix.lower() in suffixes)
        for inner in sorted(folder.iterdir())
        if inner.is_dir() and not inner.name.startswith(".")
    }
    if absent := [name for name in classes or () if name not in found]:
        raise DataError(f"{folder}: no folder of class {absent[0]!r}; {name_nearest(absent[0], found)}")
    found = {name: found[name] for name in classes or found}
    if len(found) < 2:
        raise DataError(f"{folder}: {len(found)} class folders ({', '.join(found)}); a classifier needs at least two")
    _check_names(folder, tuple(found), "a folder each")
    for name, members in found.items():
        if not members:
            told = f"{folder / name}: no {' or '.join(suffixes)} in it; add"
            cure = "pictures, or say the rate of recordings" if suffixes is SUFFIXES else "recordings"
            raise DataError(f"{told} {cure} or remove the folder")
    return found


def _take_recordings(
    paths: list[Path], rate_hz: float, group_of: _Grouping, front: Front | None, cut: tuple[float, float]
) -> _Taken:
    runs = [(one, *run) for one, path in enumerate(paths) for run in _read_recording(path, rate_hz, group_of)]
    files, names, signals = zip(*runs, strict=True)
    _check_channels([paths[one] for one in files], signals)
    raw, owner, front, recorded = frame_signals(signals, rate_hz, front, window_s=cut[0], step_s=cut[1])
    return raw, np.array(files), list(names), owner, front, recorded


def _check_channels(paths: list[Path], signals: Sequence[Floats]) -> None:
    first = signals[0].shape[1]
    for path, count in ((path, signal.shape[1]) for path, signal in zip(paths, signals, strict=True)):
        if count != first:
            raise DataError(
                f"{path.name}: {count} channels, {paths[0].name} has {first}; every recording needs the same"
            )


def _load_arrays(path: Path) -> tuple[tuple[Floats, Labels, Labels, Labels], np.ndarray | None]:
    """Samples, labels, groups and recordings as `Split` has them, and the name of each one's split if it is told."""
    arrays = read_arrays(path)
    if missing := {"x", "y", "groups"} - set(arrays):
        raise DataError(f"{path}: keys {sorted(missing)} missing, found {sorted(arrays)}; save x, y and groups")
    x, y = arrays["x"], arrays["y"]
    if not 2 <= x.ndim <= 4 or x.dtype.kind not in "iuf" or not x.size:
        raise DataError(f"{path}: x is {x.dtype} {x.shape}; give [n, h, w, c], [n, samples, channels] or [n, k]")
    if y.dtype.kind not in "iu" or not y.size or y.min() < 0 or y.max() > _LARGEST_LABEL:
        raise DataError(f"{path}: y is {y.dtype} {y.shape}; give class indices from 0 as integers")
    groups, recordings, split = arrays["groups"], arrays.get("recordings", arrays["groups"]), arrays.get("split", y)
    if any(array.shape != (len(x),) for array in (y, groups, recordings, split)):
        raise DataError(f"{path}: y, groups, recordings and split need one entry for each of the {len(x)} samples")
    if len(x) < _MINIMUM_SAMPLES:
        raise DataError(f"{path}: {len(x)} samples; at least {_MINIMUM_SAMPLES} are needed to train and test")
    shaped = {2: x.reshape(len(x), 1, 1, -1), 3: x.reshape(len(x), x.shape[1], 1, -1), 4: x}[x.ndim]
    codes = [np.unique(names, return_inverse=True)[1] for names in (groups, recordings)]
    with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite, and is refused as such
        samples = shaped.astype(np.float32)
    try:
        named = split.astype(str) if "split" in arrays else None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: split is {split.dtype} of no text ({error}); allowed: {_SPLIT_NAMES}") from error
    return (samples, y.astype(np.int64), codes[0], codes[1]), named


def _hash_arrays(arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _read_recording(path: Path, rate_hz: float, group_of: _Grouping) -> list[tuple[str, Floats]]:
    """Samples [n, channels], float32, and whose they are; of a CSV with a column that says it, a run at a time.

    CSV: one row a sample, one column a channel, an optional header; a column named `time_s`, `t`, `time` [s] or
    `time_ms` [ms] is not a channel but is held against the rate. WAV: 16-bit PCM, scaled to -1…1.
    """
    column = group_of.strip().lower() if isinstance(group_of, str) else ""
    if isinstance(group_of, str) and not column:
        raise ParameterError("group_of is the empty name of a column; give one of the header, or a function")
    table, written = path.suffix.lower() == ".csv", list[str]()
    if column and not table:
        raise DataError(f"{path.name}: a WAV has no column {group_of!r}; group recordings by name or file")
    samples, written = _read_csv(path, rate_hz, column) if table else (_read_wav(path, rate_hz), written)
    if bad := int((~np.isfinite(samples)).any(axis=1).sum()):
        raise DataError(f"{path.name}: {bad} of {len(samples)} samples hold NaN or infinity; drop or repair them first")
    if not isinstance(group_of, str):
        return [(str(group_of(path)), samples)]
    starts = [row for row in range(len(written)) if not row or written[row] != written[row - 1]]
    return [(written[start], part) for start, part in zip(starts, np.split(samples, starts[1:]), strict=True)]


def _read_csv(path: Path, rate_hz: float, column: str) -> tuple[Floats, list[str]]:
    try:
        rows = limits.read_cells(path, DataError, _CURE)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name}: cannot be read as CSV ({error}); save it as UTF-8 text") from error
    header = [name.strip().lower() for name in rows.pop(0)] if rows and (column or not is_number(rows[0][0])) else []
    widths = {len(row) for row in rows}
    if len(widths) != 1:
        raise DataError(f"{path.name}: rows of {sorted(widths) or 'no'} columns; give every row one number a channel")
    if column and (column not in header or len(header) not in widths):
        raise DataError(f"{path.name}: no column {column!r} that says whose a row is; its header: {', '.join(header)}")
    written = [row.pop(header.index(column)).strip() for row in rows] if column else []
    header = [name for name in header if name != column]
    try:
        table = np.array(rows, np.float64)
    except ValueError as error:
        raise DataError(f"{path.name}: {error}; every cell below the header must be a number") from error
    times = [place for place, name in enumerate(header) if name in _TIME_COLUMNS]
    if times:
        _check_rate(path, table[:, times[0]] * _TIME_COLUMNS[header[times[0]]], rate_hz)
        table = np.delete(table, times, axis=1)
    if not table.shape[1]:
        raise DataError(f"{path.name}: only a time column; give at least one channel")
    with np.errstate(over="ignore"):
        return table.astype(np.float32), written


def _check_rate(path: Path, seconds: NDArray[np.float64], rate_hz: float) -> None:
    with np.errstate(over="ignore", invalid="ignore"):  # of times that are none, which do not rise
        step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else math.nan
    if not step > 0:
        raise DataError(f"{path.name}: the time column does not rise; it must be seconds from sample to sample")
    if abs(1 / step / rate_hz - 1) > _RATE_TOLERANCE:
        raise DataError(f"{path.name}: sampled at {1 / step:.4g} Hz, expected {rate_hz:g} Hz; resample or set rate_hz")


def _read_wav(path: Path, rate_hz: float) -> Floats:
    try:
        with limits.open_file(path, limits.TEXT_BYTES, DataError, _CURE) as file, wave.open(file, "rb") as stream:
            width, channels, rate = stream.getsampwidth(), stream.getnchannels(), stream.getframerate()
            frames = stream.readframes(stream.getnframes())
    except DataError:
        raise
    except (OSError, EOFError, RuntimeError, ValueError, struct.error, wave.Error) as error:
        raise DataError(f"{path.name}: cannot be read as WAV ({error!r:.80}); save it as 16-bit PCM") from error
    if width != 2:
        raise DataError(f"{path.name}: {8 * width}-bit samples; save it as 16-bit PCM")
    if abs(rate / rate_hz - 1) > _RATE_TOLERANCE:
        raise DataError(f"{path.name}: sampled at {rate} Hz, expected {rate_hz:g} Hz; resample it or set rate_hz")
    whole = len(frames) // (2 * channels) * channels
    samples = np.frombuffer(frames, "<i2", count=whole).reshape(-1, channels)
    return samples.astype(np.float32) / np.float32(32768)
