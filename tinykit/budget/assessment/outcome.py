"""What to expect of a network on a target in a use: memory and time, power and life, heat."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.verdict import FitReport
from tinykit.budget.power.budget import PowerBudget
from tinykit.budget.power.dvfs import ClockSweep, sweep_clocks
from tinykit.budget.power.inverse import Answer, shortest_period as bisect_period
from tinykit.budget.thermal.check import ThermalReport
from tinykit.ground.errors import UnknownFactError
from tinykit.ground.quantity import Estimate, format_quantity, propagate
from tinykit.target.target import Target


@dataclass(frozen=True, slots=True, repr=False)
class Assessment:
    """What to expect of a network on a target in a use.

    Parameters
    ----------
    fit : memory, latency and energy. budget : power, None where the latency is unknown.
    heat : None where there is no budget. use : what was asked; `target` is the fit's.
    """

    fit: FitReport
    budget: PowerBudget | None
    heat: ThermalReport | None
    use: Use = field(default_factory=Use)

    @property
    def target(self) -> Target:
        """Where and how it runs."""
        return self.fit.target

    @property
    def battery_life_s(self) -> Estimate | None:
        """Life of the battery [s]; None where unknown."""
        return self.budget.battery_life_s if self.budget else None

    @property
    def t_junction_c(self) -> Estimate | None:
        """Junction temperature on average [degC]; None where unknown."""
        return self.heat.t_junction_c if self.heat else None

    def complete(self) -> tuple[PowerBudget, ThermalReport]:
        """Power and heat, for whoever cannot go on without.

        Raises
        ------
        UnknownFactError : the latency is unknown, and with it both; the message says why, and what to give.
        """
        if self.budget is None or self.heat is None:
            why = dict(self.fit.unknown).get("latency", "no evidence")
            raise UnknownFactError(
                f"the latency on {self.target.board.id} is unknown, so no power budget can be made: {why}\n"
                "measure it and give it (--latency S, Use(latency_s=…)), or choose another board"
            )
        return self.budget, self.heat

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
        use = self.use
        return sweep_clocks(budget.board, cycles, budget.period_s, supply_v=use.supply_v, ambient_c=use.ambient_c)

    def shortest_period(self, life_s: float) -> Answer:
        """The shortest period with which the battery lasts as long as wished [s], all else as in `use`.

        Raises
        ------
        UnknownFactError : latency or life are unknown. ParameterError : the wished life is out of range.
        """
        budget, _ = self.complete()
        work = self.use.plan(self.target, budget.latency)
        return bisect_period(budget.board, work, life_s, **self.use.list_power(self.target))

    def lines(self) -> tuple[tuple[str, str], ...]:
        """The verdicts as (subject, sentence), each figure with its interval and basis."""
        fit, budget, heat = self.fit, self.budget, self.heat
        needed = f"arena {fit.arena_bytes or 'unknown'}, flash {fit.flash_bytes or 'unknown'}"
        life = _or_unknown(self.battery_life_s, budget.unknown if budget else ())
        if budget is not None and budget.pack is None:
            life = "no battery given"
        return (
            ("memory", f"{fit.verdict.replace('_', ' ')}: {'; '.join(fit.reasons)}"),
            ("needed", needed),
            ("latency", _or_unknown(fit.latency_s)),
            ("period", _tell_period(budget)),
            ("energy per inference", _or_unknown(fit.energy_per_inference_j)),
            ("average power", _or_unknown(budget.average_power_w if budget else None)),
            ("battery life", life),
            ("junction", f"{heat.verdict}: {heat.reasons[0]}" if heat else "unknown"),
            *(("look out", finding) for finding in (budget.findings if budget else ())),
        )

    def to_json(self) -> dict[str, Any]:
        """The document of `tinykit budget --json`."""
        latency = self.fit.latency_s
        return {
            "fit_verdict": self.fit.verdict,
            "latency_s": latency.to_json() if latency else None,
            **(self.budget.to_json() if self.budget else {}),
            **(self.heat.to_json() if self.heat else {}),
            "assumed": dict(self.target.assumed),
        }

    def __repr__(self) -> str:
        figures = {
            "latency": self.fit.latency_s,
            "energy": self.fit.energy_per_inference_j,
            "life": self.battery_life_s,
            "Tj": self.t_junction_c,
        }
        told = (f"{name} {format_quantity(one.value, one.unit)}" for name, one in figures.items() if one)
        return f"Assessment({self.target}: {', '.join([self.fit.verdict.replace('_', ' '), *told])})"


def _tell_period(budget: PowerBudget | None) -> str:
    return f"{format_quantity(budget.period_s, 's')}, duty cycle {budget.duty_cycle}" if budget else "unknown"


def _or_unknown(estimate: Estimate | None, reasons: Iterable[str] = ()) -> str:
    return str(estimate) if estimate is not None else ": ".join(["unknown", *(r.partition("\n")[0] for r in reasons)])
