"""What a sweep of many models in one process takes of memory: fit, latency, arena and flash of each on three boards."""

from __future__ import annotations

import itertools
import resource
import time

import tinykit as tk
from tests.test_arena import REFERENCE_NETWORKS
from tinykit.ground.caches import MOST_BYTES, clear_caches, held_bytes

TITLE = "A sweep of 2,000 models in one process: memory"
BOARDS = ("nucleo-l4r5zi", "nucleo-h743zi2", "nucleo-u575zi-q")
LIMIT_MIB = 1024
MODELS = 2000
_STEPS = 5


def table() -> list[dict[str, object]]:
    """The highest resident size so far, and what is remembered, at every fifth of the sweep."""
    clear_caches()
    networks = itertools.cycle([build().to_bytes() for build in REFERENCE_NETWORKS.values()])
    rows, began = [], time.monotonic()
    for count in range(1, MODELS + 1):
        tk.check_fit_all(tk.read(next(networks) + bytes(count)), BOARDS, use_engine=False)
        if count % (MODELS // _STEPS) == 0:
            rows.append(_row(count, time.monotonic() - began))
    return rows


def _row(count: int, seconds: float) -> dict[str, object]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    held = held_bytes() / 2**20
    return {
        "models": count, "resident at most [MiB]": round(peak), "limit [MiB]": LIMIT_MIB,
        "remembered [MiB]": round(held, 1), "bound [MiB]": MOST_BYTES // 2**20, "time [s]": round(seconds),
    }  # fmt: skip
