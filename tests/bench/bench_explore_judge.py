"""How many untrained networks are judged in a second of the processor: on one board in full, and on the catalogue.

The time of the processor is divided by how much slower than its best a yardstick ran just before, as in `bench_speed`.
Each network is another random architecture: sketched without TensorFlow in the first row, before it in the others.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from tests.architectures import Case, draw_case
from tests.bench.bench_speed import _yardstick
from tinykit.budget.assessment.budgets import Budgets
from tinykit.budget.assessment.use import Use
from tinykit.choose.exploration.judging import Judge
from tinykit.target.boards import boards
from tinykit.train.architecture.sketching import sketch

TITLE = "Untrained networks judged, per second of one processor"
BOARD = "nucleo-l4r5zi"
USE = Use(period_s=10.0, task="watch-exercises", battery="cr2032")
_WISH = {"flash_bytes": 200e3, "arena_bytes": 32e3, "latency_s": 0.05}


def table() -> list[dict[str, object]]:
    """One row a question: answers a second as measured, and undisturbed; the goal; then the load of the machine."""
    cases, everywhere = [draw_case(seed) for seed in range(220)], boards()
    models = list(map(_sketch, cases[80:]))
    one, every = Judge(Budgets(**_WISH), [BOARD], USE), Judge(Budgets(**_WISH), everywhere, USE)
    living = Judge(Budgets(**_WISH, life_s=3600.0), everywhere, USE)

    def sketch_and_judge(case: Case) -> object:
        return one.judge(_sketch(case))

    best = min(_yardstick() for _ in range(200))
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    return [
        _row(f"sketched and judged on {BOARD}, energy, life, junction", 100, 1, (sketch_and_judge, cases[:80], best)),
        _row("judged there", None, 1, (one.judge, models[:80], best)),
        _row("verdicts over the catalogue", 1700, len(everywhere), (every.judge_all, models[80:120], best)),
        _row("the same, a life wished", None, len(everywhere), (living.judge_all, models[120:140], best)),
        {"answer": f"load {load} on {os.cpu_count()} cores, {len(everywhere)} boards"},
    ]


def _sketch(case: Case) -> bytes:
    return sketch(case.architecture, input_shape=case.input_shape, classes=case.classes)


def _row(
    answer: str, goal: float | None, count: int, asked: tuple[Callable[[Any], object], list[Any], float]
) -> dict[str, object]:
    ask, models, best = asked
    ask(models[0])
    own, alone = [], []
    for model in models[1:]:
        pace = min(_yardstick() for _ in range(3))
        start = time.process_time()
        ask(model)
        own.append(time.process_time() - start)
        alone.append(own[-1] * best / pace)
    rates = (count / statistics.median(one) for one in (own, alone))
    return {"answer": answer, "goal": goal, **dict(zip(("median", "undisturbed"), map(round, rates), strict=True))}
