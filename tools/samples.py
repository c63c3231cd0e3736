"""The sample files, to the byte: `python -m tools.samples`. Nobody moved or measured: all is drawn from a seed.

A gesture is a sum of sines in three channels; a person has a pace, a strength and a way of wearing the sensor. Models
are the shipped checkpoints of the watch; what is asked of them in `own.npz` is labelled by the float network itself.
"""

from __future__ import annotations

import io
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "data" / "samples"
FOLDER = SAMPLES / "gestures"
CHECKPOINTS = ROOT / "data" / "checkpoints" / "watch-exercises"
MODELS = {"model.tflite": "int8.tflite", "plain.tflite": "int8-ptq.tflite"}
RATE_HZ = 25.0
SECONDS = 10
PEOPLE = ("ada", "bo", "cem", "dia", "eli", "fay", "gus", "hal")
_Motion = Callable[[np.ndarray], np.ndarray]

GESTURES: dict[str, _Motion] = {
    "circle": lambda phase: np.stack([np.sin(phase), np.cos(phase), 0.1 * np.sin(2 * phase)], axis=1),
    "shake": lambda phase: np.stack([1.4 * np.sin(3 * phase), 0.2 * np.sin(3 * phase), 0 * phase], axis=1),
    "still": lambda phase: np.stack([0.03 * np.sin(phase), 0 * phase, 0 * phase], axis=1),
}
"""Acceleration of each gesture over its phase [g], without gravity."""


def record(motion: _Motion, rng: np.random.Generator) -> np.ndarray:
    """One recording of one person: time [s], and acceleration of three axes [g]."""
    time_s = np.arange(int(SECONDS * RATE_HZ)) / RATE_HZ
    pace, strength, tilt = rng.uniform(0.7, 1.3), rng.uniform(0.7, 1.3), rng.uniform(-0.4, 0.4)
    moved = strength * motion(2 * np.pi * pace * time_s + rng.uniform(0, 2 * np.pi))
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    noise = rng.normal(0, 0.12, moved.shape)
    return np.column_stack([time_s, (moved + np.array([0, 0, 1])) @ turn.T + noise])


def make(folder: Path = FOLDER) -> None:
    """Write every recording; the README beside them stays."""
    for gesture, motion in GESTURES.items():
        (folder / gesture).mkdir(parents=True, exist_ok=True)
        for number, person in enumerate(PEOPLE):
            rng = np.random.default_rng([number, *gesture.encode()])
            rows = [",".join(f"{value:.2f}" for value in row) for row in record(motion, rng)]
            text = "\n".join(["time_s,ax,ay,az", *rows, ""])
            (folder / gesture / f"{person}_1.csv").write_text(text, encoding="utf-8", newline="\n")


def draw_windows(count: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Windows as the watch's networks take them, of sines in six channels, and which of eight people each is of."""
    rng = np.random.default_rng(1)
    time_s = np.arange(100) / 50
    pace, phase, size = (rng.uniform(low, high, (count, 1, 6)) for low, high in ((0.2, 1.2), (0, 6.3), (0.3, 2.0)))
    moved = size * np.sin(2 * np.pi * pace * time_s[None, :, None] + phase) + rng.normal(0, 0.15, (count, 100, 6))
    return np.round(moved[:, :, None, :], 2).astype(np.float32), np.arange(count) % len(PEOPLE)


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """An .npz whose bytes depend on the arrays alone: no hour in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.save(stream, array)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), stream.getvalue(), zipfile.ZIP_DEFLATED, 9)


def draw_trace() -> str:
    """Thirty seconds of a device that wakes every 5 s: 6.4 mA for 45 ms, 3.1 µA between, in steps of 0.1 µA."""
    rng = np.random.default_rng(2)
    time_ms = np.arange(0, 30_000, 5)
    current_ua = np.where(time_ms % 5000 < 45, 6400.0, 3.1) * rng.normal(1, 0.01, time_ms.size)
    rows = [f"{time},{current:.1f}" for time, current in zip(time_ms, current_ua, strict=True)]
    return "\n".join(["Timestamp(ms),Current(uA)", *rows, ""])


ROWS = """\
source_repo,board,core,clock_mhz,stack,model_name,precision,model_file_path_local,latency_ms
invented,nRF52840 DK,Cortex-M4,64,TFLM + CMSIS-NN -O3,watch,int8,model.tflite,21.4
invented,nRF52840 DK,Cortex-M4,64,TFLM + CMSIS-NN -O3,watch plain,int8,plain.tflite,20.9
"""
LABELS = ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")


def make_files(folder: Path = SAMPLES) -> None:
    """Write the single files: models, windows, a trace, rows and labels."""
    from tinykit.predict.runtime.codes import predict_labels

    for name, checkpoint in MODELS.items():
        shutil.copyfile(CHECKPOINTS / checkpoint, folder / name)
    x, groups = draw_windows()
    y = predict_labels((CHECKPOINTS / "float32.tflite").read_bytes(), x)
    write_arrays(folder / "own.npz", x=x, y=y, groups=groups)
    for name, text in (("run.csv", draw_trace()), ("rows.csv", ROWS), ("labels.txt", "\n".join([*LABELS, ""]))):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    make()
    sys.exit(make_files())
