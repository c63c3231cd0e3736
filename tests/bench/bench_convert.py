"""A conversion to int8 in a session: the first starts TensorFlow in a process of its own, the next find it warm."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from tinykit.ground.caches import clear_caches
from tinykit.train import zoo
from tinykit.train.conversion.converter import WARM
from tinykit.train.conversion.converting import convert

TITLE = "A conversion to int8 with 100 samples: the first of a session, and the second (watch-cnn: under 1 s)"
NETWORKS = ("fc-autoencoder", "watch-cnn", "ds-cnn")
_MANY = 8
_TICKS = 100


def processor_s() -> float:
    """Of this process, the children it waited for, and the converter that is kept [s]."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    total = sum(one.ru_utime + one.ru_stime for one in spent)
    for child, _ in WARM._kept:
        fields = Path(f"/proc/{child._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def seconds(model: Any, samples: np.ndarray) -> tuple[float, float]:
    """On the wall, and of processors."""
    start, spent = time.perf_counter(), processor_s()
    convert(model, representative=samples)
    return time.perf_counter() - start, processor_s() - spent


def many(model: Any, samples: np.ndarray) -> tuple[float, float]:
    """Each of several, the mean, where the process is warm."""
    found = [seconds(model, samples) for _ in range(_MANY)]
    return sum(wall for wall, _ in found) / _MANY, sum(spent for _, spent in found) / _MANY


def table() -> list[dict[str, Any]]:
    """One row per network: a process that is new, then the one that is kept, then each of eight more."""
    rows = []
    for name in NETWORKS:
        model = zoo.build_network(name)
        samples = np.random.default_rng(0).standard_normal((100, *model.input_shape[1:])).astype(np.float32)
        clear_caches()
        first, second, each = seconds(model, samples), seconds(model, samples), many(model, samples)
        row = {"network": name, "first [s]": round(first[0], 2), "second [s]": round(second[0], 2)}
        row |= {"first, CPU [s]": round(first[1], 2), "second, CPU [s]": round(second[1], 2)}
        rows.append(row | {"each of 8 warm [s]": round(each[0], 2), "each, CPU [s]": round(each[1], 2)})
    return rows
