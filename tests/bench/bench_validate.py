"""`tinykit validate` on the published measurements, where they are at hand: what a user's table looks like."""

from __future__ import annotations

import os
from pathlib import Path

from tinykit.predict.validation.compare import validate

TITLE = "Predictions against published rows (fitted: the prediction knows the row)"
HERE = Path(__file__).resolve()


def table() -> list[dict[str, object]]:
    """One row per quantity, core and runtime; TINYKIT_MEASUREMENTS names a CSV, else ../shared is looked at."""
    beside = HERE.parents[3] / "shared" / "measurements" / "calibration.csv"
    result = validate(os.environ.get("TINYKIT_MEASUREMENTS") or beside)
    rows: list[dict[str, object]] = [
        {
            "quantity": group.quantity,
            "core": group.core,
            "runtime": group.runtime,
            "rows": group.n,
            "fitted": group.fitted,
            "median error %": round(100 * group.median_ape, 1),
            "p90 error %": round(100 * group.p90_ape, 1),
            "in the 80 % interval %": round(100 * group.coverage_80),
            "bias %": round(100 * group.bias, 1),
        }
        for group in result.groups
    ]
    return [*rows, {"quantity": "left out", "rows": sum(result.reasons().values())}]
