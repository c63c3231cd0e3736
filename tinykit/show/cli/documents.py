"""The JSON documents of the commands, as plain types."""

from __future__ import annotations

from typing import Any

from tinykit.model.graph import ModelGraph
from tinykit.predict.arena import ArenaEstimate
from tinykit.predict.packing import cost_of_decode, has_decode
from tinykit.predict.runtime import Verification
from tinykit.target.boards import Board


def describe_board(board: Board) -> dict[str, Any]:
    """A board, in short."""
    return {
        "board": board.id,
        "name": board.name,
        "mcu": board.mcu,
        "core": board.core,
        "clock_hz": board.clock_hz,
        "npu": board.npu,
        "regions": [
            {"name": r.name, "kind": r.kind, "total_bytes": r.total_bytes, "reserved_bytes": r.reserved_bytes}
            for r in board.regions
        ],
        "sources": list(board.sources()),
    }


def describe_model(graph: ModelGraph) -> dict[str, Any]:
    """A model, in short."""
    return {
        "path": graph.path,
        "sha256": graph.sha256,
        "macs": graph.macs,
        "flatbuffer_bytes": graph.flatbuffer_bytes,
        "operators": graph.operator_counts(),
    }


def describe_graph(graph: ModelGraph, planned: ArenaEstimate, findings: tuple[str, ...]) -> dict[str, Any]:
    """A model in full: operators, tensors, arena with its timeline, findings."""
    tensors = graph.tensors
    return {
        "model": {**describe_model(graph), "precision": graph.precision, "weight_bytes": graph.weight_bytes},
        "operators": [
            {"index": op.index, "name": op.name, "macs": op.macs, "inputs": op.inputs, "outputs": op.outputs}
            for op in graph.operators
        ],
        "tensors": [
            {"index": t.index, "name": t.name, "shape": t.shape, "dtype": t.dtype, "bytes": t.nbytes,
             "constant": t.is_constant} for t in tensors
        ],
        "arena": {
            "used_bytes": planned.used.to_json(),
            "to_start_bytes": planned.to_start,
            "head_bytes": planned.head_bytes,
            "tail_bytes": planned.tail_bytes,
            "live_bytes": planned.plan.live_bytes(),
            "lower_bound_bytes": planned.plan.lower_bound_bytes,
            "buffers": [
                {"tensor": p.buffer.tensor, "offset": p.offset, "bytes": p.buffer.nbytes,
                 "first": p.buffer.first, "last": p.buffer.last} for p in planned.plan.placed
            ],
        },
        "findings": findings, **_describe_decode(graph),
    }  # fmt: skip


def _describe_decode(graph: ModelGraph) -> dict[str, Any]:
    """What decoding weights on the device costs, of a model that does."""
    return {"decode": cost_of_decode(graph).to_json()} if has_decode(graph) else {}


def describe_verification(result: Verification) -> dict[str, Any]:
    """TFLM against its references."""
    return {
        "n": result.n,
        "step": result.step,
        "comparisons": [
            {
                "reference": one.reference,
                "fraction_equal": one.fraction_equal,
                "max_difference": one.max_difference,
                "top1_agreement": one.top1_agreement,
                "histogram": {str(difference): count for difference, count in sorted(one.histogram.items())},
                "explanation": one.explanation,
            }
            for one in result.comparisons
        ],
    }
