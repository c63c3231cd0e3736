"""What moves the life of a battery, and what would settle it: one input at a time, all else as it was asked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tinykit.budget.power.budget import REGULATOR, PowerBudget, budget_power
from tinykit.budget.power.pack import CellPack, capacity_of
from tinykit.budget.power.timeline import State, attempt, regulator_quiescent, sleep_current, wake_up
from tinykit.budget.power.workload import TRANSMIT, Load
from tinykit.ground.errors import UnknownFactError
from tinykit.ground.quantity import Estimate, Fact, format_quantity, relabel
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import load_constants
from tinykit.predict.energy.predict import predict_run_current

_LOSS_FACTORS = (0.5, 2.0)
_LEAST_GAIN = 0.01
_WORDS = (("duration_s", "time"), ("current_a", "current"), ("idle_a", "idle current"))
_Asked = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Input:
    """A figure of a budget: what to measure for it, its label, what is known of it, and how to ask with another."""

    measure: str
    label: str
    known: Estimate | None
    put: Callable[[_Asked, Estimate], _Asked]  # the arguments of `budget_power` -> those that change


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


def settle_budget(budget: PowerBudget) -> tuple[Settling, ...]:
    """Which input, once measured, narrows the interval of a life (without a cell: of the mean power) most, that first.

    Each input alone takes the interval that a meter leaves, ±5 % of its value where it is wider now, and the budget is
    made again. Where the figure is unknown: the inputs it is unknown for.

    Parameters
    ----------
    budget : as `budget_power` made it.
    """
    figure, now = _figure(budget)
    groups: dict[str, list[Input]] = {}
    for one in list_inputs(budget):
        groups.setdefault(one.measure, []).append(one)
    if now is None or budget.asked is None:
        dark = [name for name, group in groups.items() if any(one.known is None for one in group)]
        return tuple(Settling(name, figure) for name in dark)
    left: dict[Settling, float] = {}
    for name, group in groups.items():
        asked = budget.asked
        for one in group:
            asked = asked | (one.put(asked, _measure(one.known)) if one.known else {})
        if then := _figure(budget_power(**asked))[1]:
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


def list_inputs(budget: PowerBudget) -> Iterator[Input]:
    """Everything of a budget that can be measured; nothing where it was not made by `budget_power`."""
    if asked := budget.asked:
        yield from _list_currents(budget, asked)
        yield from _list_parts(asked)
        loads: tuple[Load, ...] = asked["latency"].loads
        if any(line.name == REGULATOR for line in budget.lines) and REGULATOR not in [one.name for one in loads]:
            name, own = f"current of the {REGULATOR}", regulator_quiescent()
            yield Input(name, name, own, lambda old, new: _rework(old, loads=(*loads, Load(REGULATOR, new))))
    if pack := budget.pack:
        yield Input("capacity of the cell", "capacity", capacity_of(pack.cell), partial(_put_cell, pack, "capacity"))


def _put_cell(pack: CellPack, field: str, old: _Asked, new: Estimate) -> _Asked:
    fact = Fact(new.value, new.unit, new.basis, new.source, low=new.low, high=new.high)
    changed: dict[str, Any] = {field: fact}
    return {"battery": replace(pack, cell=replace(pack.cell, **changed))}


def _list_currents(budget: PowerBudget, asked: _Asked) -> Iterator[Input]:
    """Run, sleep, latency and wake-up."""
    board, names = asked["board"], [state.name for state in budget.states]
    own = {name: asked[name] for name in ("clock_hz", "run_current_a")}
    run, _ = attempt(lambda: predict_run_current(board, supply_v=budget.supply_v, **own))
    given, ambient_c = asked["sleep_current_a"], budget.ambient_c
    sleep, _ = attempt(lambda: sleep_current(board, budget.sleep_mode, ambient_c, given))
    yield Input("run current", "run current", run, lambda _, new: {"run_current_a": new})
    if "sleep" in names:
        yield Input("sleep current", "sleep current", sleep, lambda _, new: {"sleep_current_a": new})
    yield Input("latency", "latency", asked["latency"].latency, lambda old, new: _rework(old, latency=new))
    way = asked["latency"].way_out or wake_up(board, budget.sleep_mode, run, asked["boot_s"])
    for field, word in _WORDS[:2]:
        if way and way.name in names:
            known, put = getattr(way, field), partial(_put_way, way, field)
            yield Input(way.name, f"{word} of {way.name}", known, put)


def _put_way(way: State, field: str, old: _Asked, new: Estimate) -> _Asked:
    changed: dict[str, Any] = {field: new}
    return _rework(old, way_out=replace(old["latency"].way_out or way, **changed))


def _rework(old: _Asked, **changes: Any) -> _Asked:
    return {"latency": replace(old["latency"], **changes)}


def _list_parts(asked: _Asked) -> Iterator[Input]:
    """What comes before and after the network, and the loads beside it."""
    for side in ("before", "after", "loads"):
        for place, one in enumerate(getattr(asked["latency"], side)):
            name = (
                "radio event"
                if one.name == TRANSMIT
                else f"{'current' if side == 'loads' else 'time'} of the {one.name}"
            )
            for field, word in _WORDS:
                known = getattr(one, field, None)
                if known is not None or (side, field) == ("loads", "current_a"):
                    yield Input(name, f"{word} of {one.name}", known, partial(_put_part, side, place, field))


def _put_part(side: str, place: int, field: str, old: _Asked, new: Estimate) -> _Asked:
    parts = list(getattr(old["latency"], side))
    parts[place] = replace(parts[place], **{field: new})
    return _rework(old, **{side: tuple(parts)})


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
    asked = budget.asked
    if asked is None or budget.battery_life_s is None:
        raise UnknownFactError("the battery life of this budget is unknown, nothing moves it; give cell and currents")
    asked = asked | ({} if derate is None else {"derate": derate})
    swings = [
        Swing(one.label, known.low, known.high, known.unit, min(lives), max(lives))
        for one in (*list_inputs(budget), *_list_choices(budget, asked))
        if (known := one.known) and known.low < known.high
        for lives in [[_life(asked | one.put(asked, _at(known, end))) for end in (known.low, known.high)]]
    ]
    kept = sorted((swing for swing in swings if swing.width_s > 0), key=lambda swing: -swing.width_s)
    return Tornado(budget, _life(asked), tuple(kept))


def _at(known: Estimate, end: float) -> Estimate:
    return relabel(known, value=end, low=end, high=end)


def _list_choices(budget: PowerBudget, asked: _Asked) -> Iterator[Input]:
    """Self-discharge and the period, over spans that no interval of the budget has."""
    if pack := budget.pack:
        loss = pack.cell.self_discharge.estimate(*_LOSS_FACTORS)
        yield Input("", "self-discharge", loss, partial(_put_cell, pack, "self_discharge"))
    period_s = budget.period_s
    span = Estimate(period_s, max(_awake_s(asked), 0.9 * period_s), 1.1 * period_s, "s", "assumed")
    yield Input("", "period (a choice)", span, lambda _, new: {"period_s": new.value})


def _awake_s(asked: _Asked) -> float:
    return float(asked["latency"].busy_s + sum(state.duration_s.value for state in asked["extra_states"]))


def _life(asked: _Asked) -> float:
    """The life [s]; a period shorter than the time awake is stretched to it."""
    period_s = max(asked["period_s"], _awake_s(asked) * (1 + 1e-9))
    life = budget_power(**asked | {"period_s": period_s}).battery_life_s
    return life.value if life else 0.0
