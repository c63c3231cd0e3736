"""Commands that look: `boards`, `inspect`, `lint`."""

from pathlib import Path

from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import format_quantity
from tinykit.ground.writing import write_atomically
from tinykit.handover.fix import Mended, mend
from tinykit.model.graph.model import ModelGraph
from tinykit.model.lint import Finding, Severity
from tinykit.predict.arena.predict import ArenaEstimate, predict_arena
from tinykit.predict.packing.cost import cost_of_decode, has_decode
from tinykit.predict.runtime.refusal import Diagnosis, diagnose
from tinykit.show.cli.models import Options, open_model
from tinykit.show.cli.text import describe_board, describe_graph, describe_model, say, say_json, say_table, show
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
    found = diagnose(graph)
    planned = None if found.refusal else predict_arena(graph, runtime="tflm-cmsis-nn", core="cortex-m4")
    findings = [one for one in found.findings if one.severity is not Severity.NOTE]
    if options.json:
        say_json(describe_graph(graph, planned, findings))
        return 0
    say(_headline(graph, found), *found.unasked, f"sha256 {graph.sha256}", f"weights {graph.weight_bytes:,} bytes")
    if planned:
        say(f"arena {show(planned.used)} on a Cortex-M4 with CMSIS-NN; starts with {planned.to_start:,} bytes", "")
    else:
        say(*found.reasons[:1], "no arena and no MACs are told of a model that does not run", "")
    say_table(("#", "operator", "output", *(("MACs", "live bytes") if planned else ())), _operator_rows(graph, planned))
    if has_decode(graph):
        cost = cost_of_decode(graph)
        say(f"DECODE: {cost.weights:,} weights decoded at each inference by {cost.code} of code; {cost.device}")
    say(*(line for one in findings for line in _tell_finding(one)))
    return 0


def _headline(graph: ModelGraph, found: Diagnosis) -> str:
    """The model in a line, without the MACs of one that does not run."""
    size = f"{graph.flatbuffer_bytes:,} flatbuffer bytes, {graph.precision}"
    why = found.refusal.partition(":")[0]
    return f"{graph.path}: {len(graph.operators)} operators, {size}; {why}" if why else str(graph)


def _tell_finding(finding: Finding) -> list[str]:
    """A finding in a line; of an error the lines to paste too."""
    lines = finding.cure.splitlines()[1:] if finding.severity is Severity.ERROR else []
    return [f"- {finding}", *(f"    {line}" for line in lines)]


def lint(options: Options) -> int:
    """`tinykit lint`: 1 where TFLM does not run the model, or computes something else than it was made for."""
    graph = open_model(options.model, options.representative)
    mended = _mend(graph, options)
    graph = mended.graph if mended else graph
    found = diagnose(graph)
    if options.json:
        told = {
            "model": describe_model(graph, runs=not found.refusal),
            "refusal": found.refusal or None,
            "unasked": found.unasked,
        }
        more = {"fixed": mended.to_json()} if mended else {}
        say_json({**told, "findings": [one.to_json() for one in found.findings], **more})
        return int(bool(found.refusal))
    if mended:
        say(*(f"mended: {step}" for step in mended.steps), mended.proof)
        say(f"{options.out}: written; what is left:" if mended.steps else "nothing written", "")
    say(_headline(graph, found), *found.unasked)
    for one in found.findings:
        say("", f"{one.severity} {one.id}, {one.where}{' (--fix)' if one.fixable else ''}", f"  {one.meaning}")
        say(*(f"    {line}" for line in one.cure.splitlines()))
    return int(bool(found.refusal))


def _mend(graph: ModelGraph, options: Options) -> Mended | None:
    """The better model, written where one came of it."""
    if options.fix != (options.out is not None):
        raise ParameterError("--fix and --out go together; name the file for the better model: --fix --out FILE")
    if not options.fix:
        return None
    mended = mend(graph)
    if mended.steps:
        write_atomically(Path(options.out), mended.graph.data)
    return mended


def _operator_rows(graph: ModelGraph, planned: ArenaEstimate | None) -> list[tuple[str, ...]]:
    live = planned.plan.live_bytes() if planned else ()
    return [
        (
            str(operator.index),
            operator.name,
            "×".join(map(str, graph.tensors[operator.outputs[0]].shape)) if operator.outputs else "",
            *((f"{operator.macs:,}", f"{live[operator.index + 1]:,}") if live else ()),
        )
        for operator in graph.operators
    ]


def _or_unknown(value: float | None, unit: str) -> str:
    return format_quantity(value, unit) if value else "unknown"
