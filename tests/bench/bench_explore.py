"""What a search finds beside the task's own network and a random search, and whether its intervals hold.

`BENCH_MINUTES=20 BENCH_TASKS=watch-exercises,vowels,digits BENCH_WORKERS=2 python -m tests.bench explore`. Studies lie
in build/bench/explore, and a second run goes on with them. BENCH_FINALISTS=1 makes every finalist again for the test
split, which a search never does, to count how many of the 80 % intervals hold what is found there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinykit.budget.assessment.budgets import Budgets
from tinykit.choose.exploration.exploring import explore
from tinykit.choose.exploration.study import Point, Study
from tinykit.choose.exploration.training_job import open_test

TITLE = "Explore: chosen, hand-made and random search; cross-validated and on unseen groups"
OUT = Path(__file__).resolve().parents[2] / "build" / "bench" / "explore"
BUDGETS = Budgets(flash_bytes=128 * 1024, arena_bytes=48 * 1024)


def table() -> list[dict[str, Any]]:
    minutes = float(os.environ.get("BENCH_MINUTES", "6"))
    workers = os.environ.get("BENCH_WORKERS", "0")
    rows: list[dict[str, Any]] = []
    for task in os.environ.get("BENCH_TASKS", "watch-exercises").split(","):
        folder = OUT / f"{task}-{minutes:g}"
        study = explore(task, BUDGETS, minutes=minutes, workers=workers, folder=folder, random=True)
        rows += tell(task, study)
        if os.environ.get("BENCH_FINALISTS"):
            rows.append(count_held(task, study))
    return rows


def tell(task: str, study: Study) -> Iterator[dict[str, Any]]:
    trained = sum(one.short is not None for one in study.trials)
    yield {"task": task, "network": f"{study.count} drawn, {trained} trained, {len(study.refused)} refused untrained"}
    for title, one in (("chosen", study.chosen), ("hand-made", study.baseline), ("random search's", study.random)):
        if one is not None:
            yield {"task": task, "network": f"{title}: {one.candidate}", **figures(one)}
    if study.against:
        against = f"{study.against.value:+.3f} [{study.against.low:+.3f} … {study.against.high:+.3f}]"
        less = study.baseline.energy_j.value / study.chosen.energy_j.value
        yield {
            "task": task,
            "network": f"chosen minus hand-made, {study.against.method}; energy {less:.2g}× less",
            "unseen": against,
        }


def figures(one: Point) -> dict[str, Any]:
    score, found = one.score, one.accuracy
    return {
        "cross-validated (80 %)": score and f"{score.value:.3f} [{score.low:.3f} … {score.high:.3f}]",
        "unseen": found and f"{found.fraction:.3f} [{found.low:.3f} … {found.high:.3f}]",
        "optimism": one.optimism and f"{one.optimism.value:+.3f} [{one.optimism.low:+.3f} … {one.optimism.high:+.3f}]",
        "energy [µJ]": one.energy_j and 1e6 * one.energy_j.value,
        "latency [ms]": one.latency_s and 1e3 * one.latency_s.value,
        "arena [byte]": one.arena_bytes and f"{one.arena_bytes.value:.0f}",
        "flash [KiB]": one.flash_bytes and one.flash_bytes.value / 1024,
    }  # fmt: skip


def count_held(task: str, study: Study) -> dict[str, Any]:
    finalists = [one for one in (*study.trials, study.baseline) if one and one.score]
    held = 0
    for one in finalists:
        found = one.tested or open_test(dict(study.source), one.candidate.to_json(), 1)
        held += one.score.low <= found["accuracy"]["fraction"] <= one.score.high
    return {"task": task, "network": f"{held} of {len(finalists)} intervals of finalists hold what unseen groups gave"}
