"""What binds: every limit of a device held against the design, and the one that it breaks first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tinykit.budget.assessment.budgets import MISSED, UNKNOWN, Budgets, Check, check_budgets, hold
from tinykit.budget.assessment.chain import Assessment, assess_fit, check_for_use
from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.verdict import APPLICATION, ARENA, CODE, FitReport, Verdict
from tinykit.budget.thermal.check import HeatVerdict, judge_junction
from tinykit.ground.caches import remember
from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.energy.inputs import as_estimate
from tinykit.target.target import Target, as_target

AWAKE = "time awake"
KNOBS = {"period_s": ("period", "s"), "clock_hz": ("clock", "Hz"), "ambient_c": ("air", "degC")}
"""What a map may vary: its name and unit."""


@dataclass(frozen=True, slots=True)
class Binding(Result):
    """Every limit of a design as a check: its memories, time and heat, then what was wished."""

    JSON = ("binds=outcome", "words", "checks")

    design: Assessment
    checks: tuple[Check, ...]

    @property
    def missed(self) -> tuple[Check, ...]:
        """What is missed; the first one binds: that without which nothing runs, then the furthest beyond its limit."""
        missed = (one for one in self.checks if one.verdict == MISSED)
        wished = ((one.unit != "byte" and one.limit > 0, -one.used.value if one.used else 0.0, one) for one in missed)
        return tuple(one for *_, one in sorted(wished, key=lambda ranked: ranked[:2]))

    @property
    def outcome(self) -> str:
        """The name of what binds; else "unknown" where something is, and "nothing"."""
        unknown = UNKNOWN if any(one.verdict == UNKNOWN for one in self.checks) else "nothing"
        return self.missed[0].budget if self.missed else unknown

    @property
    def words(self) -> str:
        """What binds and by how much, what else is missed or unknown, and what is nearest where nothing is missed."""
        told = "nothing is known to bind" if self.outcome == UNKNOWN else f"{self.outcome} binds"
        near = max(((one.used.value, str(one)) for one in self.checks if one.used), default=(0.0, "unknown"))[1]
        told += f": {self.missed[0].tell()}" if self.missed else f"; nearest is {near}"
        told += f"; of the charge {self.design.say_consumers()}" if self.outcome == "life" else ""
        rest = {"missed too": self.missed[1:], UNKNOWN: [one for one in self.checks if one.verdict == UNKNOWN]}
        names = ((what, ", ".join(one.budget for one in some)) for what, some in rest.items() if some)
        return told + "".join(f"; {what}: {named}" for what, named in names)


def what_binds(
    design: Assessment, budgets: Budgets | None = None, cost: tuple[float | None, float] | None = None
) -> Binding:
    """Every limit of a design beside its need, and what is wished of it: budgets, and a price with the most it may be.

    All figures are those of `assess`: a memory is missed where `check_fit` says so, heat where `check_heat` does.
    Accuracy is not asked here. A price that is None is unknown. ParameterError: one that is not above 0.
    """
    fit, asked = design.fit, budgets or Budgets()
    figures = {name: getattr(fit, name) for name in ("flash_bytes", "arena_bytes", "latency_s")}
    figures |= {"energy_j": fit.energy_per_inference_j, "life_s": design.battery_life_s}
    lacking = "; ".join(design.power.unknown) if design.use.battery else "no battery is given"
    why = {"energy": lacking, "life": lacking, **dict(fit.unknown)}
    checks = [*check_memory(fit), *_check_running(design, asked.t_junction_c)]
    checks += check_budgets(replace(asked, t_junction_c=None), figures, why)
    if cost is not None:
        price, most = (None if one is None else as_estimate(one, "1", "price", low=1e-9) for one in cost)
        checks.append(hold("cost", most.value if most else 0.0, price, "1", "give the price of the parts"))
    return Binding(design, tuple(checks))


def check_memory(fit: FitReport) -> Iterator[Check]:
    """Each memory of a fit, missed where it does not fit, whatever was assumed as reserve; else why it does not run."""
    reserve, failed = fit.target.reserve, fit.verdict == Verdict.DOES_NOT_FIT
    for use in fit.regions:
        need = fit.flash_bytes if CODE in use.holds else fit.arena_bytes if ARENA in use.holds else None
        kept = reserve.flash_bytes if CODE in use.holds else reserve.sram_bytes if APPLICATION in use.holds else 0
        kept, used = kept if fit.target.is_assumed("reserve") else 0, float(use.used_bytes)
        ends = (used, used, used + (need.high - need.value if need else 0.0))
        figure = Estimate(*ends, "byte", need.basis if need else "modelled")
        check = hold(use.name, float(max(1, use.total_bytes - use.reserved_bytes + kept)), figure, "byte")
        failed = failed and check.met
        yield replace(check, worst=figure.high + kept)
    if failed or not fit.regions:
        limit = 0.0 if fit.verdict == Verdict.DOES_NOT_FIT else 1.0
        yield hold("run", limit, None, "", fit.refusal or "; ".join(fit.reasons))


def _check_running(design: Assessment, wished_c: float | None) -> Iterator[Check]:
    """Time awake in the period, the highest current against the cell's, and the junction that `check_heat` judged."""
    budget, heat = design.budget, design.heat
    if budget is None or heat is None:
        yield hold("junction", 1.0, None, "degC", "the latency is")
        return
    yield hold(AWAKE, 1.0, budget.duty_cycle, "1")
    drawn = [state.current_a for state in budget.states if state.current_a is not None]
    limit = (budget.pack.cell.max_pulse or budget.pack.cell.max_continuous) if budget.pack else None
    if budget.pack and limit and drawn:
        yield hold("pulse", limit.value * budget.pack.parallel, max(drawn, key=lambda one: one.value), "A")
    most_c, told, hot = heat.junction_max_c, heat.reasons[0], heat.verdict == HeatVerdict.TOO_HOT
    known = [one for one in (heat.t_junction_c, heat.t_junction_continuous_c) if one and most_c]
    need = next((one for one in known if most_c and judge_junction(one, most_c)[1] == told), None)
    if (need and most_c) or hot or heat.verdict == HeatVerdict.UNKNOWN:
        yield hold("junction", min(most_c or 0.0, wished_c or 1e9) if need else 1.0 - hot, need, "degC", told)


def map_binding(
    design: Assessment, budgets: Budgets, knobs: Mapping[str, Sequence[float]]
) -> tuple[tuple[str, ...], ...]:
    """What binds (`Binding.outcome`) over two of `KNOBS`: for each value of the second, for each of the first.

    All else stays as in the design; a period too short is missed by the time awake. ParameterError: not two knobs, or a
    value that `Use` or `Target` refuse.
    """
    if len(knobs) != 2 or not set(knobs) <= set(KNOBS):
        raise ParameterError(f"knobs {', '.join(knobs)[:60]!r}; give two of {', '.join(KNOBS)}, each with its values")
    (across, xs), (along, ys) = knobs.items()
    return tuple(tuple(_bind(design, budgets, {across: x, along: y}) for x in xs) for y in ys)


def _bind(design: Assessment, budgets: Budgets, place: dict[str, Any]) -> str:
    target = as_target(design.target, clock_hz=place.pop("clock_hz", None))
    found = _assess(design.fit.graph, target, replace(design.use, duty_cycle=None, **place))
    return what_binds(found, budgets).outcome if found else AWAKE


@remember
def _assess(graph: ModelGraph, target: Target, use: Use) -> Assessment | None:
    """None where the time awake is refused, for want of which alone an edge is when the middle is not."""
    fit = check_for_use(graph, target, use, brief=True)
    try:
        return assess_fit(fit, use)
    except ParameterError:
        return None
