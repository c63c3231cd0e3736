"""Published latencies with the modelled instructions of their models: what cycles are estimated from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinykit.predict.latency.effects import Case, row_noise
from tinykit.predict.latency.kernels import FAMILIES, PARTS
from tinykit.predict.latency.known import read_measured_row
from tinykit.predict.latency.shapes import read_table

_KEPT = {
    "convolutions": ("conv", "conv few", "conv_1x1"),
    "depthwise": ("depthwise",),
    "fully_connected": ("fully_connected",),
    "all": FAMILIES,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One published latency with the modelled instructions of its model.

    Parameters
    ----------
    case, architecture, model : what was measured.
    cycles : latency times clock.
    work : instructions by part, in the order of `PARTS`; 0 for parts outside the figure.
    noise : log standard deviation of this row.
    macs : of the whole model.
    whole : True for a model, False for one kernel family of it.
    """

    case: Case
    architecture: str
    model: str
    cycles: float
    work: tuple[float, ...]
    noise: float
    macs: int
    whole: bool


def read_measured() -> tuple[Measured, ...]:
    """The rows of `data/latency/measured.csv` with the instructions of their models."""
    return tuple(map(_measured_of, read_table("measured").rows))


def count_evidence(rows: Sequence[Measured]) -> str:
    """The text of `data/latency/evidence.csv`: how much was measured, by runtime and core."""
    lines = [
        "# source: counted in measured.csv by tools/latency/published.py",
        "# content: whole models measured, by runtime and core",
        "runtime,core,rows,architectures,boards",
    ]
    whole = [row for row in rows if row.whole]
    for runtime, core in sorted({(row.case.runtime, row.case.core) for row in whole}):
        group = [row for row in whole if (row.case.runtime, row.case.core) == (runtime, core)]
        counts = len(group), len({row.architecture for row in group}), len({row.case.board for row in group})
        lines.append(f"{runtime},{core},{','.join(map(str, counts))}")
    return "\n".join(lines) + "\n"


def _measured_of(row: dict[str, str]) -> Measured:
    case, report, cycles = read_measured_row(row)
    whole, kept = row["part"] == "all", _KEPT[row["part"]]
    parts = zip(PARTS, report.parts, strict=True)
    work = tuple(value if whole or part.removesuffix(" outside") in kept else 0.0 for part, value in parts)
    macs = sum(operator.macs for operator in report.operators)
    noise = row_noise(case, report)
    return Measured(case, row["architecture"], row["model"], cycles, work, noise, macs, whole)
