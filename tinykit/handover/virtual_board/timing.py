"""Cycles from counted instructions: the Cortex-M4 manual's cost of each class, times what boards add."""

from collections.abc import Mapping

from tinykit.ground.caches import remember_table
from tinykit.ground.quantity import Estimate
from tinykit.predict.latency.shapes import read_table
from tinykit.target.boards.record import Board

COSTS = {
    "load": 2.0, "load_following": 1.0, "store": 1.0, "load_multiple": 1.0, "store_multiple": 1.0, "words": 1.0,
    "multiply": 1.0, "branch": 1.0, "taken": 2.0, "divide": 7.0, "it": 0.5, "other": 1.0, "unknown": 1.0,
}  # fmt: skip
"""Cycles by class: load 2, straight after a load 1; store 1; of n words 1 + n; taken branch 3; division 7; IT 0.5."""

_MANUAL = "instruction classes counted in the emulator x costs of the Cortex-M4 technical reference manual"


def class_cycles(counts: Mapping[str, int]) -> float:
    """Cycles of counted classes without any wait: the sum of count x cost.

    >>> class_cycles({"load": 1, "load_following": 1, "multiply": 2, "branch": 1, "taken": 1, "instructions": 5})
    8.0
    """
    return sum(counts.get(name, 0) * cost for name, cost in COSTS.items())


@remember_table
def _factors() -> dict[str, dict[str, str]]:
    """What boards measured over the class costs, by board or core."""
    return {row["name"]: row for row in read_table("board_factors").rows}


def estimate_cycles(cycles: float, board: Board) -> Estimate:
    """Cycles on a board: class cycles x the board's factor, or its core's."""
    row = _factors().get(board.id) or _factors()[board.core]
    factor, low, high = (float(row[name]) for name in ("factor", "low", "high"))
    return Estimate(
        cycles * factor, cycles * low, cycles * high, "cycle", "simulated",
        sources=f"{_MANUAL} x {factor:g} [{low:g} to {high:g}]: {row['measured']}",
    )  # fmt: skip


def is_validated(core: str) -> bool:
    """Whether the timing of a core was held against boards that have it."""
    return _factors()[core]["validated"] == "yes"


def estimate_latency(cycles: Estimate, clock_hz: float) -> Estimate:
    """Seconds of that many cycles at a clock [Hz]: latency = cycles / clock."""
    return Estimate(
        cycles.value / clock_hz, cycles.low / clock_hz, cycles.high / clock_hz, "s", "simulated",
        sources=(*cycles.sources, f"at {clock_hz / 1e6:g} MHz"),
    )  # fmt: skip
