"""The one chain: does it fit, how long does it take, what does it draw, how long does the cell last, how hot is it."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tinykit.budget.assessment.use import Beside, Use, budget_beside
from tinykit.budget.fit.check import check_target
from tinykit.budget.fit.verdict import FitReport
from tinykit.budget.power.budget import PowerBudget, budget_power
from tinykit.budget.power.dvfs import ClockSweep, sweep_clocks
from tinykit.budget.power.inverse import Answer, longest_latency as bisect_latency, shortest_period as bisect_period
from tinykit.budget.power.sensitivity import Settling, say_settling, settle_budget
from tinykit.budget.power.workload import Workload
from tinykit.budget.thermal.check import ThermalReport, check_heat
from tinykit.ground.caches import remember
from tinykit.ground.errors import UnknownFactError, keywords
from tinykit.ground.quantity import Estimate, Fact, format_quantity, propagate
from tinykit.ground.results import Result, Through
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.predict.energy.inputs import as_estimate
from tinykit.target.boards.record import Board, PowerRange
from tinykit.target.devices import NOTHING
from tinykit.target.runtimes import NPU_RUNTIME
from tinykit.target.target import Target, as_target

PERIODS_S = tuple(10.0 ** (step / 6) for step in range(-12, 31))
"""From 10 ms to 10⁵ s (a little more than a day), six steps a decade."""

_LEAST_PAUSE = 1.1
_TENTH = 1.1
_OWN_FIGURES = {"latency": "latency_s", "run current": "run_current_a", "sleep current": "sleep_current_a"}
_ASLEEP = {"stop": "STOP, RAM kept", "standby": "STANDBY, RAM lost and a reboot each time", "sleep": "SLEEP, clocks on"}


@dataclass(frozen=True, slots=True, repr=False)
class Assessment(Result):
    """What to expect of a network on a target in a use.

    Parameters
    ----------
    fit : memory, latency and energy.
    budget : power, None where the latency is unknown.
    heat : None where there is no budget.
    use : what was asked; `target` is the fit's.
    beside : where the latency is unknown, what all but the network draws, and which latency would be too long.
    """

    fit: FitReport
    budget: PowerBudget | None
    heat: ThermalReport | None
    use: Use = field(default_factory=Use)
    beside: Beside | None = None

    target = Through[Target]("fit.target", "Where and how it runs.")
    battery_life_s = Through[Estimate | None]("budget.battery_life_s", "Life of the battery [s]; None where unknown.")
    t_junction_c = Through[Estimate | None](
        "heat.t_junction_c", "Junction temperature on average [degC]; None where unknown."
    )

    @property
    def power(self) -> PowerBudget:
        """The budget, of all but the network where its latency is unknown (its `unknown` says so)."""
        return self.beside.budget if self.budget is None and self.beside else self.complete()[0]

    def complete(self) -> tuple[PowerBudget, ThermalReport]:
        """Power and heat, for whoever cannot go on without.

        UnknownFactError: the latency is unknown, and with it both; the message says why, and what to give.
        """
        if self.budget is None or self.heat is None:
            why = dict(self.fit.unknown).get("latency", "no evidence")
            raise UnknownFactError(
                f"the latency on {self.target.board.id} is unknown, so no power budget can be made: {why}\n"
                "measure it and give it (--latency S, Use(latency_s=…)), or choose another board"
            )
        return self.budget, self.heat

    def other_face(self) -> PowerBudget | None:
        """The budget of the board as sold where the bare chip's is in `budget`, and the other way round.

        None where the latency is unknown, or the record's currents know one face only.
        """
        board, latency = self.target.board, self.fit.latency_s
        if latency is None or board.current_scope == "board" or board.as_sold is None:
            return None
        return _budget(self.target.turned(), latency, self.use)

    def without_sensor(self) -> PowerBudget | None:
        """The budget of the same without its sensor and the time it takes; None without a sensor or a latency."""
        if self.use.senses is None or self.fit.latency_s is None:
            return None
        return _budget(self.target, self.fit.latency_s, replace(self.use, sensor=NOTHING, sense_s=None))

    def sweep_clocks(self) -> ClockSweep:
        """Mean power of the same work, once a period, over the clocks of the board.

        Raises
        ------
        UnknownFactError : latency, clock or current are unknown. ParameterError : no clock meets the period.
        """
        budget, _ = self.complete()
        clock = self.target.clock_hz
        if clock is None:
            raise UnknownFactError(f"the clock of board {budget.board.id!r} is unknown; give it: Target(clock_hz=…)")
        cycles = propagate(lambda time: time * clock, budget.latency, unit="cycle", source="latency times clock")
        use, board = self.use, _with_own_currents(budget.board, self.use, (budget.supply_v, clock))
        return sweep_clocks(board, cycles, budget.period_s, supply_v=use.supply_v, ambient_c=use.ambient_c)

    def shortest_period(self, life_s: float) -> Answer:
        """The shortest period with which the battery lasts as long as wished [s], all else as in `use`.

        Raises
        ------
        UnknownFactError : latency or life are unknown. ParameterError : the wished life is out of range.
        """
        budget, _ = self.complete()
        work = self.use.plan(self.target, budget.latency)
        return bisect_period(budget.board, work, life_s, **self.use.list_power(self.target))

    def longest_latency(self, life_s: float) -> Answer:
        """The longest inference with which the battery lasts as long as wished [s], all else as in `use`.

        Raises
        ------
        UnknownFactError : the life is unknown. ParameterError : the wished life is out of range.
        """
        setting = self.use.list_power(self.target)
        around, period_s = partial(self.use.plan, self.target), (self.budget or self.use).period_s
        return bisect_latency(self.target.board, life_s, period_s, around=around, **setting)

    def settle(self) -> tuple[Settling, ...]:
        """Which input, measured, would narrow the life (without a cell: the mean power) most, and by how much."""
        if self.budget is None:
            return (Settling("latency", "average power" if self.use.battery is None else "battery life"),)
        return settle_budget(self.budget, self._with_measured)

    def _with_measured(self, what: str, figure: Estimate) -> PowerBudget | None:
        """The budget with an input measured, and all that hangs on it; None for what `use` has no figure of."""
        name, (budget, _) = _OWN_FIGURES.get(what), self.complete()
        if name is None:
            return None
        own: dict[str, Any] = {name: figure, "sleep_mode": budget.sleep_mode}
        use = replace(self.use, **own)
        return _budget(self.target, figure if name == "latency_s" else budget.latency, use)

    def lines(self) -> tuple[tuple[str, str], ...]:
        """The verdicts as (subject, sentence), each figure with its interval and basis."""
        fit, budget, heat = self.fit, self.budget, self.heat
        told = (*self.left_out(), *(budget.findings if budget else self.beside.lines() if self.beside else ()))
        period = f"{format_quantity(budget.period_s, 's')}, duty cycle {budget.duty_cycle}" if budget else "unknown"
        life, consumers = _or_unknown(self.battery_life_s, budget.unknown if budget else ()), self.say_consumers()
        if budget is not None and budget.pack is None:
            life = "no battery given"
        return (
            ("memory", f"{fit.verdict.words}: {'; '.join(fit.reasons)}"),
            ("needed", f"arena {fit.arena_bytes or 'unknown'}, flash {fit.flash_bytes or 'unknown'}"),
            ("latency", _or_unknown(fit.latency_s)),
            ("period", period),
            *((("asleep", self.say_sleep()),) if budget else ()),
            ("energy per inference", _or_unknown(fit.energy_per_inference_j)),
            ("average power", _or_unknown(budget.average_power_w) if budget else self._without_network()),
            *((("charge by consumer", consumers),) if consumers else ()),
            ("battery life", life),
            ("junction", f"{heat.verdict}: {heat.reasons[0]}" if heat else "unknown"),
            ("to settle it", say_settling(self.settle())),
            *(("look out", finding) for finding in told),
        )

    def left_out(self) -> Iterable[str]:
        """What a device has that was not counted, or that changes the life by more than a tenth."""
        if self.use.senses is None and self.use.sensor is None:
            yield "no sensor is counted: name it, or the task of the network; 'none' where there is none"
        other, life = self.other_face(), self.battery_life_s
        if other is None or life is None or other.battery_life_s is None:
            return
        if not 1 / _TENTH <= other.battery_life_s.value / life.value <= _TENTH:
            sold, face = self.target.board.as_sold, ("bare chip" if self.target.as_sold else "board as sold")
            cut = f"; {sold.draws}; to cut: {sold.cut}" if sold and sold.cut else ""
            yield f"the {face} lasts {format_quantity(other.battery_life_s.value, 's')}{cut}"

    def say_sleep(self) -> str:
        """The mode between periods, and whether the kit chose it."""
        budget, names = self.power, [state.name for state in self.power.states]
        if "sleep" not in names:
            return (
                "while the sensor fills its buffer" if "sense" in names else "never: the period leaves no time for it"
            )
        own = self.use.sleep_mode is not None or self.use.sleep_current_a is not None
        current = budget.lines[0].currents_a[-1] if budget.lines else None
        at = f", at {format_quantity(current, 'A')}" if current else ""
        why = "" if own else f", the one that takes the least{self._say_standby()}"
        return f"{_ASLEEP[budget.sleep_mode]}{why}{at}"

    def _say_standby(self) -> str:
        """What STANDBY would take where STOP was chosen for fear of a slow reboot alone; empty elsewhere."""
        if self.budget is None or self.budget.sleep_mode != "stop":
            return ""
        other = _budget(self.target, self.budget.latency, replace(self.use, sleep_mode="standby"))
        now, then, names = self.budget.average_current_a, other.average_current_a, [one.name for one in other.states]
        if now is None or then is None or then.value >= now.value or "reboot" not in names:
            return ""
        reboot = format_quantity(other.states[names.index("reboot")].duration_s.value, "s")
        mean = f"{format_quantity(then.value, 'A')} on average instead of {format_quantity(now.value, 'A')}"
        return f" if a reboot is slow (STANDBY with one of {reboot}: {mean})"

    def say_consumers(self) -> str:
        """Who takes the charge, the most first; empty where the microcontroller is alone or a current is unknown."""
        known = sorted((one for one in self.power.lines if one.share), key=lambda one: -(one.share or 0.0))
        return ", ".join(f"{one.name} {one.share:.0%}" for one in known) if len(known) > 1 else ""

    def _without_network(self) -> str:
        known = self.beside.budget.average_power_w if self.beside else None
        return f"unknown; {known} without the network" if known else "unknown"

    def to_json(self) -> dict[str, Any]:
        """The document of `tinykit budget --json`."""
        latency = self.fit.latency_s
        return {
            "fit_verdict": self.fit.verdict,
            "latency_s": latency.to_json() if latency else None,
            **(self.budget.to_json() if self.budget else {}),
            **({"without_network": self.beside.to_json()} if self.beside else {}),
            **(self.heat.to_json() if self.heat else {}),
            "settle": [one.to_json() for one in self.settle()],
            "assumed": dict(self.target.assumed),
        }

    def __repr__(self) -> str:
        names = ("latency", "energy", "life", "Tj")
        figures = (self.fit.latency_s, self.fit.energy_per_inference_j, self.battery_life_s, self.t_junction_c)
        known = ((name, one) for name, one in zip(names, figures, strict=True) if one)
        told = (f"{name} {format_quantity(one.value, one.unit)}" for name, one in known)
        return f"Assessment({self.target}: {', '.join([self.fit.verdict.words, *told])})"


def _with_own_currents(board: Board, use: Use, at: tuple[float | None, float]) -> Board:
    """The board with the user's own currents for its record's, of a network at a supply [V] and a clock [Hz]."""
    (supply, clock), source = at, "current given by the user"
    if use.run_current_a is not None and supply is not None:
        run = as_estimate(use.run_current_a, "A", "run current")
        figures = ((run.low * supply, "W"), (run.high * supply, "W"), (supply, "V"), (clock, "Hz"))
        low, high, *place = (Fact(value, unit, run.basis, source) for value, unit in figures)
        board = replace(board, ml_power=(PowerRange(low, high, *place),))
    if use.sleep_current_a is None:
        return board
    asleep = as_estimate(use.sleep_current_a, "A", "sleep current")
    return replace(board, stop_current=Fact(asleep.value, "A", asleep.basis, source))


def _or_unknown(estimate: Estimate | None, reasons: Iterable[str] = ()) -> str:
    return str(estimate) if estimate is not None else ": ".join(["unknown", *(r.partition("\n")[0] for r in reasons)])


@keywords
def assess(
    graph: GraphOrFile, target: Target | Board | str | os.PathLike[str], use: Use | None = None, *,
    use_engine: bool = True
) -> Assessment:  # fmt: skip
    """Memory, latency, energy, battery life and heat of a network on a target in a use, in this order.

    The one place that orders them: each figure rests on the one before, with its interval. What has no evidence is
    None, with the reason in `fit.reasons` or `budget.unknown`; without a latency there is still what all but the
    network draws (`beside`).

    Parameters
    ----------
    graph : the model, or its file.
    target : a `Target`, or a board as it takes it: id, path of a TOML, `Board`.
    use : period, cell, air and what is around the network; None for `Use()`.
    use_engine : as in `check_fit`.

    Raises
    ------
    UnknownBoardError, UnknownRuntimeError : no such board, no such runtime.
    ParameterError : a value out of range, or a period shorter than the time awake.
    """
    wish = use or Use()
    return assess_fit(check_for_use(as_graph(graph), as_target(target), wish, use_engine=use_engine), wish)


def check_for_use(
    graph: ModelGraph, target: Target, use: Use, *, use_engine: bool = True, brief: bool = False
) -> FitReport:
    """The first half of `assess`: memory and latency, with the figures of one's own that the use names."""
    own: dict[str, Any] = {"latency_s": use.own_latency_s, "run_current_a": use.run_current_a}
    return check_target(graph, target, use_engine=use_engine, brief=brief, **own)


def assess_fit(fit: FitReport, wish: Use) -> Assessment:
    """The second half of `assess`: energy, battery life and heat of what `check_for_use` found; its errors."""
    if fit.latency_s is None:
        why = dict(fit.unknown).get("latency", "no evidence")
        return Assessment(fit, None, None, wish, budget_beside(fit.target, wish, why))
    budget = _budget(fit.target, fit.latency_s, wish)
    heat = check_heat(budget.board, budget, enclosure_area_m2=wish.enclosure_area_m2, sun_w=wish.sun_w)
    return Assessment(_with_energy(fit, budget.energy_per_inference_j), budget, heat, wish)


def sweep_periods(assessment: Assessment) -> tuple[PowerBudget, ...]:
    """Budgets of one design at `PERIODS_S`, all else as it is used; empty where the latency is unknown.

    Periods too short for the time awake are left out.
    """
    latency = assessment.fit.latency_s
    if latency is None:
        return ()
    return _sweep(assessment.target, latency, replace(assessment.use, period_s=1.0, duty_cycle=None))


@remember
def _sweep(target: Target, latency: Estimate, use: Use) -> tuple[PowerBudget, ...]:
    """Kept, since a slider of the period asks for the same curve again and again."""
    work, budget = use.plan(target, latency), _budgeter(target, use)
    return tuple(budget(work, period_s) for period_s in PERIODS_S if period_s > work.busy_s * _LEAST_PAUSE)


def _budget(target: Target, latency: Estimate, use: Use) -> PowerBudget:
    if use.duty_cycle is None:
        return _budgeter(target, use)(use.plan(target, latency), use.period_s)
    # How long an inference takes cancels out of a given duty cycle: only its energy keeps the interval.
    work = use.plan(target, replace(latency, low=latency.value, high=latency.value))
    found = _budgeter(target, use)(work, latency.value / use.duty_cycle)
    energy, power = found.energy_per_inference_j, found.run_power_w
    if energy is not None and power is not None:
        energy = propagate(lambda p, t: p * t, power, latency, unit="J", source=energy.sources)
    return replace(found, latency=latency, energy_per_inference_j=energy)


def _budgeter(target: Target, use: Use) -> Callable[[Workload, float], PowerBudget]:
    """Budgets of a target in a use, by workload and period; the currents of a core say nothing of its NPU."""
    board, power = target.board, use.list_power(target)
    if target.runtime == NPU_RUNTIME:
        board = replace(board, run_points=(), ml_power=())
    return lambda work, period_s: budget_power(board, work, period_s=period_s, **power)


def _with_energy(fit: FitReport, energy: Estimate | None) -> FitReport:
    """The fit with the budget's energy: the same currents, at the voltage of the cell."""
    if energy is None:
        return replace(fit, energy_per_inference_j=None)
    stale = {f"{what} unknown: {why}" for what, why in fit.unknown if what == "energy"}
    reasons = tuple(reason for reason in fit.reasons if reason not in stale)
    unknown = tuple(one for one in fit.unknown if one[0] != "energy")
    return replace(fit, energy_per_inference_j=energy, reasons=reasons, unknown=unknown)
