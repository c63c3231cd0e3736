"""Commands that look: `boards`, `inspect`."""

from tinykit.ground.quantity import format_quantity
from tinykit.model.graph.model import ModelGraph
from tinykit.model.lint import lint_graph
from tinykit.predict.arena.predict import ArenaEstimate, predict_arena
from tinykit.predict.packing.cost import cost_of_decode, has_decode
from tinykit.show.cli.models import Options, open_model
from tinykit.show.cli.text import describe_board, describe_graph, say, say_json, say_table, show
from tinykit.target.boards import boards


def list_boards(options: Options) -> int:
    """`tinykit boards`."""
    everything = boards()
    if options.json:
        say_json([describe_board(board) for board in everything])
        return 0
    rows = [
        (
            board.id,
            board.core,
            _or_unknown(board.clock_hz, "Hz"),
            _or_unknown(sum(region.total_bytes for region in board.flash_regions), "byte"),
            _or_unknown(max((window.available_bytes for window in board.sram_windows()), default=0), "byte"),
            board.npu or "",
        )
        for board in everything
    ]
    say_table(("board", "core", "clock", "flash", "largest window", "NPU"), rows)
    return 0


def inspect(options: Options) -> int:
    """`tinykit inspect`."""
    graph = open_model(options.model, options.representative)
    planned = predict_arena(graph, runtime="tflm-cmsis-nn", core="cortex-m4")
    findings = lint_graph(graph)
    if options.json:
        say_json(describe_graph(graph, planned, findings))
        return 0
    say(str(graph), f"sha256 {graph.sha256}", f"weights {graph.weight_bytes:,} bytes")
    say(f"arena {show(planned.used)} on a Cortex-M4 with CMSIS-NN; starts with {planned.to_start:,} bytes", "")
    say_table(("#", "operator", "output", "MACs", "live bytes"), _operator_rows(graph, planned))
    if has_decode(graph):
        cost = cost_of_decode(graph)
        say(f"DECODE: {cost.weights:,} weights decoded at each inference by {cost.code} of code; {cost.device}")
    say(*(f"- {finding}" for finding in findings))
    return 0


def _operator_rows(graph: ModelGraph, planned: ArenaEstimate) -> list[tuple[str, ...]]:
    live = planned.plan.live_bytes()
    return [
        (
            str(operator.index),
            operator.name,
            "×".join(map(str, graph.tensors[operator.outputs[0]].shape)) if operator.outputs else "",
            f"{operator.macs:,}",
            f"{live[operator.index + 1]:,}",
        )
        for operator in graph.operators
    ]


def _or_unknown(value: float | None, unit: str) -> str:
    return format_quantity(value, unit) if value else "unknown"
