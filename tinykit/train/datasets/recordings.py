"""One recording from one file: CSV columns or 16-bit WAV samples, with the rate checked where the file tells it."""

from __future__ import annotations

import csv
import math
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import DataError
from tinykit.ground.quantity import is_number
from tinykit.train.datasets.dataset import Floats

_TIME_COLUMNS = {"t": 1.0, "time": 1.0, "time_s": 1.0, "timestamp_s": 1.0, "time_ms": 1e-3, "timestamp_ms": 1e-3}
_RATE_TOLERANCE = 0.02
SUFFIXES = (".csv", ".wav")


def read_recording(path: Path, rate_hz: float) -> Floats:
    """Samples [n, channels], float32.

    CSV: one row a sample, one column a channel, an optional header; a column named `time_s`, `t`, `time` [s] or
    `time_ms` [ms] is not a channel but is held against the rate. WAV: 16-bit PCM, scaled to -1…1.

    Raises
    ------
    DataError : not numeric, ragged, empty, NaN, another rate than `rate_hz` (2 % tolerance), not 16-bit PCM.
    """
    samples = _read_csv(path, rate_hz) if path.suffix.lower() == ".csv" else _read_wav(path, rate_hz)
    bad = int((~np.isfinite(samples)).any(axis=1).sum())
    if bad:
        raise DataError(f"{path.name}: {bad} of {len(samples)} samples hold NaN or infinity; drop or repair them first")
    return samples


def _read_csv(path: Path, rate_hz: float) -> Floats:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name}: cannot be read as CSV ({error}); save it as UTF-8 text") from error
    header = [name.strip().lower() for name in rows.pop(0)] if rows and not is_number(rows[0][0]) else []
    widths = {len(row) for row in rows}
    if len(widths) != 1:
        raise DataError(f"{path.name}: rows of {sorted(widths) or 'no'} columns; give every row one number a channel")
    try:
        table = np.array(rows, np.float64)
    except ValueError as error:
        raise DataError(f"{path.name}: {error}; every cell below the header must be a number") from error
    times = [column for column, name in enumerate(header) if name in _TIME_COLUMNS]
    if times:
        _check_rate(path, table[:, times[0]] * _TIME_COLUMNS[header[times[0]]], rate_hz)
        table = np.delete(table, times, axis=1)
    if not table.shape[1]:
        raise DataError(f"{path.name}: only a time column; give at least one channel")
    return table.astype(np.float32)


def _check_rate(path: Path, seconds: NDArray[np.float64], rate_hz: float) -> None:
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else math.nan
    if not step > 0:
        raise DataError(f"{path.name}: the time column does not rise; it must be seconds from sample to sample")
    if abs(1 / step / rate_hz - 1) > _RATE_TOLERANCE:
        raise DataError(f"{path.name}: sampled at {1 / step:.4g} Hz, expected {rate_hz:g} Hz; resample or set rate_hz")


def _read_wav(path: Path, rate_hz: float) -> Floats:
    try:
        with wave.open(str(path), "rb") as stream:
            width, channels, rate = stream.getsampwidth(), stream.getnchannels(), stream.getframerate()
            frames = stream.readframes(stream.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise DataError(f"{path.name}: cannot be read as WAV ({error}); save it as 16-bit PCM") from error
    if width != 2:
        raise DataError(f"{path.name}: {8 * width}-bit samples; save it as 16-bit PCM")
    if abs(rate / rate_hz - 1) > _RATE_TOLERANCE:
        raise DataError(f"{path.name}: sampled at {rate} Hz, expected {rate_hz:g} Hz; resample it or set rate_hz")
    whole = len(frames) // (2 * channels) * channels
    samples = np.frombuffer(frames, "<i2", count=whole).reshape(-1, channels)
    return samples.astype(np.float32) / np.float32(32768)
