"""The same jobs with one worker and with two, in one run: how much sooner they end.

A job multiplies matrices in Python and NumPy for about half a second of one processor, as a training does. The figure
means something on a machine that is idle; the load stands below.
"""

from __future__ import annotations

import os
import time

from tinykit.choose.exploration.executing import Done, open_executor

TITLE = "Jobs of half a second each, by number of workers"
JOBS = 16
_WORK = """
import numpy as np
weights = np.ones((64, 64), np.float32)
for step in range(8000):
    product = weights @ weights * np.float32(1 / 64)
    total = sum(range(2000))
"""


def table() -> list[dict[str, object]]:
    """One row a number of workers, with the ratio to one, then the load of the machine."""
    before, seconds = os.getloadavg()[0], {}
    for workers in (1, 2):
        with open_executor(workers) as executor:
            _run(executor, workers)  # each worker imports NumPy
            start = time.perf_counter()
            _run(executor, JOBS)
            seconds[workers] = time.perf_counter() - start
    rows = [{"workers": count, "seconds": round(took, 2), "times as fast": round(seconds[1] / took, 2),
             "goal": 1.6 if count > 1 else None} for count, took in seconds.items()]  # fmt: skip
    return [*rows, {"workers": f"load {before:.1f} before on {os.cpu_count()} cores"}]


def _run(executor: object, count: int) -> None:
    for number in range(count):
        executor.submit(number, exec, _WORK)
    ended = list(executor.as_completed())
    if not all(isinstance(result, Done) for _, result in ended):
        raise OSError(f"a job failed: {ended}")
