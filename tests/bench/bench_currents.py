"""Currents of whole devices that others published, against budgets made from the name of the board alone.

A row that made a record never judges it: what is asked of networks is asked without the record's own power of networks.
"""

from __future__ import annotations

import statistics
from dataclasses import replace

from tests.bench import bench_streaming
from tinykit.budget.power.budget import PowerBudget, budget_power
from tinykit.budget.power.workload import Workload, rest_of_board
from tinykit.ground.facts import read_csv, shipped_path
from tinykit.ground.quantity import Estimate
from tinykit.target.boards import board

TITLE = "Published currents of whole devices against budgets from names alone"
_HOUR_S = 3600.0


def read_rows() -> list[dict[str, str]]:
    """The published currents beside the streaming runs."""
    return list(read_csv(shipped_path("data", "validation", "currents.csv")).rows)


def budget_row(row: dict[str, str]) -> PowerBudget:
    """A device that runs, or sleeps, all the time."""
    target, state = board(row["board"]), row["state"]
    if state == "network":
        target = replace(target, ml_power=())
    asleep = state in ("stop", "standby")
    latency = Estimate.exact(1e-9 if asleep else 1.0, "s", "assumed", "no network at all, or nothing else")
    loads = (rest_of_board(target),) if row["face"] == "board" else ()
    return budget_power(
        target, Workload(latency, loads=loads), period_s=_HOUR_S if asleep else 1.0,
        clock_hz=float(row["clock_hz"]) if row["clock_hz"] else None,
        supply_v=float(row["supply_v"]) if row["supply_v"] else None, sleep_mode=state if asleep else None,
    )  # fmt: skip


def compare() -> list[tuple[str, float, Estimate]]:
    """Name, published and budgeted current [A] of every row that the records answer, streaming runs last."""
    found = [(row, budget_row(row).average_current_a) for row in read_rows()]
    named = [
        (f"{row['board']} ({row['face']}) {row['state']}", float(row["current_a"]), budgeted)
        for row, budgeted in found
        if budgeted is not None
    ]
    for row in bench_streaming.ROWS:
        run, budgeted = bench_streaming.read_run(row), bench_streaming.budget_run(row).average_current_a
        if budgeted is not None:
            named.append((f"streaming {row}", run["measured"].value / run["supply"].value, budgeted))
    return named


def table() -> list[dict[str, object]]:
    """One row a published current [mA], the summary last."""
    rows: list[dict[str, object]] = []
    errors, inside = [], 0
    for name, measured, found in compare():
        errors.append(abs(found.value / measured - 1))
        inside += found.low <= measured <= found.high
        rows.append({
            "device": name, "published mA": measured * 1e3, "budget mA": found.value * 1e3,
            "error %": round(100 * (found.value / measured - 1), 1), "high over low": round(found.high / found.low, 2),
            "basis": str(found.basis), "in the interval": "yes" if found.low <= measured <= found.high else "no",
        })  # fmt: skip
    rows.append({
        "device": f"all, n = {len(errors)}", "error %": round(100 * statistics.median(errors), 1),
        "in the interval": f"{inside} of {len(errors)}",
    })  # fmt: skip
    return rows
