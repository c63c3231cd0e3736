"""Whether a report is of a model, its figures beside the prediction, and what is kept of it."""

import contextlib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tinykit.ground.errors import DataError, TinykitError
from tinykit.ground.quantity import Estimate, format_quantity, relabel
from tinykit.ground.results import Result, Rows
from tinykit.handover.readback.report import ToolReport
from tinykit.model.graph.given import take_model
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.model.impulse import Impulse, number_of
from tinykit.model.readings import Reading, keep_readings
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.st_memory import predict_st_memory, weight_bytes
from tinykit.target.boards.record import Board

_ENDS = {"weights_bytes": (0.8, 1.25), "macc": (0.5, 3.0)}
"""Between which parts of a model's own figures those of its report lie (assumed): ST counts activations as MACC too."""
_ENGINES = {"EON": "edge-impulse-eon", "TFLM": "tflm-cmsis-nn"}
_BESIDE_ALONE = ("Edge Impulse", "tflm-cmsis-nn")
"""Of this tool and runtime the arena is what its Studio gave its own TFLM: it stands beside, and does not win."""
_WINDOW = ("RAW_SAMPLE_COUNT", "RAW_SAMPLES_PER_FRAME", "NN_INPUT_FRAME_SIZE")
_PLAIN = ("", "none", "lossless", "1")
_KEPT = {"ram_bytes": "arena", "weights_bytes": "weights", "runtime_flash_bytes": "code",
         "runtime_ram_bytes": "runtime_ram", "latency_s": "latency"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Match(Result):
    """Whether a report belongs to a model: "yes", "no" or "not proven", and why."""

    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class BesideReport(Result):
    """A figure that was read beside the one predicted, None where nothing predicts it."""

    figure: str
    read: Estimate
    predicted: Estimate | None


def digest_of(data: bytes) -> str:
    """The MD5 of a model file, by which ST's tools name it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def report_impulse(impulse: Impulse) -> ToolReport:
    """An export of Edge Impulse as a report: its arena, its network by the hash; DataError: it has no arena."""
    if not impulse.arena_bytes:
        raise DataError(f"{impulse.path}: tells no arena, or 0: TFLM cannot run it there; export it for a board")
    source = f"Edge Impulse {impulse.studio}, {impulse.project}"
    digest = digest_of(take_model(impulse.tflite, impulse.path)) if impulse.tflite else ""
    samples, axes, features = (number_of(impulse.macros, name) for name in _WINDOW)
    notes = (
        f"{impulse.engine}, {'int8' if impulse.quantised else 'float32'}; labels {', '.join(impulse.labels)}",
        f"window of {samples:g} × {axes:g} at {impulse.rate_hz:g} Hz, {features:g} features",
        *(f"{kind}: {', '.join(f'{name} {value}' for name, value in told.items())}" for kind, told in impulse.blocks),
    )
    return ToolReport(
        impulse.path, "Edge Impulse", impulse.studio, None, _ENGINES.get(impulse.engine, ""),
        {"ram_bytes": Estimate.exact(impulse.arena_bytes, "byte", "compiled", source)},
        model_name=impulse.project, model_hash=digest, notes=notes,
    )  # fmt: skip


def match_report(report: ToolReport, graph: GraphOrFile, file: bytes = b"") -> Match:
    """By the MD5 of the model's file, or of the .tflite in it; without one in the report by MACC and weights.

    Parameters
    ----------
    report, graph : what is held against each other; of the kit's own self-test the hash is the SHA-256's beginning.
    file : content of the file that the graph was read from, where that is not the .tflite itself.
    """
    graph = as_graph(graph)
    digests = [digest_of(data) for data in (graph.data, file) if data]
    if report.model_hash:
        told = f"the report's model has the hash {report.model_hash}"
        if report.model_hash in (*digests, graph.sha256[:12]):
            return Match("yes", told)
        return Match("no", f"{told}, this one {digests[-1]}: it is of another model")
    own, parts = {"weights_bytes": weight_bytes(graph), "macc": graph.macs}, list[str]()
    for name in [name for name in own if name in report.figures and own[name]]:
        read, (low, high) = report.figures[name].value, _ENDS[name]
        parts.append(f"{name.removesuffix('_bytes')} {read:,.0f} beside {own[name]:,} of the model")
        if not low <= read / own[name] <= high and (name == "macc" or report.compression in _PLAIN):
            return Match("no", f"the report has no hash, and {parts[-1]}: it is of another one")
    return Match("not proven", f"the report has no hash of its model; {', '.join(parts) or 'nothing can be compared'}")


def hold_beside(report: ToolReport, graph: GraphOrFile | None, board: Board | None = None) -> Rows[BesideReport]:
    """The figures of a report and what the kit predicts, like with like: the arena with inputs and outputs within.

    Parameters
    ----------
    report, graph : of one model; without the model nothing is predicted.
    board : that a latency was measured on; None leaves it without a prediction.
    """
    predicted = {} if graph is None else _predict(report, as_graph(graph), board)
    return Rows(BesideReport(name, read, predicted.get(name)) for name, read in report.figures.items())


def _predict(report: ToolReport, graph: ModelGraph, board: Board | None) -> dict[str, Estimate | None]:
    core, runtime, version = board.core if board else "cortex-m4", report.runtime, report.version
    own: dict[str, Estimate | None] = {"macc": Estimate.exact(graph.macs, "1", "compiled", "the model's operators")}
    with contextlib.suppress(TinykitError):  # what cannot be predicted is left out
        if runtime == "x-cube-ai":
            memory = predict_st_memory(graph, core, version)
            own |= {"ram_bytes": memory.activations, "weights_bytes": memory.weights}
            own |= {"runtime_flash_bytes": memory.code, "runtime_ram_bytes": memory.runtime_ram}
        elif runtime:
            own["ram_bytes"] = predict_arena(graph, runtime="tflm-cmsis-nn", core=core).used
        if board and report.clock_hz and runtime:
            case = {"runtime": runtime, "runtime_version": version, "runtime_option": report.option or None}
            own["latency_s"] = predict_latency(graph, core=core, clock_hz=report.clock_hz, board=board, **case)  # type: ignore[arg-type]
    return own


def keep_report(report: ToolReport, graph: GraphOrFile, board: Board | None = None) -> tuple[Reading, ...]:
    """Keep the figures of a report that is a model's own: from now on they win over a prediction.

    For one board where it is named; else for all whose microcontroller is of the series, and a latency for those of the
    device that it ran on. Raises OutputError: they cannot be written.
    """
    model = as_graph(graph)
    if readings := tuple(_list_readings(report, hold_beside(report, model, board), board)):
        keep_readings(model.sha256, readings)
    return readings


def _list_readings(report: ToolReport, rows: Rows[BesideReport], board: Board | None) -> Iterator[Reading]:
    device = re.search(r"STM32[A-Z0-9]{3,4}", report.device)
    series = report.series if report.series.startswith("stm32") else "stm32" if report.runtime == "x-cube-ai" else ""
    beside = (report.tool, report.runtime) == _BESIDE_ALONE
    for row in [one for one in rows if one.figure in _KEPT and report.runtime and not beside]:
        clock = report.clock_hz or 0.0 if row.figure == "latency_s" else 0.0
        place = board.id if board else (device[0].lower() if device else "none") if clock else series
        source = f"{report.tool} {report.version}{f' ({report.option})' * bool(report.option)}, read back"
        if one := row.predicted:
            low, value, high = (format_quantity(end, one.unit) for end in (one.low, one.value, one.high))
            source += f"; predicted without it: {value} [{low} … {high}]"
        found = relabel(row.read, runtime=report.runtime, sources=(source,))
        yield Reading(_KEPT[row.figure], report.runtime, report.version, report.option, place, clock, found)
