"""Published latencies with the modelled instructions of their models: what cycles are estimated from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinykit.predict.latency.effects import Case, proxy_of, row_noise
from tinykit.predict.latency.instructions import predict_instructions
from tinykit.predict.latency.kernels import FAMILIES, PARTS
from tinykit.predict.latency.known import case_of
from tinykit.predict.latency.measured import model_shapes
from tinykit.predict.latency.shapes import OperatorShape, read_table

_KEPT = {
    "convolutions": ("conv", "conv_1x1"),
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
    shapes = model_shapes()
    return tuple(_measured_of(row, shapes[row["model"]]) for row in read_table("measured").rows)


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


def _measured_of(row: dict[str, str], shapes: tuple[OperatorShape, ...]) -> Measured:
    case = case_of(row)
    runtime, core, build = proxy_of(case)
    report = predict_instructions(shapes, core=core, runtime=runtime, build=build or None)
    whole, kept = row["part"] == "all", _KEPT[row["part"]]
    parts = zip(PARTS, report.parts, strict=True)
    work = tuple(value if whole or part.removesuffix(" outside") in kept else 0.0 for part, value in parts)
    macs = sum(shape.macs for shape in shapes)
    noise = row_noise(case, report)
    cycles = float(row["latency_s"]) * float(row["clock_hz"])
    return Measured(case, row["architecture"], row["model"], cycles, work, noise, macs, whole)
