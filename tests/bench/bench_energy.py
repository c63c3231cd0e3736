"""Energy errors on boards the factor has not seen, beside E = V I t as the data sheet has it."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tinykit.ground.facts import shipped_path
from tinykit.predict.energy.inputs import load_constants
from tinykit.predict.energy.laws import activity_factor
from tinykit.predict.energy.predict import predict_run_current
from tinykit.target.boards import board as find, boards

TITLE = "Energy per inference against MLPerf Tiny, given latency and data-sheet current"
Row = dict[str, str]
Band = tuple[float, float, float]
_T80 = {1: 3.08, 2: 1.89, 3: 1.64, 4: 1.53, 5: 1.48}
"""Two-sided 80 % quantile of Student's t by degrees of freedom (any table of it)."""


def table() -> list[dict[str, object]]:
    """One row per method and kind of current with its errors and coverage, then each board's own factor."""
    rows = read_rows()
    out: list[dict[str, object]] = []
    for kind in [*sorted({row["current_kind"] for row in rows}), "all"]:
        same = [row for row in rows if kind in ("all", row["current_kind"])]
        out += [_score(kind, name, bands) for name, bands in predict_all(same).items()]
    for said, own in (("its interval", False), ("the shipped interval about it", True)):
        records = from_records(rows, shipped_width=own)
        for regulator in ("ldo", "smps", "all"):
            alike = [(band, ratio) for kind, band, ratio in records if regulator in (kind, "all")]
            method = f"the board's record without its own power of networks, factor of the other boards, {said}"
            out.append({"regulator": regulator, **_score("any", method, alike)})
    out += [_spread(name, rows) for name in sorted({row["board"] for row in rows})]
    unknown = sorted({row["board"] for row in rows} - {one.id for one in boards()})
    return [*out, {"method": f"not in the catalogue: {', '.join(unknown) or 'none'}"}]


def read_rows() -> list[Row]:
    """The shipped rows of MLPerf Tiny with a measured energy."""
    with shipped_path("data", "power", "energy_validation.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(line for line in stream if not line.startswith("#")))


def predict_all(rows: Sequence[Row]) -> dict[str, list[tuple[Band, float]]]:
    """Each method's factor with its interval beside the measured one, for every row it can predict."""
    single = math.exp(statistics.fmean(math.log(ratio_of(row)) for row in rows))
    methods: dict[str, Callable[[Row], Band | None]] = {
        "naive: V I t": lambda _: (1.0, 1.0, 1.0),
        "one factor, fitted to these rows": lambda _: (single, single, single),
        "shipped factor by kind of current": lambda row: shipped(row["current_kind"]),
        "factor of the other boards, whatever the kind": lambda row: pool(_elsewhere(row, rows)),
        "factor of the other boards by kind, shipped where no other has it": lambda row: by_kind(row, rows),
    }
    scored = {
        name: [(band, ratio_of(row)) for row in rows if (band := predict(row)) is not None]
        for name, predict in methods.items()
    }
    return {**scored, "one measured point of the same system, build and supply": one_point(rows)}


def shipped(kind: str) -> Band:
    """What `predict_energy` multiplies a stated current of this kind with."""
    factor = activity_factor(kind)
    return factor.value, factor.low, factor.high


def by_kind(row: Row, rows: Sequence[Row]) -> Band:
    """Learned on the other boards whose current is of the same kind; the shipped factor where there are none."""
    same = [one for one in _elsewhere(row, rows) if one["current_kind"] == row["current_kind"]]
    return pool(same) or shipped(row["current_kind"])


def from_records(rows: Sequence[Row], *, shipped_width: bool = False) -> list[tuple[str | None, Band, float]]:
    """Regulator, factor with interval, and measured energy over V I t with the current of the board's record.

    What the record says of networks on this board is left out, and the factor is that of the other boards: nothing of
    the board's own energies is known. Boards without a run current on record are not among them. The interval is
    Student's over the other boards, or as wide as what is shipped.
    """
    found = []
    for row in rows:
        target = replace(find(row["board"]), ml_power=()) if row["board"] in {one.id for one in boards()} else None
        if target is None or not target.run_points:
            continue
        point, supply = target.run_points[0], float(row["supply_v"])
        current = predict_run_current(target, supply_v=supply)
        known, (value, low, high) = shipped(point.workload), by_kind(row, rows) or shipped(point.workload)
        if shipped_width:
            low, high = (value * end / known[0] for end in known[1:])
        down, up = (abs(math.log(end / current.value)) for end in (current.low, current.high))
        own = (abs(math.log(end / known[0])) for end in known[1:])
        more = [math.sqrt(max(0.0, whole**2 - part**2)) for whole, part in zip((down, up), own, strict=True)]
        both = zip((value / low, high / value), more, strict=True)
        down, up = (math.exp(math.hypot(math.log(end), other)) for end, other in both)
        ratio = float(row["energy_j"]) / (supply * current.value / known[0] * float(row["latency_s"]))
        found.append((point.regulator, (value, value / down, value * up), ratio))
    return found


def one_point(rows: Sequence[Row]) -> list[tuple[Band, float]]:
    """Each row from each other network of its system, at the power measured there: E = P t.

    A system is a submitter's folder of a round: one build of one runtime on one board, at one supply.
    """
    spread = load_constants("power", "run_current.toml")["measured_power"]["spread"].value
    pairs = [(one, row) for row in rows for one in rows if one is not row and system_of(one) == system_of(row)]
    ratios = [(ratio_of(one), ratio_of(row)) for one, row in pairs]
    return [((known, known * (1 - spread), known * (1 + spread)), ratio) for known, ratio in ratios]


def pool(rows: Sequence[Row]) -> Band | None:
    """Geometric mean of the boards' factors, each board weighing the same, and what a further board may show.

    The interval is Student's over the boards: their spread, and that of the systems within a board beside it. None
    with less than two boards.
    """
    by_board: dict[str, list[float]] = {}
    for row in rows:
        by_board.setdefault(row["board"], []).append(math.log(ratio_of(row)))
    if len(by_board) < 2:
        return None
    means = [statistics.fmean(logs) for logs in by_board.values()]
    within = statistics.fmean(statistics.pvariance(logs) for logs in by_board.values())
    middle, between = statistics.fmean(means), statistics.variance(means)
    half = _T80[len(means) - 1] * math.sqrt(between * (1 + 1 / len(means)) + within)
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def system_of(row: Row) -> tuple[str, str]:
    """Folder of a submission (round, submitter, build, board) and supply."""
    return row["source"].rsplit(f"/{row['model']}/", 1)[0], row["supply_v"]


def ratio_of(row: Row) -> float:
    """Measured energy over V I t."""
    return float(row["energy_j"]) / (float(row["supply_v"]) * float(row["run_current_a"]) * float(row["latency_s"]))


def _elsewhere(row: Row, rows: Iterable[Row]) -> list[Row]:
    return [one for one in rows if one["board"] != row["board"]]


def _score(kind: str, name: str, pairs: Sequence[tuple[Band, float]]) -> dict[str, object]:
    errors = [abs(band[0] / ratio - 1) for band, ratio in pairs]
    if not errors:
        return {"current": kind, "method": name, "rows": 0}
    return {
        "current": kind,
        "method": name,
        "rows": len(pairs),
        "mean error %": round(100 * statistics.fmean(errors), 1),
        "median error %": round(100 * statistics.median(errors), 1),
        "in the interval %": round(100 * statistics.fmean(band[1] <= ratio <= band[2] for band, ratio in pairs)),
        "interval, high over low": round(statistics.median(band[2] / band[1] for band, _ in pairs), 2),
    }


def _spread(board: str, rows: Sequence[Row]) -> dict[str, object]:
    """Factors of a board's systems: their range is what firmware alone does to a board, at one clock."""
    own = [row for row in rows if row["board"] == board]
    systems = {system_of(row) for row in own}
    factors = [statistics.median(ratio_of(row) for row in own if system_of(row) == one) for one in systems]
    said = f"{board}: factor {statistics.median(factors):.2f} of {len(factors)} systems"
    return {
        "current": own[0]["current_kind"],
        "method": f"{said}, {min(factors):.2f} to {max(factors):.2f}",
        "rows": len(own),
    }
