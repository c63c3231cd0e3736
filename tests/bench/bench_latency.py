"""Latency errors on networks the fit has not seen, beside one cycles-per-MAC constant scored the same way."""

from __future__ import annotations

from tinykit.latency.calibrating import read_measured
from tinykit.latency.scoring import leave_architectures_out, pooled_coverage, score_groups

TITLE = "Latency, leave-one-architecture-out on published int8 CPU rows of at least 0.1 M MAC"


def table() -> list[dict[str, object]]:
    """One row per runtime and core, then the coverage over all of them; fractions in percent."""
    residuals = leave_architectures_out(read_measured())
    rows: list[dict[str, object]] = [
        {
            "runtime": score.runtime,
            "core": score.core,
            "rows": score.rows,
            "architectures": score.architectures,
            "median error %": round(100 * score.median_ape, 1),
            "p90 error %": round(100 * score.p90_ape, 1),
            "in the 80 % interval %": round(100 * score.coverage_80),
            "bias %": round(100 * score.bias, 1),
            "constant: median %": round(100 * score.naive_median_ape, 1),
            "constant: p90 %": round(100 * score.naive_p90_ape, 1),
        }
        for score in score_groups(residuals)
    ]
    pooled = {
        "runtime": "all",
        "rows": len(residuals),
        "in the 80 % interval %": round(100 * pooled_coverage(residuals)),
    }
    return [*rows, pooled]
