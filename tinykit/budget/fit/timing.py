"""What a place in memory costs in time, beside the arena in the board's main on-chip RAM and the model in its flash.

External RAM: as measured (`tinykit.predict.latency`). Banks of one chip: a core with a data cache fetches and writes
back lines of 32 bytes; tightly coupled memory (TCM) spares them, a bank behind a further bus makes them dearer. This
was not measured: what is known is how many bytes move, and the cost of one is assumed, with an interval that says so.
"""

import math
from typing import Any

from tinykit.budget.fit.verdict import RegionUse
from tinykit.budget.power.timeline import attempt
from tinykit.ground.quantity import Estimate, propagate
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.packing.cost import predict_packed_latency
from tinykit.target.boards.record import EXTERNAL_RAM_KINDS, Board
from tinykit.target.target import Target

_LINE_BYTES = 32
_TCM_CYCLES = (10.0, 20.0, 40.0)
"""Core cycles that a line from the main on-chip RAM takes and one in TCM does not: low, value, high; assumed (a burst
of four 8-byte beats at half the core's clock, and its latency)."""
_FAR_CYCLES = (0.0, 20.0, 60.0)
"""Further core cycles of a line from a bank in another domain: low, value, high; assumed (a bus more, 4-byte beats)."""
_OUTSIDE_SOURCES = (
    "VWW on an Arduino Giga R1: 51.4 ms with the arena in SRAM, 63.8 ms in SDRAM",
    "SamsiGg/1.-Studienarbeit---KI-auf-ESP32; fitted to it and two more rows",
)


def predict_time(graph: ModelGraph, target: Target) -> tuple[Estimate | None, str]:
    """Latency [s] with the arena in on-chip RAM; None with the reason."""
    if target.clock_hz is None:
        return None, f"the clock of {target.board.id} is not on record; give it with --clock HZ"
    inside = next((one.name for one in target.board.sram_windows() if one.kind not in EXTERNAL_RAM_KINDS), None)
    case = {**_case_of(target), "board": target.board, "arena_region": inside, "code_region": target.code_region}
    found, why = attempt(lambda: predict_packed_latency(graph, **case))
    return found, why.partition("\n")[0]


def _case_of(target: Target) -> dict[str, Any]:
    """All of a target but its board and the places it names."""
    names = ("core", "clock_hz", "runtime", "runtime_version", "runtime_option", "build")
    return {name: getattr(target, name) for name in names}


def outside_factor(graph: ModelGraph, target: Target, memory: str, *, head_bytes: float = math.inf) -> Estimate:
    """Time with the arena in external RAM over that in on-chip RAM; what both are unsure of is left out.

    Both are asked for without the board: where it was measured, it was so with one of them alone. Where the data cache
    holds the head whole: between no cost at all and that of the network measured, whose head was several times larger.
    """
    kept = head_bytes <= (data_cache_bytes(target.board) or 0)
    case = _case_of(target)
    inside, outside = (predict_packed_latency(graph, **case, arena_region=region) for region in (None, memory))
    factor = outside.value / inside.value
    ends = [[math.log(one.value / one.low), math.log(one.high / one.value)] for one in (outside, inside)]
    down, up = (math.exp(math.sqrt(max(0.0, a**2 - b**2))) for a, b in zip(*ends, strict=True))
    value, low = (math.sqrt(factor), 1.0) if kept else (factor, max(1.0, factor / down))
    return Estimate(
        value, low, factor * up, "1", "modelled", runtime=outside.runtime,
        sources=(*_OUTSIDE_SOURCES, "the data cache holds this head whole" if kept else ""),
    )  # fmt: skip


def move_outside(inside: Estimate, factor: Estimate) -> Estimate:
    """Latency [s] with the arena in external RAM, from that in on-chip RAM."""
    return propagate(lambda t, f: t * f, inside, factor, unit="s")


def bank_delay(graph: ModelGraph, board: Board, use: RegionUse, clock_hz: float) -> Estimate:
    """Seconds that the head of the arena in a bank of the chip costs beside the main RAM; below 0 where it gains."""
    main = next((window.name for window in board.sram_windows() if window.kind == "sram"), "")
    lines = _moved_bytes(graph) / _LINE_BYTES if data_cache_bytes(board) else 0.0
    if use.kind in ("dtcm", "tcm", "ccm") and main:
        low, value, high = (-cycles for cycles in reversed(_TCM_CYCLES))
        why = "data-cache lines spared"
    elif use.name in (main, "") or not main:
        low = value = high = 0.0
        why = "the main on-chip RAM"
    else:
        low, value, high = _FAR_CYCLES
        why = "data-cache lines over a further bus"
    low, value, high = (lines * cycles / clock_hz for cycles in (low, value, high))
    source = f"{lines:,.0f} {why}; cycles a line assumed" if lines and value else f"{why}: no cost known"
    return Estimate(value, low, high, "s", "assumed", sources=source)


def data_cache_bytes(board: Board) -> int | None:
    """Size of the data cache that the board's record states, None where it states none."""
    return round(board.data_cache.value) if board.data_cache else None


def _moved_bytes(graph: ModelGraph) -> int:
    """Bytes of activations that operators read and write, each once."""
    indices = (index for one in graph.operators for index in (*one.inputs, *one.outputs) if index >= 0)
    return sum(graph.tensors[index].nbytes for index in indices if not graph.tensors[index].is_constant)
