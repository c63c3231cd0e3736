"""The whole question in one call: does it fit, how long does the cell last, how hot does the die get."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tinykit.budget.fit import FitReport, check_fit
from tinykit.budget.power import PowerBudget, budget_power
from tinykit.budget.thermal import ThermalReport, check_heat
from tinykit.ground.caches import remember
from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.results import Result
from tinykit.model.graph import ModelGraph
from tinykit.target.boards import Board

PERIODS_S = tuple(10.0 ** (step / 6) for step in range(-12, 31))
"""From 10 ms to 10⁵ s (a little more than a day), six steps a decade."""


@dataclass(frozen=True, slots=True)
class Outlook(Result):
    """What to expect of a model on a board.

    Parameters
    ----------
    fit : memory, latency and energy. budget : power, None where the latency is unknown.
    heat : None where there is no budget.
    """

    LINE = ("fit.board", "fit.verdict", "fit.latency_s", "battery_life_s", "t_junction_c")

    fit: FitReport = field(repr=False)
    budget: PowerBudget | None = field(repr=False)
    heat: ThermalReport | None = field(repr=False)

    @property
    def battery_life_s(self) -> Estimate | None:
        """Life of the battery [s]; None where unknown."""
        return self.budget.battery_life_s if self.budget else None

    @property
    def t_junction_c(self) -> Estimate | None:
        """Junction temperature on average [degC]; None where unknown."""
        return self.heat.t_junction_c if self.heat else None

    def _tell_period(self) -> str:
        budget = self.budget
        return f"{format_quantity(budget.period_s, 's')}, duty cycle {budget.duty_cycle}" if budget else "unknown"

    def lines(self) -> tuple[tuple[str, str], ...]:
        """The verdicts as (subject, sentence), each figure with its interval and basis."""
        fit, budget, heat = self.fit, self.budget, self.heat
        needed = f"arena {fit.arena_bytes or 'unknown'}, flash {fit.flash_bytes or 'unknown'}"
        life = _or_unknown(self.battery_life_s, budget.unknown if budget else ())
        if budget is not None and budget.pack is None:
            life = "no battery given"
        return (
            ("memory", f"{fit.verdict.words}: {'; '.join(fit.reasons)}"),
            ("needed", needed),
            ("latency", _or_unknown(fit.latency_s)),
            ("period", self._tell_period()),
            ("energy per inference", _or_unknown(fit.energy_per_inference_j)),
            ("average power", _or_unknown(budget.average_power_w if budget else None)),
            ("battery life", life),
            ("junction", f"{heat.verdict}: {heat.reasons[0]}" if heat else "unknown"),
            *(("look out", finding) for finding in (budget.findings if budget else ())),
        )


def _or_unknown(estimate: Estimate | None, reasons: Iterable[str] = ()) -> str:
    return str(estimate) if estimate is not None else ": ".join(["unknown", *(r.partition("\n")[0] for r in reasons)])


def look_ahead(
    graph: ModelGraph,
    board: Board | str,
    *,
    period_s: float = 10.0,
    battery: str | None = None,
    ambient_c: float = 25.0,
    **setting: object,
) -> Outlook:
    """Fit, power budget and heat of a model that runs once a period on a board; one energy, at the battery's voltage.

    Parameters
    ----------
    period_s : from one inference to the next [s]. battery : id of a cell, None for a supply without end.
    ambient_c : [degC]. setting : as in `check_fit`: `runtime`, `clock_hz`, `reserve` …

    Raises
    ------
    UnknownBoardError, UnknownBatteryError : no such board, no such cell.
    ParameterError : a value out of range, or a period shorter than the time awake.
    """
    fit = check_fit(graph, board, **setting)
    if fit.latency_s is None:
        return Outlook(fit, None, None)
    budget = budget_power(
        fit.board, fit.latency_s, battery=battery, period_s=period_s, ambient_c=ambient_c, clock_hz=fit.clock_hz
    )
    fit = replace(fit, energy_per_inference_j=budget.energy_per_inference_j)
    return Outlook(fit, budget, check_heat(fit.board, budget))


def look_hot(
    graph: ModelGraph,
    board: Board | str,
    *,
    duty_cycle: float,
    ambient_c: float = 25.0,
    enclosure_area_m2: float | None = None,
    sun_w: Estimate | float = 0.0,
    **setting: object,
) -> ThermalReport:
    """Heat of a model that runs a given fraction of the time on a board; how long an inference takes cancels out.

    Parameters
    ----------
    duty_cycle : time in inference over the period, above 0 and at most 1; the period is latency / duty cycle.
    ambient_c : [degC]. enclosure_area_m2 : outer surface of a closed box [m²], None for open air.
    sun_w : heat the sun leaves in the box [W].
    setting : as in `check_fit`.

    Raises
    ------
    UnknownBoardError : no such board. UnknownFactError : the latency on this board is unknown.
    ParameterError : a value out of range.
    """
    if not 0 < duty_cycle <= 1:
        raise ParameterError(
            f"duty cycle {duty_cycle!r}; give the fraction of the time in inference, above 0, at most 1"
        )
    fit = check_fit(graph, board, **setting)
    if fit.latency_s is None:
        raise UnknownFactError(f"the latency on board {fit.board.id!r} is unknown, and with it the power; take another")
    latency = fit.latency_s
    given = replace(latency, low=latency.value, high=latency.value)
    period_s = latency.value / duty_cycle
    budget = budget_power(fit.board, given, period_s=period_s, ambient_c=ambient_c, clock_hz=fit.clock_hz)
    return check_heat(fit.board, budget, enclosure_area_m2=enclosure_area_m2, sun_w=sun_w)


def sweep_periods(fit: FitReport, *, battery: str, ambient_c: float = 25.0) -> tuple[PowerBudget, ...]:
    """Budgets of one design at `PERIODS_S`, without those too short for it; empty where the latency is unknown.

    Parameters
    ----------
    fit : the design. battery : id of a cell. ambient_c : [degC].

    Raises
    ------
    UnknownBatteryError : no such cell.
    """
    if fit.latency_s is None:
        return ()
    return _sweep(fit.board, fit.latency_s, fit.clock_hz, battery, ambient_c)


@remember
def _sweep(
    board: Board, latency: Estimate, clock_hz: float | None, battery: str, ambient_c: float
) -> tuple[PowerBudget, ...]:
    """Kept, since a slider of the period asks for the same curve again and again."""
    budgets = []
    for period_s in PERIODS_S:
        if period_s > latency.value * 1.1:
            budgets.append(
                budget_power(board, latency, battery=battery, period_s=period_s, ambient_c=ambient_c, clock_hz=clock_hz)
            )
    return tuple(budgets)


def find_period(fit: FitReport, *, battery: str, wished_s: float, ambient_c: float = 25.0) -> float | None:
    """The shortest period [s] at which the low end of the battery life reaches a wished life [s].

    None where it never does, or where latency or a current is unknown. The low end: nine designs of ten last longer.

    Raises
    ------
    UnknownBatteryError : no such cell. ParameterError : the wished life is not above 0.
    """
    if not wished_s > 0 or not math.isfinite(wished_s):
        raise ParameterError(f"wished life {wished_s!r} s; give a time above 0, such as {format_quantity(3.15e7, 's')}")
    curve = [
        (budget.period_s, budget.battery_life_s.low)
        for budget in sweep_periods(fit, battery=battery, ambient_c=ambient_c)
        if budget.battery_life_s is not None
    ]
    enough = [index for index, (_, life) in enumerate(curve) if life >= wished_s]
    if not enough or enough[0] == 0:
        return curve[0][0] if enough else None
    (short, less), (long, more) = curve[enough[0] - 1], curve[enough[0]]
    share = math.log(wished_s / less) / math.log(more / less)
    return float(short * (long / short) ** share)
