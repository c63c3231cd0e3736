"""Cycles from counted instructions: the Cortex-M4 manual's cost of each class, times what boards add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinykit.ground.quantity import Estimate
from tinykit.target.boards import Board

COSTS = {
    "load": 2.0, "load_following": 1.0, "store": 1.0, "load_multiple": 1.0, "store_multiple": 1.0, "words": 1.0,
    "multiply": 1.0, "branch": 1.0, "taken": 2.0, "divide": 7.0, "it": 0.5, "other": 1.0, "unknown": 1.0,
}  # fmt: skip
"""Cycles by class: load 2, straight after a load 1; store 1; of n words 1 + n; taken branch 3; division 7; IT 0.5."""

_MANUAL = "instruction classes counted in the emulator x costs of the Cortex-M4 technical reference manual"


@dataclass(frozen=True, slots=True)
class Factor:
    """What a core's boards measured over the class costs: value, 80 % interval, where from, and whether it was met."""

    value: float
    low: float
    high: float
    source: str
    validated: bool = True


_M4 = (
    "measured/model 1.195, 1.195, 1.217 and 1.29 on NUCLEO-L4R5ZI for the submitted programs (MLPerf Tiny, microTVM + "
    "CMSIS-NN), 1.22 to 1.35 for the kit's own export of the same networks"
)
_FACTORS = {
    "nucleo-l4r5zi": Factor(1.20, 1.10, 1.36, _M4),
    "cortex-m4": Factor(1.20, 0.98, 1.48, f"{_M4}; flash wait states of other boards differ"),
    "cortex-m33": Factor(
        1.04, 0.86, 1.27,
        "measured/model 1.01 to 1.06 on NRF5340DK (four networks, MLPerf Tiny, microTVM + CMSIS-NN); one board",
    ),
    "cortex-m0plus": Factor(
        0.90, 0.65, 1.25, "measured/model 0.90 on RP2040 (person_detect, total); one network on one board"
    ),
    "cortex-m7": Factor(
        0.95, 0.60, 1.60,
        "timing unvalidated: the dual-issue Cortex-M7 is not modelled; TFLM + CMSIS-NN, build unknown, on Giga R1 "
        "took 0.83, 0.84 and 1.33 times the model's cycles of TFLM's own counts, the last with its arena in SDRAM",
        validated=False,
    ),
    "cortex-m55": Factor(
        0.90, 0.50, 1.80,
        "timing unvalidated: dual-beat MVE is not modelled, it counts 1 cycle each; TFLM on Apollo510 took "
        "0.77 times the model's cycles for one network, counted on the export, whose M55 counts are not TFLM's",
        validated=False,
    ),
}  # fmt: skip


def class_cycles(counts: Mapping[str, int]) -> float:
    """Cycles of counted classes without any wait: the sum of count x cost.

    >>> class_cycles({"load": 1, "load_following": 1, "multiply": 2, "branch": 1, "taken": 1, "instructions": 5})
    8.0
    """
    return sum(counts.get(name, 0) * cost for name, cost in COSTS.items())


def estimate_cycles(cycles: float, board: Board) -> Estimate:
    """Cycles on a board: class cycles x the board's factor, or its core's."""
    factor = _FACTORS.get(board.id) or _FACTORS[board.core]
    return Estimate(
        cycles * factor.value, cycles * factor.low, cycles * factor.high, "cycle", "simulated",
        sources=f"{_MANUAL} x {factor.value:g} [{factor.low:g} to {factor.high:g}]: {factor.source}",
    )  # fmt: skip


def is_validated(core: str) -> bool:
    """Whether the timing of a core was held against boards that have it."""
    return _FACTORS[core].validated


def estimate_latency(cycles: Estimate, clock_hz: float) -> Estimate:
    """Seconds of that many cycles at a clock [Hz]: latency = cycles / clock."""
    return Estimate(
        cycles.value / clock_hz, cycles.low / clock_hz, cycles.high / clock_hz, "s", "simulated",
        sources=(*cycles.sources, f"at {clock_hz / 1e6:g} MHz"),
    )  # fmt: skip
