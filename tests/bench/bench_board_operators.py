"""Instructions of the exported program by kind of operator, beside TFLM's: GCC, CMSIS-NN, MLPerf Tiny's files.

`corrected` is what the kit predicts of TFLM from the export's count (virtual_board/tflm.py), `residual %` what
is left of the difference. The corrections come from these operators; `left out %` is the largest residual of an
operator that is corrected by the others of its kind alone.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from tests.bench.bench_virtual_board import FILES, models
from tinykit.handover.virtual_board import run, sample_codes
from tinykit.handover.virtual_board.timing import corrections
from tools.board_corrections import BOARDS, RESHAPE, counted

TITLE = "Instructions by kind of operator: the export (CMSIS-NN 4.0.0) against TFLM (its own, newer CMSIS-NN), GCC -O3"
LARGE_DENSE_MACS = 8000


@dataclass(frozen=True, slots=True)
class Counted:
    """One operator: the export's instructions, TFLM's, the prediction of TFLM's, and what TFLM adds to every one."""

    own: int
    tflm: int
    corrected: float
    added: float


def table() -> list[dict[str, Any]]:
    """One row per core and kind: instructions of both in sum, the deviation, and its extremes over the operators."""
    return [row for core, board in BOARDS.items() for row in _rows(core, board)]


def _rows(core: str, board: str) -> list[dict[str, Any]]:
    kinds: dict[str, list[Counted]] = {}
    known = corrections(core, "gcc")
    for name, graph in models().items():
        if name not in FILES:
            continue
        found = run(graph, board, sample_codes(graph, 1), compiler="gcc")
        predicted = found.tflm.operators if found.tflm else ()
        for one, count, guess in zip(found.operators, counted(name, core), predicted, strict=True):
            size = "large " if one.macs >= LARGE_DENSE_MACS else "small "
            kind = f"{size}{one.kind}" if one.kind == "fully connected" else one.kind
            row = Counted(one.instructions, count, guess.value, known[one.kind][3])
            kinds.setdefault(kind, []).append(row)
    return [_row(core, kind, counts) for kind, counts in sorted(kinds.items())]


def _row(core: str, kind: str, counts: list[Counted]) -> dict[str, Any]:
    own, other, corrected = (sum(getattr(one, name) for one in counts) for name in ("own", "tflm", "corrected"))
    before, after = ([_percent(getattr(one, name), one.tflm) for one in counts] for name in ("own", "corrected"))
    return {
        "core": core, "kind": kind, "operators": len(counts), "export": own, "TFLM": other,
        "difference %": _percent(own, other), "lowest %": min(before), "highest %": max(before),
        "corrected": round(corrected), "residual %": _percent(corrected, other), "residual lowest %": min(after),
        "residual highest %": max(after), "left out %": None if kind == RESHAPE else _left_out(counts),
    }  # fmt: skip


def _percent(one: float, other: float) -> float:
    return round(100 * (one / other - 1), 2)


def _left_out(counts: list[Counted]) -> float | None:
    """Largest residual of an operator corrected by the others that differ from it; None where there are none."""
    found = []
    for one in counts:
        others = [math.log((other.tflm - other.added) / other.own) for other in counts
                  if other.own != one.own and other.tflm > other.added]  # fmt: skip
        if others:
            found.append(_percent(one.own * math.exp(statistics.mean(others)) + one.added, one.tflm))
    return max(found, key=abs) if found else None
