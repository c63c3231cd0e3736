"""The sample folder, made again to the byte: `python -m tools.samples`. Nobody moved: all is drawn from a seed.

A gesture is a sum of sines in three channels; a person has a pace, a strength and a way of wearing the sensor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "data" / "samples" / "gestures"
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


if __name__ == "__main__":
    sys.exit(make())
