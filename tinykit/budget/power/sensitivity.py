"""What moves the life of a battery, and what would settle it: one input at a time, all else as it was asked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tinykit.budget.power.budget import REGULATOR, PowerBudget, budget_power
from tinykit.budget.power.pack import capacity_of
from tinykit.budget.power.timeline import attempt, regulator_quiescent, sleep_current, wake_up
from tinykit.budget.power.workload import TRANSMIT, Load, Workload
from tinykit.ground.errors import UnknownFactError
from tinykit.ground.quantity import Estimate, Fact, format_quantity, relabel
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import load_constants
from tinykit.predict.energy.predict import predict_run_current

_LOSS_FACTORS = (0.5, 2.0)
_LEAST_GAIN = 0.01
_SIDES = ("before", "after", "loads")
_NAMES = {TRANSMIT: "radio event", "wake-up": "wake-up", "reboot": "reboot"}
_WORDS = (("duration_s", "time"), ("current_a", "current"), ("idle_a", "idle current"))
_Asked = dict[str, Any]


class Input(NamedTuple):
    """A figure of a budget: what to measure for it, its label, what is known of it, and its place in the question."""

    measure: str
    label: str
    known: Estimate | None
    path: tuple[str | int, ...]

    def put(self, asked: _Asked, new: Estimate) -> _Asked:
        """The arguments of `budget_power` with another figure in its place."""
        question: _Asked = _put(asked, self.path, new)
        return question


def _put(old: Any, path: Sequence[Any], new: Estimate) -> Any:
    if path and isinstance(old, tuple):
        return (*old[: path[0]], _put(old[path[0]], path[1:], new), *old[path[0] + 1 :])
    if path and isinstance(old, dict):
        return old | {path[0]: _put(old[path[0]], path[1:], new)}
    if path:
        return replace(old, **{path[0]: _put(getattr(old, path[0]), path[1:], new)})
    if isinstance(old, Fact):
        return Fact(new.value, new.unit, new.basis, new.source, low=new.low, high=new.high)
    return new.value if isinstance(old, float | int) else new


@dataclass(frozen=True, slots=True)
class Settling(Result):
    """What one measurement would do to a budget.

    Parameters
    ----------
    input : what to measure.
    figure : what it narrows, "battery life", or "average power" without a cell.
    now, then : that figure as it is, and once the input is measured; None where it is unknown without it.
    """

    input: str
    figure: str
    now: Estimate | None = None
    then: Estimate | None = None

    def __str__(self) -> str:
        if self.now is None or self.then is None:
            return f"measure the {self.input}: without it the {self.figure} is unknown"
        return f"measure the {self.input}: {_span(self.now)} becomes {_span(self.then)}"


@dataclass(frozen=True, slots=True)
class Swing(Result):
    """One input of a tornado.

    Parameters
    ----------
    name : of the input.
    low, high : the ends it was moved to, in `unit`.
    unit : of `low` and `high`.
    life_low_s, life_high_s : the lives at those ends, the shorter first [s].
    """

    name: str
    low: float
    high: float
    unit: str
    life_low_s: float
    life_high_s: float

    @property
    def width_s(self) -> float:
        """How far the input moves the life [s]."""
        return self.life_high_s - self.life_low_s


@dataclass(frozen=True, slots=True)
class Tornado(Result):
    """Swings of a life, the widest first; `life_s` at the best values."""

    LINE = ("budget.board", "life_s", "swings")

    budget: PowerBudget
    life_s: float
    swings: tuple[Swing, ...]


def settle_budget(
    budget: PowerBudget, again: Callable[[str, Estimate], PowerBudget | None] = lambda *_: None
) -> tuple[Settling, ...]:
    """Which input, once measured, narrows the interval of a life (without a cell: of the mean power) most, that first.

    Each input alone takes the interval that a meter leaves, ±5 % of its value where it is wider now, and the budget is
    made again. Where the figure is unknown: the inputs it is unknown for.

    Parameters
    ----------
    budget : as `budget_power` made it.
    again : the budget with an input measured, where more hangs on it than its own place; None for all others.
    """
    figure, now = _figure(budget)
    plain, inputs = list_inputs(budget)
    groups: dict[str, list[Input]] = {}
    for one in inputs:
        groups.setdefault(one.measure, []).append(one)
    if now is None:
        dark = [name for name, group in groups.items() if any(one.known is None for one in group)]
        states = [f"current of {state.name}" for state in budget.states if state.current_a is None]
        return tuple(Settling(name, figure) for name in dark or states or ["supply voltage"])
    left: dict[Settling, float] = {}
    for name, group in groups.items():
        asked = plain
        for one in group:
            asked = one.put(asked, _measure(one.known)) if one.known else asked
        anew = again(name, _measure(group[0].known)) if group[0].known else None
        if then := _figure(anew or budget_power(**asked))[1]:
            left[Settling(name, figure, now, then)] = then.high - then.low
    most = (1 - _LEAST_GAIN) * (now.high - now.low)
    return tuple(sorted((one for one, width in left.items() if width < most), key=left.__getitem__))


def say_settling(found: Sequence[Settling]) -> str:
    """The first of what `settle_budget` found, as a sentence."""
    error = load_constants("power", "sleep.toml")["meter"]["error"].value
    return str(found[0]) if found else f"no single measurement to {error:.0%} narrows it by more than {_LEAST_GAIN:.0%}"


def _figure(budget: PowerBudget) -> tuple[str, Estimate | None]:
    if budget.pack is None:
        return "average power", budget.average_power_w
    return "battery life", budget.battery_life_s


def _measure(known: Estimate) -> Estimate:
    """The estimate as wide as a meter leaves it."""
    error = load_constants("power", "sleep.toml")["meter"]["error"]
    low, high = max(known.low, known.value * (1 - error.value)), min(known.high, known.value * (1 + error.value))
    return relabel(known, low=low, high=high, sources=(*known.sources, f"as if measured: {error.source}"))


def _span(one: Estimate) -> str:
    low, high = format_quantity(one.low, one.unit), format_quantity(one.high, one.unit)
    number, _, unit = low.rpartition(" ")
    return f"{number if high.endswith(f' {unit}') else low} … {high}"


def list_inputs(budget: PowerBudget) -> tuple[_Asked, tuple[Input, ...]]:
    """The question of a budget spelt out, and everything in it that can be measured.

    Nothing where `budget_power` did not make it.
    """
    if budget.asked is None:
        return {}, ()
    asked, run = _spell_out(budget.asked, budget)
    given, mode = asked["sleep_current_a"], budget.sleep_mode
    sleep, _ = attempt(lambda: sleep_current(asked["board"], mode, budget.ambient_c, given))
    found = [
        Input("run current", "current of inference", run, ("run_current_a",)),
        Input("sleep current", "current of sleep", sleep, ("sleep_current_a",)),
        Input("latency", "time of inference", asked["latency"].latency, ("latency", "latency")),
        *_list_parts(asked["latency"]),
    ]
    if budget.pack:
        path = ("battery", "cell", "capacity")
        found.append(Input("capacity of the cell", "capacity", capacity_of(budget.pack.cell), path))
    sleeps = budget.states[-1].name == "sleep"
    return asked, tuple(one for one in found if sleeps or one.measure != "sleep current")


def _list_parts(work: Workload) -> Iterator[Input]:
    """The way out of sleep, what comes before and after the network, and the loads beside it."""
    places: list[tuple[str | int, ...]] = [("way_out",)] if work.way_out else []
    places += [(side, place) for side in _SIDES for place in range(len(getattr(work, side)))]
    for place in places:
        one = getattr(work, str(place[0]))
        one = one[place[1]] if len(place) > 1 else one
        what = "current" if isinstance(one, Load) else "time"
        name = _NAMES.get(one.name, f"{what} of the {one.name}")
        for field, word in _WORDS:
            known = getattr(one, field, None)
            if known is not None or (what, field) == ("current", "current_a"):
                yield Input(name, f"{word} of {one.name}", known, ("latency", *place, field))


def _spell_out(asked: _Asked, budget: PowerBudget) -> tuple[_Asked, Estimate | None]:
    """The question with the regulator and the way out of sleep as the workload's own; and the run current."""
    board, work, names = asked["board"], asked["latency"], [state.name for state in budget.states]
    own = {name: asked[name] for name in ("clock_hz", "run_current_a")}
    run, _ = attempt(lambda: predict_run_current(board, supply_v=budget.supply_v, **own))
    way = work.way_out or wake_up(board, budget.sleep_mode, run, asked["boot_s"])
    loads = [one.name for one in work.loads]
    more = [REGULATOR for line in budget.lines if line.name == REGULATOR and REGULATOR not in loads]
    kept = (*work.loads, *(Load(name, regulator_quiescent()) for name in more))
    return asked | {"latency": replace(work, loads=kept, way_out=way if way and way.name in names else None)}, run


def swing_life(budget: PowerBudget, *, derate: bool | None = None) -> Tornado:
    """Move each current, each time, the capacity, self-discharge and period alone, and see the life.

    Each current and time goes to the ends of its 80 % interval, the capacity to its spread, self-discharge
    to half and twice, the period by a tenth either way: a choice rather than a doubt, and named so.

    Parameters
    ----------
    budget : with a pack of known life.
    derate : as in `budget_power`; None takes the budget's own.

    Raises
    ------
    UnknownFactError : the budget has no battery life.
    """
    asked, inputs = list_inputs(budget)
    if budget.pack is None or budget.battery_life_s is None or not asked:
        raise UnknownFactError("the battery life of this budget is unknown, nothing moves it; give cell and currents")
    asked, loss = asked | ({} if derate is None else {"derate": derate}), budget.pack.cell.self_discharge
    period = Estimate(
        budget.period_s, max(_awake_s(asked), 0.9 * budget.period_s), 1.1 * budget.period_s, "s", "assumed"
    )
    choices = (
        Input("", "self-discharge", loss.estimate(*_LOSS_FACTORS), ("battery", "cell", "self_discharge")),
        Input("", "period (a choice)", period, ("period_s",)),
    )
    swings = [
        Swing(one.label, known.low, known.high, known.unit, min(lives), max(lives))
        for one in (*inputs, *choices)
        if (known := one.known) and known.low < known.high
        for lives in [[_life(one.put(asked, _at(known, end))) for end in (known.low, known.high)]]
    ]
    kept = sorted((swing for swing in swings if swing.width_s > 0), key=lambda swing: -swing.width_s)
    return Tornado(budget, _life(asked), tuple(kept))


def _at(known: Estimate, end: float) -> Estimate:
    return relabel(known, value=end, low=end, high=end)


def _awake_s(asked: _Asked) -> float:
    return float(asked["latency"].busy_s + sum(state.duration_s.value for state in asked["extra_states"]))


def _life(asked: _Asked) -> float:
    """The life [s]; a period shorter than the time awake is stretched to it."""
    period_s = max(asked["period_s"], _awake_s(asked) * (1 + 1e-9))
    life = budget_power(**asked | {"period_s": period_s}).battery_life_s
    return life.value if life else 0.0
