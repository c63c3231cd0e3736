"""What is known of a budget while the network's latency is not: all around it, and which latency would be too long."""

from dataclasses import dataclass, replace
from functools import partial

from tinykit.budget.assessment.use import Use
from tinykit.budget.power.budget import PowerBudget, budget_power
from tinykit.budget.power.inverse import busy_per_inference, longest_latency
from tinykit.budget.power.timeline import attempt
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.results import Result
from tinykit.target.target import Target

_NONE = Estimate.exact(0.0, "s", "assumed", "the network left out: its latency is unknown")
_NEARLY_ALL = 0.999


@dataclass(frozen=True, slots=True)
class Beside(Result):
    """A budget without its network, and the latencies at which the network would break it.

    Parameters
    ----------
    budget : of sleep, sensor, front end, radio and loads; figures of the network itself are None.
    longest_s : the longest inference that the period has room for [s], at least 0.
    halving_s : the inference with which the battery lasts half as long as without the network [s]; None where there is
        no battery, its life is unknown, or the period ends before.
    """

    JSON = ("budget", "longest_inference_s=longest_s", "halving_inference_s=halving_s")

    budget: PowerBudget
    longest_s: float
    halving_s: float | None

    def lines(self) -> tuple[str, ...]:
        """What the latency may be, as sentences."""
        period, longest = (format_quantity(value, "s") for value in (self.budget.period_s, self.longest_s))
        told = [f"an inference longer than {longest} does not end within the period of {period}"]
        if self.halving_s is not None and self.budget.battery_life_s is not None:
            halving, life = format_quantity(self.halving_s, "s"), format_quantity(self.budget.battery_life_s.value, "s")
            told.append(f"without the network the battery lasts {life}; an inference of {halving} halves that")
        return tuple(told)


def budget_beside(target: Target, use: Use, why: str) -> Beside:
    """The budget of all but a network whose latency is unknown, for the reason given; errors as `budget_power`."""
    power, period_s = use.list_power(target), use.period_s
    plan = partial(use.plan, target)
    found = budget_power(target.board, plan(_NONE), period_s=period_s, **power)
    awake = sum(state.duration_s.high for state in found.states if state.name not in ("sleep", "inference"))
    longest = max(0.0, period_s - awake) / busy_per_inference(plan)
    states = tuple(state for state in found.states if state.name != "inference")
    of_duty = f"period, which a duty cycle makes of the latency: {format_quantity(period_s, 's')} is taken"
    told = () if use.duty_cycle is None else (of_duty,)
    unknown = (f"latency, and with it what the network draws: {why}", *told, *found.unknown)
    budget = replace(found, states=states, energy_per_inference_j=None, lines=(), unknown=unknown)
    life = found.battery_life_s
    if life is None or not longest:
        return Beside(budget, longest, None)

    setting = {name: value for name, value in power.items() if name != "battery"}
    answer, _ = attempt(
        lambda: longest_latency(
            target.board, life.value / 2, period_s, battery=power["battery"], around=plan, **setting
        )
    )
    halving = answer.value if answer else None
    return Beside(budget, longest, halving if halving and halving < longest * _NEARLY_ALL else None)
