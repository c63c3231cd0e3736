"""`tinykit readback`: what other tools and boards said of a model, beside what the kit predicts, and kept."""

from pathlib import Path

from tinykit.ground.results import Rows
from tinykit.handover.deployment.self_test import open_log
from tinykit.handover.readback import matching
from tinykit.handover.readback.matching import BesideReport, Match, match_report
from tinykit.handover.readback.report import ToolReport, read_report, read_reports
from tinykit.model.graph.reading import load
from tinykit.model.impulse import holds_impulse, read_impulse
from tinykit.show.cli.models import Options, open_model
from tinykit.show.cli.text import say, say_json, say_table, show
from tinykit.target.boards import find_board

_SHOWN = "macc weights_bytes activations_bytes ram_bytes runtime_flash_bytes runtime_ram_bytes cycles".split()


def readback(options: Options) -> int:
    """`tinykit readback`: 1 where the report is of another model."""
    path = Path(options.file)
    if path.is_dir() and not holds_impulse(path):
        return _list_folder(options)
    impulse = read_impulse(path) if holds_impulse(path) else None
    report = matching.report_impulse(impulse) if impulse else open_log(path) or read_report(path)
    board, model = find_board(options.board) if options.board else None, options.model
    model = model or (options.file if impulse and impulse.tflite else None)
    graph, match = None, Match("not proven", "no model was given: --model MODEL")
    if model:
        graph = open_model(model, options.representative)
        match = match_report(report, graph, load(Path(model)) if Path(model).is_file() else b"")
    rows = matching.hold_beside(report, graph if match.verdict != "no" else None, board)
    kept = matching.keep_report(report, graph, board) if graph and match.verdict == "yes" else ()
    if options.json:
        beside = {one.figure: one.predicted and one.predicted.to_json() for one in rows}
        answer = {"matches": match.verdict, "reason": match.reason, "predicted": beside}
        say_json({**report.to_json(), **answer, "kept": [one.figure for one in kept]})
    else:
        _say(report, match, rows)
        told = ", ".join(one.figure for one in kept)
        say(f"kept, and wins over predictions of this model: {told}" if kept else "nothing kept")
    return int(match.verdict == "no")


def _say(report: ToolReport, match: Match, rows: Rows[BesideReport]) -> None:
    say(f"{report.path}: {report.tool} {report.version}, {report.model_name or 'a model without a name'}")
    say(f"of this model: {match.verdict}; {match.reason}")
    figures = [(one.figure, show(one.read), show(one.predicted) if one.predicted else "") for one in rows]
    say_table(("figure", "read", "predicted"), figures)
    timed = [one for one in report.nodes if one["cycles"] or one["duration_s"]]
    if timed:
        times = [(one["name"], one["kind"], str(one["cycles"] or ""), f"{one['duration_s'] or 0:g} s") for one in timed]
        say_table(("node", "kind", "cycles", "time"), times)
    say(*(f"- {note}" for note in report.notes))


def _list_folder(options: Options) -> int:
    reports, refused = read_reports(options.file)
    if options.json:
        say_json({"reports": [one.to_json() for one in reports], "refused": refused})
        return 0
    rows = []
    for one in reports:
        figures = [f"{one.figures[name].value:,.0f}" if name in one.figures else "" for name in _SHOWN]
        where = Path(one.path).relative_to(options.file)
        rows.append((f"{one.version}{f'-{one.build}' if one.build else ''}", one.model_name[:30], *figures, str(where)))
    say_table(("version", "model", *(name.removesuffix("_bytes") for name in _SHOWN), "file"), rows)
    say(f"{len(reports)} reports", *(f"- {told}" for told in refused.values()))
    return 0
