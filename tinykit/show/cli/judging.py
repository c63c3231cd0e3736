"""Commands that judge: `fit`, `compare` and `budget`."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinykit.budget.assessment.binding import Binding, what_binds
from tinykit.budget.assessment.budgets import Budgets
from tinykit.budget.assessment.chain import Assessment, assess
from tinykit.budget.assessment.use import Beside, Use
from tinykit.budget.fit.check import MACHINES, check_target, line_up, line_up_runtimes, name_machine, tell_runtime
from tinykit.budget.fit.placements import Placement, list_placements
from tinykit.budget.fit.verdict import FitReport
from tinykit.budget.power.budget import PowerBudget
from tinykit.budget.power.frontend import front_end_of
from tinykit.budget.power.sensitivity import say_settling
from tinykit.budget.thermal.check import ThermalReport
from tinykit.budget.trace.compare import TraceRow, calibrate_board, compare_trace
from tinykit.budget.trace.plateaus import Trace, read_trace
from tinykit.ground.errors import ParameterError, TinykitError
from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.ground.quantity import DAY_S, Estimate, format_quantity, to_plain, unite
from tinykit.handover.codegen.export import export_c
from tinykit.model.graph.model import ModelGraph
from tinykit.model.impulse import holds_impulse, read_impulse
from tinykit.show.cli.models import Options, open_model
from tinykit.show.cli.text import describe_model, say, say_figures, say_json, say_table, show, show_short
from tinykit.target.boards import boards, find_board
from tinykit.target.boards.record import Board
from tinykit.target.runtimes import find_runtime
from tinykit.target.target import Reserve, Target

_FIGURES = ("arena_bytes", "flash_bytes", "latency_s", "energy_per_inference_j")
_YOUR_FIGURE = "given on the command line"
_TRACE_UNITS = ("time_unit", "current_unit")


def fit(options: Options) -> int:
    """`tinykit fit`."""
    graph = open_model(options.model, options.representative)
    chosen = boards() if options.board == "all" else (find_board(options.board),)
    targets = [aim(options, board) for board in chosen]
    if options.run_current is not None and len(targets) > 1:
        raise ParameterError(f"--run-current {options.run_current:g} A is that of one board; name it: --board ID|TOML")
    reports = [check_target(graph, one, run_current_a=options.run_current) for one in targets]
    placements = list_placements(graph, reports[0].target) if len(reports) == 1 else ()
    if options.json:
        results = [report.to_json() for report in reports]
        for one in results[: len(placements) and 1]:
            one["placements"] = [placement.to_json() for placement in placements]
        say_json({"model": describe_model(graph, runs=_runs(reports)), "results": results})
    elif len(reports) == 1:
        _say_report(reports[0])
        _say_placements(placements)
    else:
        say_table(("board", "verdict", "arena", "flash", "latency", "energy"), [_row(report) for report in reports])
        say(*_refusals(reports))
        say("", "Each figure is an estimate: `tinykit fit MODEL --board ID` shows its interval, basis and source.")
        if any(report.regions for report in reports):
            say(f"Kept beside the model{' (assumed)' * reports[0].target.is_assumed('reserve')}: {reports[0].reserve}.")
    return 0 if any(report.verdict in ("fits", "tight") for report in reports) else 1


def _runs(reports: Sequence[FitReport]) -> bool:
    """Not where a runtime refuses the model and none has a figure for it."""
    known = any(one.arena_bytes or one.flash_bytes or one.latency_s for one in reports)
    return known or not any(one.refusal for one in reports)


def _refusals(reports: Sequence[FitReport]) -> list[str]:
    """Why a model runs nowhere, and what would cure it, or why TFLM was not asked, once for all boards."""
    told = unite(*((*one.reasons, *one.advice) if one.refusal else one.unasked for one in reports))
    return ["", *(f"- {_indent(line)}" for line in told)] if told else []


def _indent(text: str) -> str:
    return text.replace("\n", "\n    ")


def aim(options: Options, board: Board) -> Target:
    """The target that the options of a command name on a board."""
    return Target(
        board, runtime=options.runtime, runtime_version=options.runtime_version,
        runtime_option=options.runtime_option, build=options.build, clock_hz=options.clock,
        reserve=read_reserve(options), platform=getattr(options, "platform", None),
        as_sold=getattr(options, "as_sold", False),
    )  # fmt: skip


def budget(options: Options) -> int:
    """`tinykit budget`."""
    target, use = aim(options, one_board(options)), _read_use(options)
    found = assess(open_model(options.model, options.representative), target, use)
    binding, failed = _hold(found, options), found.fit.verdict == "does_not_fit"
    told = {"binding": binding.to_json()} if binding else {}
    if found.beside and not options.trace:
        say_json(found.to_json() | told) if options.json else _say_beside(found, found.beside)
    else:
        plan, heat = found.complete()
        measured, failed = _measure(found, options) if options.trace else None, failed or heat.verdict == "too hot"
        if options.json:
            say_json({**found.to_json(), **(measured.to_json() if measured else {}), **told})
        else:
            _say_budget(found, plan, heat)
        if measured and not options.json:
            _say_measured(measured)
    if binding and not options.json:
        say("", binding.words)
        say_table(("limit", "verdict", "need"), [(one.budget, one.verdict, one.tell()) for one in binding.checks])
    return int(failed or bool(binding and binding.missed))


def _hold(found: Assessment, options: Options) -> Binding | None:
    """The design held against what was wished; None without a wish. ParameterError: a price alone."""
    if options.price is not None and options.max_price is None:
        raise ParameterError(f"--price {options.price:g} goes with --max-price; give both, or leave it out")
    wished = {"latency_s": options.max_latency, "life_s": options.life}
    cost = None if options.max_price is None else (options.price, options.max_price)
    if cost is None and set(wished.values()) == {None}:
        return None
    return what_binds(found, Budgets(**wished), cost)


def _read_use(options: Options) -> Use:
    given: float | None = options.latency
    if given is not None and not 0 < given < DAY_S:
        raise ParameterError(f"latency {given} s; give seconds above 0, such as 0.0289")
    impulse = read_impulse(options.model) if holds_impulse(options.model) else None
    return Use(
        front_end=front_end_of(impulse) if impulse and not options.task else None,
        period_s=options.period,
        battery=options.battery,
        ambient_c=options.ambient,
        latency_s=None if given is None else Estimate.exact(given, "s", "measured", _YOUR_FIGURE),
        run_current_a=options.run_current,
        sleep_current_a=options.sleep_current,
        sleep_mode=options.sleep,
        task=options.task,
        sensor=options.sensor,
    )


@dataclass(frozen=True, slots=True)
class _Measured:
    """A trace beside the budget, and the budget with its currents; None where it has one plateau only."""

    trace: Trace
    rows: tuple[TraceRow, ...]
    sharper: PowerBudget | None

    def to_json(self) -> dict[str, Any]:
        """What `budget --trace --json` adds to the document."""
        found = {"trace": self.trace.to_json(), "comparison": [row.to_json() for row in self.rows]}
        return {**found, "sharpened": self.sharper.to_json()} if self.sharper else found


def _measure(found: Assessment, options: Options) -> _Measured:
    trace, (plan, _) = read_trace(options.trace, **_read_units(options.trace_units)), found.complete()
    sharper = None
    if trace.threshold_a is not None and plan.supply_v is not None:
        learned = calibrate_board(found.target.board, trace, supply_v=plan.supply_v, clock_hz=options.clock)
        seen = trace.burst_s if options.latency is None else None
        source = f"user's trace {Path(trace.path).name}, mean of {trace.bursts} bursts"
        latency = Estimate.exact(seen, "s", "measured", source) if seen else found.fit.latency_s
        use = replace(found.use, latency_s=latency, run_current_a=None, sleep_current_a=None)
        sharper = assess(found.fit.graph, aim(options, learned), use).budget
    return _Measured(trace, compare_trace(trace, plan), sharper)


def _read_units(given: str | None) -> dict[str, str]:
    """The units of a trace as its reader takes them; the file's own where none are given."""
    units = [unit.strip() for unit in (given or "").split(",")]
    if given and len(units) != len(_TRACE_UNITS):
        raise ParameterError(f"--trace-units {given!r}; give the unit of time and of current, such as ms,mA")
    return dict(zip(_TRACE_UNITS, units, strict=True)) if given else {}


def _say_measured(measured: _Measured) -> None:
    say(*(f"{measured.trace.name}: {note}" for note in measured.trace.notes))
    say_table(("measured", "budget", "trace", "verdict"), [_compared(row) for row in measured.rows])
    if measured.sharper:
        energy, life = measured.sharper.energy_per_inference_j, measured.sharper.battery_life_s
        say("", "With currents and time awake from this trace:")
        say_figures({"energy per inference": energy, "battery life": life})


def _compared(row: TraceRow) -> tuple[str, ...]:
    figures = (row.budgeted, row.measured)
    return (row.figure, *("unknown" if one is None else format_quantity(one, row.unit) for one in figures), row.verdict)


def _say_budget(found: Assessment, plan: PowerBudget, heat: ThermalReport) -> None:
    volts = f"{plan.supply_v:g} V" if plan.supply_v else "supply unknown"
    period = format_quantity(plan.period_s, "s")
    say(f"{plan.board.id}, {volts}, one inference every {period}, {plan.ambient_c:g} °C")
    say(f"memory: {found.fit.verdict.words}; heat: {heat.verdict}", f"asleep: {found.say_sleep()}")
    if consumers := found.say_consumers():
        say(f"charge by consumer: {consumers}")
    figures = {
        "latency": found.fit.latency_s,
        "energy per inference": plan.energy_per_inference_j,
        "duty cycle": plan.duty_cycle,
        "average power": plan.average_power_w,
        "energy per day": plan.energy_per_day_j,
        "battery life": plan.battery_life_s,
        "junction": heat.t_junction_c,
        "ambient at Tj limit": heat.t_ambient_max_c,
    }
    say_figures(figures)
    told = (*plan.findings, *found.left_out(), *plan.unknown, *heat.reasons, say_settling(found.settle()))
    say(*(f"- {line}" for line in (*found.fit.unasked, *told)))
    _say_assumed(found.target)


def _say_beside(found: Assessment, beside: Beside) -> None:
    plan = beside.budget
    say(f"{plan.board.id}, one inference every {format_quantity(plan.period_s, 's')}, {plan.ambient_c:g} °C")
    say(f"memory: {found.fit.verdict.words}; all but the network, whose latency is unknown:")
    say_figures({
        "duty cycle": plan.duty_cycle,
        "average power": plan.average_power_w,
        "energy per day": plan.energy_per_day_j,
        "battery life": plan.battery_life_s,
    })  # fmt: skip
    told = (*beside.lines(), *plan.findings, *found.left_out(), *plan.unknown)
    say(*(f"- {line}" for line in (*found.fit.unasked, *told)))
    say("- give the latency once it is measured: --latency S")
    _say_assumed(found.target)


def _say_report(report: FitReport) -> None:
    say(f"{report.board.id}: {report.verdict.words} with {report.runtime} on {report.core}")
    figures = {
        "arena": report.arena_bytes,
        "flash": report.flash_bytes,
        "latency": report.latency_s,
        "energy": report.energy_per_inference_j,
    }
    say_figures(figures)
    say(*(f"- {_indent(line)}" for line in (*report.reasons, *report.advice)))
    _say_assumed(report.target)
    say(*(f"  {name}: {figure.source}" for name, figure in figures.items() if figure))


def _say_assumed(target: Target) -> None:
    words = {"clock_hz": "clock", "as_sold": ""}
    if target.assumed:
        say("- assumed: " + "; ".join(f"{words.get(name, name)} {what}".lstrip() for name, what in target.assumed))


def compare(options: Options) -> int:
    """`tinykit compare`."""
    graph = open_model(options.model, options.representative)
    if options.board:
        return _compare_runtimes(options, graph)
    chosen = options.boards.split(",") if options.boards else MACHINES
    reports = line_up(graph, chosen, reserve=read_reserve(options))
    if options.json:
        results = [{"machine": name_machine(report), **report.to_json()} for report in reports]
        say_json({"model": describe_model(graph, runs=_runs(reports)), "results": results})
    else:
        say_table(
            ("machine", "board", "runtime", "clock", "verdict", "latency", "arena", "flash", "energy"),
            [_machine_row(report) for report in reports],
        )
        say(*_refusals(reports))
        for report in (one for one in reports if not one.refusal):
            whys = [""] if report.arena_bytes is None else [why for _, why in report.unknown]
            told = [text for text in report.reasons if any(why in text for why in whys)]
            say(*(f"- {name_machine(report)}, {report.board.id}: {text}" for text in told))
    return 0 if any(report.verdict in ("fits", "tight") for report in reports) else 1


def _compare_runtimes(options: Options, graph: ModelGraph) -> int:
    """Every runtime on one board, then C that needs none and what needs another machine."""
    reports, beside = line_up_runtimes(graph, options.board, reserve=read_reserve(options)), _list_beside(graph)
    if options.json:
        results = [{"framework": tell_runtime(report), **report.to_json()} for report in reports]
        named = [{"framework": name, **dict(zip(_FIGURES, to_plain(found), strict=True))} for name, found, *_ in beside]
        say_json({"model": describe_model(graph, runs=_runs(reports)), "results": results, "beside": named})
    else:
        rows: list[tuple[str, ...]] = []
        for report in reports:
            figures, one = [getattr(report, name) for name in _FIGURES], find_runtime(report.runtime)
            rows.append((tell_runtime(report), report.verdict.words, *map(show, figures), one.licence, one.cannot))
        rows += [(name, "", *map(show, figures), licence, cannot) for name, figures, licence, cannot in beside]
        say_table(("framework", "verdict", "arena", "flash", "latency", "energy", "licence", "cannot"), rows)
        whys = [(tell_runtime(report), *one) for report in reports if not report.refusal for one in report.unknown]
        say(*_refusals(reports), *(f"- {name}: {what} unknown: {why}" for name, what, why in whys))
    return 0 if any(report.verdict in ("fits", "tight") for report in reports) else 1


def _list_beside(graph: ModelGraph) -> list[tuple[str, tuple[Estimate | None, ...], str, str]]:
    """Name, figures, licence and limits of what is no runtime of a microcontroller."""
    told = read_toml(shipped_path("data", "frameworks.toml"))
    rows: list[tuple[dict[str, str], tuple[Estimate | None, ...]]] = []
    with contextlib.suppress(TinykitError):  # an operator without a form in C: the row is left out
        arena = Estimate.exact(export_c(graph).arena_bytes, "byte", "compiled", "the export's own plan")
        rows.append((told["c"], (arena, None, None, None)))
    session, library = (to_fact(told["onnxruntime"][name], name).estimate() for name in ("session", "library"))
    rows.append((told["onnxruntime"], (session, library, None, None)))
    return [(row["name"], figures, row["licence"], row["cannot"]) for row, figures in rows]


def _machine_row(report: FitReport) -> tuple[str, ...]:
    clock = report.npu.clock_hz if report.npu else report.clock_hz
    figures = (report.arena_bytes, report.flash_bytes, report.energy_per_inference_j)
    return (
        name_machine(report), report.board.id, report.runtime, format_quantity(clock, "Hz") if clock else "unknown",
        report.verdict.words, show(report.latency_s), *(show_short(figure) for figure in figures),
    )  # fmt: skip


def _say_placements(placements: tuple[Placement, ...]) -> None:
    if len(placements) < 2:
        return
    say("", "placements, the fastest that fits first; slowdown: over an arena in the main on-chip RAM")
    rows = [(one.name, one.verdict.words, show_short(one.latency_s), show(one.slowdown)) for one in placements]
    say_table(("placement", "verdict", "latency", "slowdown"), rows)
    told = unite(*(one.notes for one in placements), *(one.slowdown.sources[1:] for one in placements if one.slowdown))
    say(*(f"- {note}" for note in told))


def _row(report: FitReport) -> tuple[str, ...]:
    figures = (report.arena_bytes, report.flash_bytes, report.latency_s, report.energy_per_inference_j)
    return (report.board.id, report.verdict.words, *(show_short(figure) for figure in figures))


def one_board(options: Options) -> Board:
    """The board of a command that needs exactly one; errors: none was named, or it is not there."""
    if not options.board:
        raise ParameterError("no board given; add --board ID (`tinykit boards` lists them) or --board-file TOML")
    return find_board(options.board)


def read_reserve(options: Options) -> Reserve | None:
    """What the options set aside; None where they say nothing."""
    sram, flash = (getattr(options, name, None) for name in ("reserve_sram", "reserve_flash"))
    if sram is None and flash is None:
        return None
    usual = Reserve()
    return Reserve(usual.sram_bytes if sram is None else sram, usual.flash_bytes if flash is None else flash)
