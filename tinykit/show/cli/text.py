"""What commands print: tables, lines and JSON documents. Text from a model or a user is made printable first."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tinykit.ground.errors import printable
from tinykit.ground.quantity import Estimate
from tinykit.model.graph.model import ModelGraph
from tinykit.model.lint import Finding
from tinykit.predict.arena.predict import ArenaEstimate
from tinykit.predict.packing.cost import cost_of_decode, has_decode
from tinykit.target.boards.record import Board


def say(*lines: str) -> None:
    """Print lines on stdout."""
    for line in lines:
        print("\n".join(printable(part) for part in line.split("\n")))


def count(number: int, what: str) -> str:
    """Such as "1 row" and "2 rows"."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def say_json(document: Any) -> None:
    """Print exactly one JSON document on stdout."""
    print(json.dumps(document, indent=1, allow_nan=False, ensure_ascii=True))


def say_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, columns as wide as their widest entry."""
    clean = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in clean) for column in range(len(header))]
    for row in clean:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def say_figures(figures: Mapping[str, Estimate | None]) -> None:
    """Print a table of estimates by name."""
    say_table(("figure", "estimate"), [(name, show(figure)) for name, figure in figures.items()])


def show(estimate: Estimate | None) -> str:
    """An estimate with interval and basis, or "unknown"."""
    return "unknown" if estimate is None else str(estimate)


def show_short(estimate: Estimate | None) -> str:
    """An estimate's value with a mark for its basis, for tables."""
    return "unknown" if estimate is None else str(estimate).split(" [")[0].split(" (")[0]


def _pick(owner: object, names: str) -> dict[str, Any]:
    """Some attributes by name, each under a key of its own where one is given: "board=id name"."""
    parts = [name.rpartition("=") for name in names.split()]
    return {key or name: getattr(owner, name) for key, _, name in parts}


def describe_board(board: Board) -> dict[str, Any]:
    """A board, in short."""
    regions = [_pick(one, "name kind total_bytes reserved_bytes") for one in board.regions]
    known = _pick(board, "board=id name mcu core clock_hz npu")
    return {**known, "regions": regions, "sources": list(board.sources())}


def describe_model(graph: ModelGraph, *, runs: bool = True) -> dict[str, Any]:
    """A model, in short; one that does not run has no MACs."""
    told = {**_pick(graph, "path sha256 macs flatbuffer_bytes"), "operators": graph.operator_counts()}
    return told if runs else {**told, "macs": None}


def describe_graph(graph: ModelGraph, planned: ArenaEstimate | None, findings: Sequence[Finding]) -> dict[str, Any]:
    """A model in full: operators, tensors, arena with its timeline, findings; one that does not run has no arena."""
    operators = "index name macs inputs outputs" if planned else "index name inputs outputs"
    return {
        "model": {**describe_model(graph, runs=planned is not None), **_pick(graph, "precision weight_bytes")},
        "operators": [_pick(one, operators) for one in graph.operators],
        "tensors": [_pick(one, "index name shape dtype bytes=nbytes constant=is_constant") for one in graph.tensors],
        "arena": _describe_arena(planned) if planned else None,
        "findings": [str(one) for one in findings],
        **({"decode": cost_of_decode(graph).to_json()} if has_decode(graph) else {}),
    }


def _describe_arena(planned: ArenaEstimate) -> dict[str, Any]:
    buffers = [
        _pick(placed.buffer, "tensor") | _pick(placed, "offset") | _pick(placed.buffer, "bytes=nbytes first last")
        for placed in planned.plan.placed
    ]
    return {
        "used_bytes": planned.used.to_json(),
        **_pick(planned, "to_start_bytes=to_start head_bytes tail_bytes"),
        "live_bytes": planned.plan.live_bytes(),
        "lower_bound_bytes": planned.plan.lower_bound_bytes,
        "buffers": buffers,
    }
