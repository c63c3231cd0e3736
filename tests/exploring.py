"""A small task for searches, and stand-ins for its trainings that take no time; their answers hang on their input."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from tinykit.budget.assessment.budgets import Budgets
from tinykit.choose.exploration import training_job
from tinykit.choose.exploration.candidate import Candidate
from tinykit.choose.exploration.exploring import explore
from tinykit.choose.exploration.space import Space
from tinykit.choose.exploration.study import Study
from tinykit.ground.errors import DataError
from tinykit.train.architecture.sketching import sketch
from tinykit.train.compress.recipe import Training
from tinykit.train.datasets.dataset import Dataset, assemble, deal_groups

FIT = Training(6, 3e-3, 32)
LOG, SLEEP, FAILS = "TINYKIT_TEST_LOG", "TINYKIT_TEST_SLEEP", "TINYKIT_TEST_FAILS"


def make_data(*, mixed_test: bool = False) -> Dataset:
    """Three waves of 12 groups, four of them for the test, whose labels are shuffled on demand."""
    rng, n = np.random.default_rng(0), 480
    y, groups, recordings = np.arange(n) % 3, np.arange(n) // 40, np.arange(n) // 8
    wave = 0.6 * np.sin(np.arange(32)[:, None, None] * (y[:, None, None, None] + 1) * 0.3)
    x = (rng.normal(size=(n, 32, 1, 2)) + wave).astype(np.float32)
    rows = deal_groups(y, groups, (0.5, 0.2, 0.3), 0)
    if mixed_test:
        y = y.copy()
        y[rows[2]] = rng.permutation(y[rows[2]])
    return assemble(
        "waves", x, y, rows, classes=("a", "b", "c"), sha256="0" * 64, source="made up", groups=groups,
        recordings=recordings, rate_hz=32.0,
    )  # fmt: skip


def make_space(**choices: Any) -> Space:
    return Space.of(make_data(), FIT, fronts=False).only(**{"width": (4, 8), "precision": ("int8",), **choices})


def search(folder: Path, *, trials: int = 12, **options: Any) -> Study:
    """A search with the stand-ins, unless they were not put in place."""
    options = {"space": make_space(), "progress": lambda *_: None, **options}
    return explore(
        options.pop("data", make_data()),
        options.pop("budgets", Budgets(latency_s=1e-3)),
        trials=trials,
        folder=folder,
        **options,
    )


def score_fold(source: dict[str, Any], candidate: dict[str, Any], rung: dict[str, Any]) -> dict[str, Any]:
    _note("fold", candidate, json.dumps(rung, sort_keys=True))
    rng = np.random.default_rng(_number(candidate, rung))
    quality = 0.4 + 0.5 * (_number(candidate) % 1000) / 1000
    n = [40] * 3
    right = rng.binomial(n, np.clip(quality + rng.normal(0, 0.03, 3), 0, 1)).tolist()
    groups = [3 * rung["fold"] + place for place in range(3)]
    return {"fold": rung["fold"], "seed": rung["seed"], "seconds": 0.01, "groups": groups, "right": right, "n": n}


def open_test(source: dict[str, Any], candidate: dict[str, Any], seed: int) -> dict[str, Any]:
    _note("test", candidate, str(seed))
    own, shares = Candidate.from_json(candidate), np.random.default_rng(_number(candidate)).uniform(0.4, 1, 15)
    model = sketch(own.value, input_shape=(32, 1, 2), classes=3)
    mean = float(shares.mean())
    accuracy = {
        "fraction": mean,
        "low": mean - 0.1,
        "high": mean + 0.1,
        "n": 120,
        "n_clusters": 15,
        "method": "made up",
    }
    return {"accuracy": accuracy, "recordings": [*range(15)], "shares": shares.tolist(), "model": model}


def put_stand_ins(put: Any) -> None:
    """`put` is `monkeypatch.setattr`, or Python's own."""
    for function in (score_fold, open_test):
        put(training_job, function.__name__, function)


def _number(*parts: Any) -> int:
    return int(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8], 16)


def _note(kind: str, candidate: dict[str, Any], rest: str) -> None:
    time.sleep(float(os.environ.get(SLEEP, "0")))
    if log := os.environ.get(LOG):
        with open(log, "a") as stream:
            stream.write(f"{kind} {_number(candidate)} {rest}\n")
    if _number(candidate) % 100 < int(os.environ.get(FAILS, "0")):
        raise DataError("this training fails, as it was asked to")
