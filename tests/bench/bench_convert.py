"""A conversion to int8 in a session: the first starts TensorFlow in a process of its own, the next find it warm."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from tinykit.ground.caches import clear_caches
from tinykit.train import zoo
from tinykit.train.conversion.converting import convert

TITLE = "A conversion to int8 with 100 samples: the first of a session, and the second (watch-cnn: under 1 s)"
NETWORKS = ("fc-autoencoder", "watch-cnn", "ds-cnn")


def seconds(model: Any, samples: np.ndarray) -> float:
    start = time.perf_counter()
    convert(model, representative=samples)
    return time.perf_counter() - start


def table() -> list[dict[str, Any]]:
    """One row per network: a process that is new, then the one that is kept."""
    rows = []
    for name in NETWORKS:
        model = zoo.build_network(name)
        samples = np.random.default_rng(0).standard_normal((100, *model.input_shape[1:])).astype(np.float32)
        clear_caches()
        first, second = seconds(model, samples), seconds(model, samples)
        rows.append({"network": name, "first [s]": round(first, 2), "second [s]": round(second, 2)})
    return rows
