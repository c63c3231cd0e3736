"""Energy errors on boards the factor has not seen, beside E = V I t as the data sheet has it."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Callable, Iterable

from tinykit.boards import boards
from tinykit.energy import activity_factor
from tinykit.facts import shipped_path

TITLE = "Energy per inference against MLPerf Tiny, given latency and data-sheet current"
Row = dict[str, str]


def table() -> list[dict[str, object]]:
    """One row per method and kind of current: the mean error over rows, and the share of them inside the interval."""
    with shipped_path("data", "power", "energy_validation.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    known = {one.id for one in boards()}
    unknown = sorted({row["board"] for row in rows} - known)
    out: list[dict[str, object]] = []
    for kind in sorted({row["current_kind"] for row in rows}):
        same = [row for row in rows if row["current_kind"] == kind]
        out += [_score(kind, name, same, predict) for name, predict in _methods(kind, same).items()]
    out += [_score("all", name, rows, predict) for name, predict in _methods("", rows).items()]
    return [*out, {"method": f"not in the catalogue: {', '.join(unknown) or 'none'}"}]


def _methods(kind: str, rows: list[Row]) -> dict[str, Callable[[Row], tuple[float, float, float] | None]]:
    single = statistics.median(_ratio(row) for row in rows)

    def shipped(row: Row) -> tuple[float, float, float]:
        factor = activity_factor(kind or row["current_kind"])
        return factor.value, factor.low, factor.high

    def left_out(row: Row) -> tuple[float, float, float] | None:
        others = [one for one in rows if one["board"] != row["board"]]
        return _band(_ratio(one) for one in others) if others else None

    def one_point(row: Row) -> tuple[float, float, float] | None:
        place = ("round", "submitter", "board", "supply_v")
        twins = [one for one in rows if all(one[key] == row[key] for key in place) and one["model"] != row["model"]]
        if not twins:
            return None
        ratio = _ratio(twins[0])
        return ratio, ratio * 0.92, ratio * 1.08

    return {
        "naive: V I t": lambda _: (1.0, 1.0, 1.0),
        "one factor, fitted to these rows": lambda _: (single, single, single),
        "shipped factor by kind of current": shipped,
        "factor of the other boards": left_out,
        "one measured point of the same system and supply": one_point,
    }


def _score(
    kind: str, name: str, rows: list[Row], predict: Callable[[Row], tuple[float, float, float] | None]
) -> dict[str, object]:
    pairs = [(band, _ratio(row)) for row in rows if (band := predict(row)) is not None]
    errors = [abs(band[0] / ratio - 1) for band, ratio in pairs]
    inside = [band[1] <= ratio <= band[2] for band, ratio in pairs]
    return {
        "current": kind,
        "method": name,
        "rows": len(pairs),
        "mean error %": round(100 * statistics.fmean(errors), 1) if errors else None,
        "in the interval %": round(100 * statistics.fmean(inside)) if inside else None,
    }


def _ratio(row: Row) -> float:
    """Measured energy over V I t."""
    return float(row["energy_j"]) / (float(row["supply_v"]) * float(row["run_current_a"]) * float(row["latency_s"]))


def _band(ratios: Iterable[float]) -> tuple[float, float, float]:
    """Median with an interval of 1.28 standard deviations of the logarithms, at least those of one board alone."""
    logs = [math.log(ratio) for ratio in ratios]
    middle, spread = statistics.median(logs), max(0.15, statistics.pstdev(logs))
    return math.exp(middle), math.exp(middle - 1.28 * spread), math.exp(middle + 1.28 * spread)
