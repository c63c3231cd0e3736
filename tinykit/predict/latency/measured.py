"""The very same model on the very same board, runtime and clock: then a published figure wins over the model.

Kernels take the time their shapes ask for, whatever the weights: a model is the same where its operators are.
"""

import math
from collections import Counter

from tinykit.ground.caches import remember_table
from tinykit.ground.quantity import Estimate
from tinykit.predict.latency.effects import Case
from tinykit.predict.latency.instructions import Shapes
from tinykit.predict.latency.kernels import kind_of
from tinykit.predict.latency.shapes import OperatorShape, from_rows
from tinykit.predict.latency.tables import read_table

_AGAIN = 1.03
"""Factor either way for another specimen, compiler and clock trim (assumed): the same binary on one system differs by
0.2 % between two rounds of MLPerf Tiny."""

_SAME_CLOCK = 1e-3
_BUILT_BY_USER = ("tflm-cmsis-nn", "tflm-reference", "esp-nn")


def find_measured(model: Shapes, case: Case, clock_hz: float) -> Estimate | None:
    """The published latency [s] of this model in this case, basis "measured"; None where there is none.

    Board, core, runtime, clock and the arena's memory (on the chip or outside) have to be the same; of X-CUBE-AI also
    major and minor version, of runtimes that are built from source the build: one that is not known is another one.
    Rows of several sources are averaged, and the interval holds them all.
    """
    rows = [row for row in _rows_of(case.board) if _is_same(row, case, clock_hz)]
    rows = [row for row in rows if _key(model.shapes) == _key_of(row["model"])]
    if not rows:
        return None
    logs = [math.log(float(row["latency_s"])) for row in rows]
    low, high = math.exp(min(logs)) / _AGAIN, math.exp(max(logs)) * _AGAIN
    told = "; ".join(dict.fromkeys(f"{row['model']}, {row['stack']}, {row['source_repo']}" for row in rows))
    source = f"measured on {case.board}: {told} (data/latency/measured.csv)"
    return Estimate(math.exp(sum(logs) / len(logs)), low, high, "s", "measured", runtime=case.runtime, sources=source)


def _is_same(row: dict[str, str], case: Case, clock_hz: float) -> bool:
    place = (row["board"], row["core"], row["runtime"], row["arena"])
    if place != (case.board, case.core, case.runtime, case.arena) or row["part"] != "all":
        return False
    if abs(float(row["clock_hz"]) / clock_hz - 1) > _SAME_CLOCK:
        return False
    if case.runtime in _BUILT_BY_USER:
        return bool(case.build) and row["build"] == case.build and not row["stack"].startswith("microTVM")
    return bool(case.version) and _minor(row["version"]) == _minor(case.version)


def _minor(version: str) -> tuple[str, ...]:
    """Major and minor number.

    >>> _minor("v8.1.0") == _minor("8.1"), _minor("10") == _minor("10.0.0")
    (True, True)
    """
    return tuple((*version.lstrip("v").split("."), "0")[:2])


@remember_table
def model_shapes() -> dict[str, tuple[OperatorShape, ...]]:
    """Operator shapes by model, of every model behind `measured.csv`; equal operators stand together."""
    rows = read_table("operators").rows
    shapes: dict[str, list[OperatorShape]] = {}
    for row, shape in zip(rows, from_rows(rows), strict=True):
        shapes.setdefault(row["model"], []).extend([shape] * int(row["count"]))
    return {model: tuple(operators) for model, operators in shapes.items()}


@remember_table
def _rows_of(board: str) -> tuple[dict[str, str], ...]:
    return tuple(row for row in read_table("measured").rows if board and row["board"] == board)


@remember_table
def _key_of(model: str) -> frozenset[tuple[OperatorShape, int]]:
    return _key(model_shapes()[model])


def _key(shapes: tuple[OperatorShape, ...]) -> frozenset[tuple[OperatorShape, int]]:
    """The operators with their number, whatever their order; those that move no data are left out."""
    return frozenset(Counter(shape for shape in shapes if kind_of(shape) != "reshape").items())
