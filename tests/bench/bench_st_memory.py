"""Memory under X-CUBE-AI as published, beside what a fit of the other families of networks says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tools.st_memory import leave_families_out, read_rows, step_of

TITLE = "X-CUBE-AI: activations, RAM and flash, each family of networks left out of the fit"


def table() -> list[dict[str, object]]:
    """One row per figure, and per step of the tool; each family counts once."""
    scored = leave_families_out(read_rows())
    rows = []
    for figure in dict.fromkeys(one["figure"] for one in scored):
        alike = [one for one in scored if one["figure"] == figure]
        groups = {"all": alike} | {step: [one for one in alike if step_of(one["version"]) == step] for step in "789"}
        if figure == "activations":
            groups["a tensor above 30 KiB"] = [one for one in alike if one["largest"] > 30 * 1024]
        rows += [{"figure": figure, "rows of": name, **summarise(group)} for name, group in groups.items()]
    return rows


def summarise(group: Sequence[dict[str, Any]]) -> dict[str, object]:
    """Errors and coverage, each family of equal weight."""
    counts = Counter(one["family"] for one in group)
    weights = [1 / counts[one["family"]] / len(counts) for one in group]
    errors = [abs(one["value"] / one["published"] - 1) for one in group]
    inside = [one["low"] <= one["published"] <= one["high"] for one in group]
    below = [one["published"] <= one["high"] for one in group]
    return {
        "n": len(group), "families": len(counts), "median %": 100 * quantile(errors, weights, 0.5),
        "p90 %": 100 * quantile(errors, weights, 0.9), "inside": share(inside, weights),
        "high end above": share(below, weights),
    }  # fmt: skip


def share(found: Sequence[bool], weights: Sequence[float]) -> float:
    """Weight of those found."""
    return sum(weight for one, weight in zip(found, weights, strict=True) if one)


def quantile(values: Sequence[float], weights: Sequence[float], level: float) -> float:
    """The smallest value that at least a part `level` of the weight does not exceed."""
    passed = 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        passed += weight
        if passed >= level - 1e-9:
            return value
    return max(values)
