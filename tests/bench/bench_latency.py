"""Latency errors on networks and boards the fit has not seen, beside a cycles-per-MAC constant scored the same way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tools.latency.published import read_measured
from tools.latency.scoring import Residual, leave_architectures_out, leave_boards_out, pooled_coverage, score_groups

TITLE = "Latency with networks and boards left out, on published int8 CPU rows of at least 0.1 M MAC"


def table() -> list[dict[str, object]]:
    """One row per runtime and core, then the coverage over all of them; fractions in percent."""
    rows = read_measured()
    networks, boards = leave_architectures_out(rows), leave_boards_out(rows)
    return [*_score("architecture", networks), *_score("board", boards)]


def _score(left_out: str, residuals: Sequence[Residual]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {
            "left out": left_out,
            "runtime": score.runtime,
            "core": score.core,
            "rows": score.rows,
            "architectures": score.architectures,
            "median error %": round(100 * score.median_ape, 1),
            "p90 error %": round(100 * score.p90_ape, 1),
            "in the 80 % interval %": round(100 * score.coverage_80),
            "bias %": round(100 * score.bias, 1),
            "constant: median %": _percent(score.naive_median_ape),
            "constant: p90 %": _percent(score.naive_p90_ape),
        }
        for score in score_groups(residuals)
    ]
    covered = round(100 * pooled_coverage(residuals))
    return [*rows, {"left out": left_out, "runtime": "all", "rows": len(residuals), "in the 80 % interval %": covered}]


def _percent(fraction: float) -> float | None:
    """Nothing where no other board of the core was measured: there is no constant then."""
    return None if math.isnan(fraction) else round(100 * fraction, 1)
