"""Instructions of the exported program by kind of operator, beside TFLM's: GCC, CMSIS-NN, MLPerf Tiny's files."""

from __future__ import annotations

from typing import Any

from tests.bench.bench_virtual_board import FILES, models
from tinykit.graph import ModelGraph
from tinykit.latency.tables import read_table
from tinykit.virtual_board import run, sample_inputs

TITLE = "Instructions by kind of operator: the export (CMSIS-NN 4.0.0) against TFLM (its own, newer CMSIS-NN), GCC -O3"
BOARDS = {"cortex-m4": "nucleo-l4r5zi", "cortex-m7": "nucleo-h743zi2", "cortex-m33": "nucleo-u575zi-q"}
LARGE_DENSE_MACS = 8000


def kind(row: dict[str, str], macs: int) -> str:
    """Kind of an operator of the counted table, as the deviations fall together."""
    name = row["operator"]
    if name == "CONV_2D":
        _, height, width, depth = (int(size) for size in row["weights"].split("x"))
        few = "few channels" if depth < 4 else "KxK"
        return "1x1 convolution" if (height, width) == (1, 1) else f"{few} convolution"
    if name == "FULLY_CONNECTED":
        return "large FC" if macs >= LARGE_DENSE_MACS else "small FC"
    return {"DEPTHWISE_CONV_2D": "depthwise", "AVERAGE_POOL_2D": "average pool", "ADD": "add"}.get(name, "other")


def table() -> list[dict[str, Any]]:
    """One row per core and kind: instructions of both in sum, the deviation, and its extremes over the operators."""
    graphs = {name: graph for name, graph in models().items() if name in FILES}
    return [row for core, board in BOARDS.items() for row in _rows(core, board, graphs)]


def _rows(core: str, board: str, graphs: dict[str, ModelGraph]) -> list[dict[str, Any]]:
    pairs: dict[str, list[tuple[int, int]]] = {}
    for name, graph in graphs.items():
        counted = [row for row in read_table("operator_counts").rows if row["model"] == name]
        found = run(graph, board, sample_inputs(graph, 1), compiler="gcc")
        for row, one in zip(counted, found.operators, strict=True):
            pair = (one.instructions, int(row[f"tflm-cmsis-nn@{core}"]))
            pairs.setdefault(kind(row, one.macs), []).append(pair)
    return [_row(core, name, counts) for name, counts in pairs.items()]


def _row(core: str, name: str, counts: list[tuple[int, int]]) -> dict[str, Any]:
    own, other = (sum(column) for column in zip(*counts, strict=True))
    each = [100 * (one / two - 1) for one, two in counts]
    return {
        "core": core, "kind": name, "operators": len(counts), "export": own, "TFLM": other,
        "difference %": round(100 * (own / other - 1), 2), "lowest %": round(min(each), 2),
        "highest %": round(max(each), 2),
    }  # fmt: skip
