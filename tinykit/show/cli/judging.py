"""Commands that judge: `fit`, `compare` and `budget`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinykit.budget.fit import (
    MACHINES,
    FitReport,
    Placement,
    Reserve,
    Verdict,
    check_fit,
    check_fit_all,
    line_up,
    list_placements,
    name_machine,
)
from tinykit.budget.power import Battery, PowerBudget, budget_power, read_battery
from tinykit.budget.thermal import HeatVerdict, ThermalReport, check_heat
from tinykit.budget.trace import Trace, TraceRow, calibrate_board, compare_trace, read_trace
from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate, format_quantity, unite
from tinykit.model.graph import ModelGraph
from tinykit.predict.latency import default_runtime, predict_latency
from tinykit.show.cli.documents import describe_model
from tinykit.show.cli.models import Options, open_model
from tinykit.show.cli.text import say, say_json, say_table, show, show_short
from tinykit.target.boards import Board, board, boards, read_board

_YOUR_FIGURE = "given on the command line"
_DAY_S = 86_400


def fit(options: Options) -> int:
    """`tinykit fit`."""
    graph = open_model(options.model, options.representative)
    reports = check_fit_all(
        graph,
        _choose_boards(options),
        runtime=options.runtime,
        runtime_version=options.runtime_version,
        clock_hz=options.clock,
        reserve=_reserve(options),
    )
    placements = _list_placements(graph, reports[0], options) if len(reports) == 1 else ()
    if options.json:
        results = [report.to_json() for report in reports]
        for one in results[: len(placements) and 1]:
            one["placements"] = [placement.to_json() for placement in placements]
        say_json({"model": describe_model(graph), "results": results})
    elif len(reports) == 1:
        _say_report(reports[0])
        _say_placements(placements)
    else:
        say_table(("board", "verdict", "arena", "flash", "latency", "energy"), [_row(report) for report in reports])
        say("", "Each figure is an estimate: `tinykit fit MODEL --board ID` shows its interval, basis and source.")
    return 0 if any(report.verdict in ("fits", "tight") for report in reports) else 1


def budget(options: Options) -> int:
    """`tinykit budget`."""
    target = one_board(options)
    graph = open_model(options.model, options.representative)
    latency = _latency(graph, target, options)
    plan = _plan(target, latency, options, run_current_a=options.run_current)
    heat = check_heat(target, plan)
    memory = check_fit(graph, target, runtime=options.runtime, clock_hz=options.clock)
    measured = _measure(latency, plan, options) if options.trace else None
    if options.json:
        verdict = {"fit_verdict": memory.verdict, "latency_s": latency.to_json()}
        say_json({**verdict, **plan.to_json(), **heat.to_json(), **(measured.to_json() if measured else {})})
        return _status(memory, heat)
    _say_budget(latency, plan, heat, memory)
    if measured:
        _say_measured(measured)
    return _status(memory, heat)


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


def _plan(target: Board, latency: Estimate, options: Options, run_current_a: float | None = None) -> PowerBudget:
    return budget_power(
        target,
        latency,
        battery=_cell(options),
        period_s=options.period,
        ambient_c=options.ambient,
        clock_hz=options.clock,
        run_current_a=run_current_a,
    )


def _cell(options: Options) -> Battery | str | None:
    """The cell named: an id of the catalogue, or a TOML of the user's own."""
    given: str | None = options.battery
    return read_battery(given) if given and given.lower().endswith(".toml") else given


def _measure(latency: Estimate, plan: PowerBudget, options: Options) -> _Measured:
    trace = read_trace(options.trace)
    sharper = None
    if trace.threshold_a is not None and plan.supply_v is not None:
        learned = calibrate_board(plan.board, trace, supply_v=plan.supply_v, clock_hz=options.clock)
        seen = trace.burst_s if options.latency is None else None
        source = f"user's trace {Path(trace.path).name}, mean of {trace.bursts} bursts"
        sharper = _plan(learned, Estimate.exact(seen, "s", "measured", source) if seen else latency, options)
    return _Measured(trace, compare_trace(trace, plan), sharper)


def _say_measured(measured: _Measured) -> None:
    say_table(("measured", "budget", "trace", "verdict"), [_compared(row) for row in measured.rows])
    if measured.sharper:
        energy, life = measured.sharper.energy_per_inference_j, measured.sharper.battery_life_s
        say("", "With currents and time awake from this trace:")
        say_table(("figure", "estimate"), [("energy per inference", show(energy)), ("battery life", show(life))])


def _status(memory: FitReport, heat: ThermalReport) -> int:
    return int(memory.verdict == Verdict.DOES_NOT_FIT or heat.verdict == HeatVerdict.TOO_HOT)


def _compared(row: TraceRow) -> tuple[str, ...]:
    figures = (row.budgeted, row.measured)
    return (row.figure, *("unknown" if one is None else format_quantity(one, row.unit) for one in figures), row.verdict)


def _say_budget(latency: Estimate, plan: PowerBudget, heat: ThermalReport, memory: FitReport) -> None:
    volts = f"{plan.supply_v:g} V" if plan.supply_v else "supply unknown"
    period = format_quantity(plan.period_s, "s")
    say(f"{plan.board.id}, {volts}, one inference every {period}, {plan.ambient_c:g} °C")
    say(f"memory: {memory.verdict.words}; heat: {heat.verdict}")
    figures = {
        "latency": latency,
        "energy per inference": plan.energy_per_inference_j,
        "duty cycle": plan.duty_cycle,
        "average power": plan.average_power_w,
        "energy per day": plan.energy_per_day_j,
        "battery life": plan.battery_life_s,
        "junction": heat.t_junction_c,
        "ambient at Tj limit": heat.t_ambient_max_c,
    }
    say_table(("figure", "estimate"), [(name, show(figure)) for name, figure in figures.items()])
    say(*(f"- {line}" for line in (*plan.findings, *plan.unknown, *heat.reasons)))


def _say_report(report: FitReport) -> None:
    say(f"{report.board.id}: {report.verdict.words} with {report.runtime} on {report.core}")
    figures = {
        "arena": report.arena_bytes,
        "flash": report.flash_bytes,
        "latency": report.latency_s,
        "energy": report.energy_per_inference_j,
    }
    say_table(("figure", "estimate"), [(name, show(figure)) for name, figure in figures.items()])
    say(*(f"- {line}" for line in (*report.reasons, *report.advice)))
    say(*(f"  {name}: {figure.source}" for name, figure in figures.items() if figure))


def compare(options: Options) -> int:
    """`tinykit compare`."""
    graph = open_model(options.model, options.representative)
    chosen = options.boards.split(",") if options.boards else MACHINES
    reports = line_up(graph, chosen, reserve=_reserve(options))
    if options.json:
        results = [{"machine": name_machine(report), **report.to_json()} for report in reports]
        say_json({"model": describe_model(graph), "results": results})
    else:
        say_table(
            ("machine", "board", "runtime", "clock", "verdict", "latency", "arena", "flash", "energy"),
            [_machine_row(report) for report in reports],
        )
        for report in reports:
            unknown = report.reasons if report.arena_bytes is None else report.unknown
            say(*(f"- {name_machine(report)}, {report.board.id}: {text}" for text in unknown))
    return 0 if any(report.verdict in ("fits", "tight") for report in reports) else 1


def _machine_row(report: FitReport) -> tuple[str, ...]:
    clock = report.npu.clock_hz if report.npu else report.clock_hz
    figures = (report.arena_bytes, report.flash_bytes, report.energy_per_inference_j)
    return (
        name_machine(report), report.board.id, report.runtime, format_quantity(clock, "Hz") if clock else "unknown",
        report.verdict.words, show(report.latency_s), *(show_short(figure) for figure in figures),
    )  # fmt: skip


def _list_placements(graph: ModelGraph, report: FitReport, options: Options) -> tuple[Placement, ...]:
    return list_placements(
        graph, report.board, runtime=report.runtime, runtime_version=options.runtime_version,
        clock_hz=options.clock, reserve=report.reserve,
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


def _choose_boards(options: Options) -> tuple[Board, ...]:
    if options.board_file:
        return (read_board(options.board_file),)
    return boards() if options.board == "all" else (board(options.board),)


def one_board(options: Options) -> Board:
    """The board of a command that needs exactly one.

    Raises
    ------
    ParameterError : none was named. UnknownBoardError, FactError : it is not there.
    """
    if options.board_file:
        return read_board(options.board_file)
    if not options.board:
        raise ParameterError("no board given; add --board ID (`tinykit boards` lists them) or --board-file TOML")
    return board(options.board)


def _reserve(options: Options) -> Reserve:
    default = Reserve()
    sram = default.sram_bytes if options.reserve_sram is None else options.reserve_sram
    code = default.flash_bytes if options.reserve_flash is None else options.reserve_flash
    return Reserve(sram, code)


def _latency(graph: ModelGraph, target: Board, options: Options) -> Estimate:
    if options.latency is not None:
        if not 0 < options.latency < _DAY_S:
            raise ParameterError(f"latency {options.latency} s; give seconds above 0, such as 0.0289")
        return Estimate.exact(options.latency, "s", "measured", _YOUR_FIGURE)
    clock_hz = options.clock or target.clock_hz
    if clock_hz is None:
        raise ParameterError(f"the clock of {target.id} is unknown; give it with --clock HZ")
    return predict_latency(
        graph,
        core=target.core,
        clock_hz=clock_hz,
        runtime=options.runtime or default_runtime(target.core),
        runtime_version=options.runtime_version,
        board=target,
    )
