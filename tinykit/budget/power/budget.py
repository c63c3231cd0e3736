"""The power budget: a network, a board, a period and a cell become watts, joules a day and a life."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypedDict

from tinykit.budget.power.cells import Battery, cell_at
from tinykit.budget.power.pack import CellPack, check_average, check_pack, find_battery, pack_life, wire_pack
from tinykit.budget.power.timeline import (
    SLEEP_MODES,
    State,
    Timeline,
    attempt,
    best_sleep,
    halted_current,
    lay_timeline,
    regulator_quiescent,
    sleep_current,
    wake_up,
)
from tinykit.budget.power.workload import Load, LoadShare, Workload, add_loads, as_workload, break_down
from tinykit.ground.errors import keywords
from tinykit.ground.quantity import DAY_S, LONGEST_S, Estimate, format_quantity, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate
from tinykit.predict.energy.predict import check_supply, predict_run_current, supply_voltage
from tinykit.target.boards import find_board
from tinykit.target.boards.record import Board

REGULATOR = "regulator"
"""The load of a linear regulator between pack and board; one of this name in a workload is the user's own figure."""


@dataclass(frozen=True, slots=True)
class PowerBudget(Result):
    """What a duty-cycled inference costs, with everything it was computed from.

    Parameters
    ----------
    board, latency, period_s, pack, sleep_mode, ambient_c : the inputs; pack is None without a battery.
    supply_v : at the MCU [V].
    source_v : at the pack, or the same without one or without a regulator [V].
    states : in order of time; their charge adds up to average_current_a × period_s.
    run_power_w, mcu_power_w : W turned to heat in the package, during inference and on average.
    sleep_current_25_a : of the retention mode at 25 °C [A]; None if unknown or if clocks stay on.
    energy_per_inference_j : gross of idle [J].
    average_current_a, average_power_w, energy_per_day_j : drawn from the pack or supply [A], [W], [J].
    battery_life_s, life_without_self_discharge_s : s.
    duty_cycle : time awake, 0–1.
    findings : what the design cannot do.
    unknown : why a figure is None.
    lines : the same charge by consumer: MCU, radio, loads, regulator.
    derate : as it was asked for.
    asked : the arguments of `budget_power`, to ask again with another figure; None where it did not make this.
    """

    LINE = ("board", "period_s", "pack.cell", "average_power_w", "battery_life_s")
    JSON = (
        *("board=board.id", "battery=pack.cell.id", "cells=pack", "period_s", "sleep_mode", "supply_v"),
        *("average_power_w", "energy_per_day_j", "battery_life_s", "duty_cycle", "energy_per_inference_j"),
        *("average_current_a", "run_power_w", "life_without_self_discharge_s", "states", "lines"),
        *("findings", "unknown"),
    )

    board: Board
    latency: Estimate
    period_s: float
    pack: CellPack | None
    sleep_mode: str
    ambient_c: float
    supply_v: float | None
    source_v: float | None
    states: tuple[State, ...]
    duty_cycle: Estimate
    run_power_w: Estimate | None
    mcu_power_w: Estimate | None
    sleep_current_25_a: Estimate | None
    average_current_a: Estimate | None
    average_power_w: Estimate | None
    energy_per_inference_j: Estimate | None
    energy_per_day_j: Estimate | None
    battery_life_s: Estimate | None
    life_without_self_discharge_s: Estimate | None
    findings: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    lines: tuple[LoadShare, ...] = ()
    derate: bool = True
    asked: dict[str, Any] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class _Supply:
    """Voltages at the MCU and at the pack [V], and whether a linear regulator stands between."""

    mcu_v: float | None
    source_v: float | None
    regulated: bool
    findings: tuple[str, ...] = ()


class SupplySetting(TypedDict, total=False):
    """Arguments of `budget_power` beside board, latency, period, battery and clock, for functions that hand them on."""

    ambient_c: float
    supply_v: float | None
    run_current_a: Estimate | float | None
    sleep_current_a: Estimate | float | None
    sleep_mode: str | None
    boot_s: Estimate | float | None
    extra_states: Sequence[State]
    derate: bool


class PowerSetting(SupplySetting, total=False):
    """The same with the clock."""

    clock_hz: float | None


@keywords
def budget_power(
    board: Board | str, latency: Workload | Estimate | float, *,
    battery: CellPack | Battery | str | os.PathLike[str] | None = None, period_s: float = 1.0,
    ambient_c: float = 25.0, supply_v: float | None = None, clock_hz: float | None = None,
    run_current_a: Estimate | float | None = None, sleep_current_a: Estimate | float | None = None,
    sleep_mode: str | None = None, boot_s: Estimate | float | None = None, extra_states: Sequence[State] = (),
    derate: bool = True
) -> PowerBudget:  # fmt: skip
    """Budget one inference a period, asleep in between: I_avg = Σ I_i t_i / T, and what follows from it.

    The user's own figures win over the board's record. What has no figure stays None, with the
    reason in `unknown`.

    Parameters
    ----------
    board : catalogue id, or a `Board`.
    latency : one inference [s], or a `Workload` with what comes before, after and beside it.
    period_s : from one inference to the next, or from one look of a gate to the next [s].
    battery : id of a cell, path of a TOML, a cell or a `CellPack`; a lone cell too low for the board is wired in
        series.
    ambient_c : [degC], of board and cell: raises the retention current, and moves the cell (`cell_at`) unless it
        comes moved already.
    supply_v, clock_hz : of the MCU [V], [Hz].
    run_current_a, sleep_current_a : measured by the user [A].
    sleep_mode : "stop", "standby" or "sleep"; None for the one that takes the least at this period.
    boot_s : out of "standby", from the first instruction until the network can run [s]; None for 5 [1, 50] ms.
    extra_states : further awake stretches of the period, current at the supply.
    derate : lower a coin cell's capacity at high average current.

    Raises
    ------
    ParameterError : a value is negative, NaN or absurd, or the period is shorter than the time awake.
    UnknownBatteryError, UnknownBoardError : no cell or board of that id.
    """
    asked = dict(locals())
    target, given = find_board(board), as_workload(latency)
    period = as_estimate(period_s, "s", "period", low=1e-6, high=LONGEST_S).value
    ambient = as_estimate(ambient_c, "degC", "ambient", low=-60.0, high=200.0).value
    pack = _take_pack(battery, target, ambient)
    supply = _choose_supply(target, pack, supply_v)
    run, no_run = attempt(
        lambda: predict_run_current(target, clock_hz=clock_hz, supply_v=supply.mcu_v, run_current_a=run_current_a)
    )
    asleep = partial(sleep_current, target, clock_hz=clock_hz)
    found = {mode: attempt(partial(asleep, mode, ambient)) for mode in SLEEP_MODES}
    idle = {mode: current for mode, (current, _) in found.items()}
    ways = {mode: wake_up(target, mode, run, boot_s) for mode in SLEEP_MODES}
    left = period - sum(state.duration_s.value for state in extra_states)
    work = given.within(left)
    rest = left - sum(stage.duration_s.value * stage.times for stage in work.stages())
    mode = sleep_mode or ("stop" if sleep_current_a is not None else best_sleep(idle, ways, rest))
    known = found.get(mode) if sleep_current_a is None else None
    sleep, no_sleep = known or attempt(lambda: asleep(mode, ambient, sleep_current_a))
    find = {**idle, "sleep": halted_current(idle["sleep"], run), mode: sleep, "run": run}
    busy = (*(stage.to_state(find.get) for stage in work.stages()), *extra_states)
    timeline = lay_timeline(Timeline(busy, None, period), run=run, sleep=sleep, way=given.way_out or ways[mode])
    design = _Design(target, work, pack, mode, ambient, supply, timeline, derate, _check_clock(target, clock_hz))
    budget = _total(design, run, no_run, no_sleep if timeline.sleep else "")
    return replace(budget, asked=asked | {"board": target, "latency": given, "battery": pack, "sleep_mode": mode})


@dataclass(frozen=True, slots=True)
class _Design:
    """The checked inputs of a budget."""

    board: Board
    work: Workload
    pack: CellPack | None
    sleep_mode: str
    ambient_c: float
    supply: _Supply
    timeline: Timeline
    derate: bool
    notes: tuple[str, ...]


def _total(design: _Design, run: Estimate | None, *reasons: str) -> PowerBudget:
    supply, timeline = design.supply, design.timeline
    drawn, loads = _draw(design)
    average = drawn.average_current()
    life, ideal, beyond = _life(design, average)
    law = design.work.check_duty(timeline.period_s)
    findings = (*design.notes, *supply.findings, *law, *_check_period(timeline), *_check_cells(design, drawn, average))
    asleep = attempt(lambda: sleep_current(design.board, design.sleep_mode, 25.0))[0]
    return PowerBudget(
        board=design.board, latency=design.work.latency, period_s=timeline.period_s, pack=design.pack,
        sleep_mode=design.sleep_mode, ambient_c=design.ambient_c, supply_v=supply.mcu_v, source_v=supply.source_v,
        states=drawn.states, duty_cycle=timeline.duty_cycle(),
        sleep_current_25_a=None if design.sleep_mode == "sleep" else asleep,
        battery_life_s=life, life_without_self_discharge_s=ideal, findings=(*findings, *beyond),
        unknown=tuple(filter(None, (*reasons, *_unknown_currents(timeline, loads), *_unknown_supply(design)))),
        lines=break_down(timeline, average, loads), derate=design.derate, **_powers(design, run, average),
    )  # fmt: skip


def _draw(design: _Design) -> tuple[Timeline, tuple[Load, ...]]:
    """The timeline as the source sees it, and what draws beside the MCU: loads, and a regulator's own current."""
    loads = design.work.loads
    drawn = add_loads(design.timeline, loads)
    if not design.supply.regulated or any(one.name == REGULATOR for one in loads):
        return drawn, loads
    own = regulator_quiescent()
    return add_loads(drawn, [Load("the regulator's own current", own)]), (*loads, Load(REGULATOR, own))


def _unknown_currents(bare: Timeline, loads: Sequence[Load]) -> tuple[str, ...]:
    """Reasons for states and loads of unknown current that neither run nor sleep explains."""
    own = ("inference", "sleep", "wake-up", "reboot", "idle")
    names = [f"state {one.name!r}" for one in bare.awake if one.current_a is None and one.name not in own]
    names += [f"the {one.name}" for one in loads if one.current_a is None]
    return tuple(f"current of {name} is unknown; give it in A" for name in names)


def _unknown_supply(design: _Design) -> tuple[str, ...]:
    """Reasons for an unknown supply, and for a cell that nothing can be held against."""
    name = design.board.id
    if not design.supply.source_v:
        return (f"board {name!r} has no supply voltage on record; give it in V.",)
    if design.pack is None or design.board.supply_min is not None:
        return ()
    return (f"board {name!r} has no lowest supply on record: whether {design.pack} can start it is unknown",)


def _powers(design: _Design, run: Estimate | None, average: Estimate | None) -> dict[str, Any]:
    """Current, powers and energies of a budget: drawn from the source on average, and turned to heat in the MCU."""
    supply, law = design.supply, "P = V I"
    power, run_power = _times(average, supply.source_v, "W", law), _times(run, supply.mcu_v, "W", law)
    energy = run_power and propagate(lambda p, t: p * t, run_power, design.work.latency, unit="J", source="E = P t")
    return {
        "run_power_w": run_power,
        "mcu_power_w": _times(design.timeline.average_current(), supply.mcu_v, "W", law),
        "average_current_a": average,
        "average_power_w": power,
        "energy_per_inference_j": energy,
        "energy_per_day_j": _times(power, DAY_S, "J", "average power over a day"),
    }


def _times(estimate: Estimate | None, factor: float | None, unit: str, law: str) -> Estimate | None:
    if estimate is None or factor is None:
        return None
    return propagate(lambda number: number * factor, estimate, unit=unit, source=law)


def _take_pack(
    battery: CellPack | Battery | str | os.PathLike[str] | None, board: Board, ambient_c: float
) -> CellPack | None:
    """The pack, its cells at ambient."""
    if battery is None:
        return None
    found = find_battery(battery)
    if not isinstance(found, CellPack):
        found = wire_pack(found, board.supply_min.value if board.supply_min else None)
    return found if found.cell.temperature else replace(found, cell=cell_at(found.cell, ambient_c))


def _choose_supply(board: Board, pack: CellPack | None, supply_v: float | None) -> _Supply:
    """The user's supply, else the pack itself, else (pack above the maximum, or no pack) the board's own."""
    given = None if supply_v is None else check_supply(supply_v)
    own = attempt(lambda: supply_voltage(board))[0] if given is None else given
    if pack is None:
        return _Supply(own, own, False)
    nominal, most = pack.nominal_v, board.supply_max
    if given is None and (most is None or nominal <= most.value):
        return _Supply(nominal, nominal, False)
    if own is None or own >= nominal * (1 - 1e-9):
        text = f"{pack} gives {nominal:.3g} V, the supply is to be {own or 0:.3g} V: a boost converter is not modelled"
        findings = (text,) if own is not None and own > nominal * (1 + 1e-9) else ()
        return _Supply(own or nominal, nominal, False, findings)
    return _Supply(own, nominal, True)


def _life(design: _Design, average: Estimate | None) -> tuple[Estimate | None, Estimate | None, tuple[str, ...]]:
    if average is None or design.pack is None:
        return None, None, ()
    life = pack_life(design.pack, average, derate=design.derate)
    ideal = pack_life(design.pack, average, derate=design.derate, self_discharge=False) if average.low > 0 else None
    return life, ideal, check_average(design.pack, average, life)


def _check_clock(board: Board, clock_hz: float | None) -> tuple[str, ...]:
    if clock_hz is None or board.clock_hz is None:
        return ()
    asked, listed = format_quantity(clock_hz, "Hz"), [fact.value for fact in board.cores[0].clocks]
    if clock_hz > board.clock_hz * (1 + 1e-9):
        return (f"clock of {asked} is above the highest of {board.id}, {format_quantity(board.clock_hz, 'Hz')}",)
    if not listed or any(math.isclose(clock_hz, clock) for clock in listed):
        return ()
    return (f"{board.id} does not run at {asked}: {', '.join(format_quantity(clock, 'Hz') for clock in listed)} only",)


def _check_cells(design: _Design, drawn: Timeline, average: Estimate | None) -> tuple[str, ...]:
    bursts = [(state.current_a, state.burst_s) for state in drawn.awake if state.current_a is not None]
    if design.pack is None or not bursts:
        return ()
    run_a, run_s = max(bursts, key=lambda burst: burst[0].value)
    regulated = design.supply.regulated
    return check_pack(design.pack, design.board, run_a=run_a, run_s=run_s, average_a=average, regulated=regulated)


def _check_period(timeline: Timeline) -> tuple[str, ...]:
    longest = sum(state.duration_s.high for state in timeline.awake if state.awake)
    if longest <= timeline.period_s or timeline.sleep is None:
        return ()
    worst, period = format_quantity(longest, "s"), format_quantity(timeline.period_s, "s")
    return (f"time awake may reach {worst}, longer than the period of {period}: some inferences would be late",)
